"""The lives that end: doors, worker and partners, each a process of its own, forked from one that has all in memory."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from werkzeug.serving import make_server

import gateway.app as joining
from gateway import registry
from gateway.errors import Busy
from gateway.model import PartnerId, Sealed
from gateway.shell import partner_host
from gateway.shell.client import wear
from gateway.shell.config import Settings
from gateway.shell.doors import make_doors
from gateway.shell.host_book import HostBook
from gateway.shell.house import House
from gateway.shell.worker import Worker
from tests.store.crash.points import PointedCourier, PointedDoors, PointedStore, Points

ROUTES = "/soap|/api/v1/(messages|inbox)"
load = cache(lambda: registry.load([]))
load()
"""Made once, before the first life."""


def live(half: str, words: Mapping[str, Any], arm: str, log: str) -> None:
    """One life of a half, until it is killed."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    HALVES[half](words, Points(half, Path(arm)))


def build(words: Mapping[str, Any], told: Points) -> House:
    """A house whose store and courier tell."""
    from dataclasses import replace

    settings = Settings(**words)
    shipped, own = load(), registry.Tree((*load().tree.roots, *settings.roots))
    joining.registry.load = lambda _roots: replace(shipped, tree=own)
    joining.Store = PointedStore
    PointedStore.told = staticmethod(told)
    house = joining.build(settings)
    courier = PointedCourier(house.setup.courier, told, settings.state_dir / "sent")
    return replace(house, setup=replace(house.setup, courier=courier))


def doors(words: Mapping[str, Any], told: Points) -> None:
    """The partner doors."""
    house = build(words, told)
    app = PointedDoors(make_doors(house), told, ROUTES)
    make_server("127.0.0.1", house.settings.port, app, threaded=True).serve_forever()


def worker(words: Mapping[str, Any], told: Points) -> None:
    """A worker that looks often, for silences too."""
    joining.Worker = lambda *given, **words: Worker(*given, **{**words, "sweep_every": 0.05, "chore_every": 1.0})
    joining.make_worker(build(words, told)).run(Event())


class Later(Busy):
    """A partner wants this message again later."""

    status = 425


def partners(words: Mapping[str, Any], told: Points) -> None:
    """All simulated partners, with their doors, clerks and pullers."""
    later = Path(words["state_dir"]) / "later"

    class PointedBook(HostBook):
        def keep(self, verified: Any, receipt_id: str, answer: Sealed, at: datetime) -> None:
            if later.exists():
                later.unlink()
                raise Later("not now")
            told("keep.before")
            super().keep(verified, receipt_id, answer, at)
            told("keep.after")

    partner_host.PATIENCE = 0.2
    partner_host.HostBook = PointedBook  # type: ignore[misc]
    for word in words["residents"]:
        start_partner(Path(words["state_dir"]), words["url"], word)
    Event().wait()


def start_partner(state: Path, url: str, word: Mapping[str, Any]) -> None:
    folder, partner = state / "demo" / word["id"], PartnerId(word["id"])
    hat = wear(partner, sorted(folder.glob(f"{partner}-*.pem")), state / "trust", url, word["signs_with"])
    ahead = datetime.fromisoformat(word["clock"]) - datetime.now(UTC)
    role = partner_host.Role(
        hat=hat, profile=word["profile"], folder=folder, pulls=word["pulls"], ahead=max(ahead, timedelta(days=-3650))
    )
    partner_host.PartnerHost(role).start("127.0.0.1", word["port"])


HALVES: dict[str, Callable[[Mapping[str, Any], Points], None]] = {
    "doors": doors, "worker": worker, "partners": partners,
}  # fmt: skip
