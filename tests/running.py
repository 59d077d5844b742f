"""A real gateway for tests: embedded PostgreSQL, a demo trust, and the partner doors, served on a free port."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from uuid import uuid4

import requests

from gateway.app import build, make_worker
from gateway.shell.config import Settings
from gateway.shell.demo_ca import make_demo_trust
from gateway.shell.house import House
from gateway.shell.postgres import Postgres
from gateway.shell.processes import served
from gateway.shell.store import Store

PARTNERS = ("aeo_registry_kz", "customs_kz", "health_kz", "mra_cn")
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Running:
    """`url` of the doors; `partner_keys` by partner and kind (`rsa`, `ec`): PEM files with key and certificate."""

    url: str
    state: Path
    partner_keys: Mapping[str, Mapping[str, Path]]
    house: House
    log: Path

    @property
    def store(self) -> Store:
        """The same database that the doors use."""
        return self.house.store

    @property
    def authority(self) -> str:
        """Host and port of the doors."""
        return self.url.partition("://")[2]


@contextmanager
def running_gateway(tmp: Path, *, doors: bool = True, **settings: object) -> Iterator[Running]:
    """Doors on 127.0.0.1 over a database of their own. No worker: what is accepted stays queued (`working`).

    Without `doors` who calls starts them.
    """
    state = tmp / "state"
    make_demo_trust(state, list(PARTNERS))
    keys = {one: {kind: state / "demo" / one / f"{one}-{kind}.pem" for kind in ("rsa", "ec")} for one in PARTNERS}
    with Postgres(tmp / "postgres") as server:
        given = {"state_dir": state, "database_url": server.dsn, "port": free_port(), "threads": 12, **settings}
        house = build(Settings(**given))  # type: ignore[arg-type]
        log = tmp / "doors.log"
        with house.store, _served(house.settings, log) if doors else nullcontext():
            yield Running(url=house.settings.url, state=state, partner_keys=keys, house=house, log=log)


@contextmanager
def working(running: Running) -> Iterator[None]:
    """A worker delivers meanwhile."""
    stop = Event()
    thread = Thread(target=make_worker(running.house).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


@contextmanager
def _served(settings: Settings, log: Path) -> Iterator[None]:
    command = served("front", "127.0.0.1", settings.port, threads=settings.threads)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(settings), stdout=stream, stderr=subprocess.STDOUT
        )  # fmt: skip
        try:
            await_ready(settings.url, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment(settings: Settings) -> dict[str, str]:
    """What a process of the gateway needs to know to be one of this gateway's."""
    names = ("state_dir", "database_url", "port", "threads", "largest_message", "largest_spooled", "environment")
    env = {**os.environ, **{f"GATEWAY_{name.upper()}": str(getattr(settings, name)) for name in names}}
    return {**env, "GATEWAY_ROOTS": json.dumps([str(root) for root in settings.roots])}


def await_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """The doors answer that they are ready; else what they said is told."""
    end = monotonic() + 60
    while monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{url}/ready", timeout=2).status_code == 200:
                return
        except requests.RequestException:
            sleep(0.05)
    raise AssertionError(f"the doors did not open:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def new_id() -> str:
    """A message id that was never used."""
    return uuid4().urn
