"""The only joining place: reads settings and trees, opens the store, and makes the setup, the doors and the worker."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import psycopg
import structlog
import uuid6

from gateway import registry
from gateway.envelope.rest import MESSAGES_PATH
from gateway.errors import GatewayError
from gateway.model import Corridor, PartnerId
from gateway.pipeline import conclude, forward
from gateway.setup import Setup
from gateway.shell import queries
from gateway.shell.config import Settings, load_settings
from gateway.shell.courier import HttpCourier
from gateway.shell.depot import StoreDepot
from gateway.shell.fence import FencedCourier
from gateway.shell.house import House
from gateway.shell.keyring import FileKeyring
from gateway.shell.leaving import Leaving
from gateway.shell.ledger import PostgresLedger
from gateway.shell.logs import configure_logs, form_in, telling
from gateway.shell.partners import load_partners, own_addresses, voiceless
from gateway.shell.presence import Presence
from gateway.shell.retention import keep_house
from gateway.shell.revisions import REVISION, apply_schema
from gateway.shell.spool import Spool
from gateway.shell.store import Store
from gateway.shell.uploads import PATIENCE, Uploads
from gateway.shell.watch.alerts import Alerts
from gateway.shell.watch.clock import ClockGuard, GuardedKeyring, Read, database_clock, ntp_clock
from gateway.shell.watch.conditions import limits_of
from gateway.shell.watch.ledger import WatchedLedger
from gateway.shell.watch.messengers import messengers_of
from gateway.shell.watch.traces import tracer
from gateway.shell.worker import Periodic, Worker
from gateway.silence import tell_silence

if TYPE_CHECKING:
    from flask import Flask

    from gateway.shell.front import Front

log = structlog.get_logger("gateway")

MEGABYTE = 1_000_000
LONG_IDLE = 3600.0
"""Seconds that a transaction of an archive may rest."""


def utc_now() -> datetime:
    """The clock of a running gateway."""
    return datetime.now(UTC)


def build(settings: Settings) -> House:
    """Everything checked and open. Raises ConfigurationError listing what cannot be used; Busy without a database."""
    configure_logs(settings.log_format)
    trees = registry.load([Path(root) for root in settings.roots])
    production = settings.environment == "production"
    partners = load_partners(trees.tree, settings.trust_dir, production=production, usual=settings.terms)
    for partner in voiceless(partners):
        log.warning("partner-without-certificate", partner=partner)
    corridors = {key: _scaled(corridor, settings.silence_scale) for key, corridor in trees.corridors.items()}
    apply_schema(settings.database_url, utc_now())
    store = Store(settings.database_url, largest=settings.threads + 4).open()
    Presence(store, REVISION).start()
    ledger = PostgresLedger(
        store, corridors.values(), clock=utc_now, ids=uuid6.uuid7,
        terms={partner.id: partner.terms for partner in partners.values()}, retries=settings.terms.retries,
    )  # fmt: skip
    guard, depot = guard_clock(settings, store), depot_of(settings, store)
    setup = Setup(
        partners=partners,
        schemas=trees.schemas,
        corridors=corridors,
        translations=trees.translations,
        codes=trees.codes,
        twins=trees.twins,
        keyring=GuardedKeyring(FileKeyring(key_files(settings), production=production), guard),
        ledger=WatchedLedger(ledger, utc_now, tracer()),
        courier=HttpCourier(settings.delivery_timeout, depot),
        depot=depot,
        clock=utc_now,
        ids=uuid6.uuid7,
        addresses=own_addresses(settings.url),
        window=timedelta(seconds=settings.window_seconds),
        skew=timedelta(seconds=settings.skew_seconds),
        log=log.warning,
    )
    return House(settings=settings, registry=trees, store=store, ledger=ledger, setup=setup, clock_guard=guard)


def depot_of(settings: Settings, store: Store) -> StoreDepot:
    """Where long messages are: below state_dir until they are in the database."""
    room, free = settings.spool_megabytes * MEGABYTE, settings.watch.least_free_megabytes * MEGABYTE
    share = max(room * settings.spool_share // 100, settings.largest_spooled)
    return StoreDepot(store, Spool(settings.state_dir / "spool", room=room, least_free=free, share=share))


def guard_clock(settings: Settings, store: Store) -> ClockGuard:
    """Our clock, watched from now until the store closes; a database on this machine has the same clock as we."""
    sources: dict[str, Read] = {server: ntp_clock(server, now=utc_now) for server in settings.watch.ntp_servers}
    if not store.near:
        sources["database"] = database_clock(store, utc_now)
    guard, stop = ClockGuard(sources, limit=timedelta(seconds=settings.watch.clock_limit_seconds)), Event()
    store.before_close(stop.set)
    guard.watch(stop)
    return guard


def watch_house(house: House) -> None:
    """People are told when something is wrong, until the store closes."""
    settings, stop = house.settings.alerts, Event()
    messengers = messengers_of(settings, house.settings.url, house.setup.clock)
    remind = timedelta(hours=settings.remind_hours)
    house.store.before_close(stop.set)
    Alerts(house, messengers, limits=limits_of(settings), remind=remind).watch(stop)


def key_files(settings: Settings) -> list[Path]:
    """The PEM files of our own keys."""
    return list(settings.keys) or sorted(settings.key_dir.glob("*.pem"))


def make_worker(house: House) -> Worker:
    """A worker over this house; any number may run."""
    setup = replace(house.setup, courier=FencedCourier(house.setup.courier, house.store))
    return Worker(
        house.store, setup.ledger, telling(lambda delivery: forward(delivery, setup)), clock=setup.clock,
        give_up=lambda delivery, error: conclude(delivery, error, setup),
        terms={partner.id: partner.terms for partner in setup.partners.values()},
        periodic=[Periodic(name="retention", cron=house.settings.retention.at, do=lambda _due: _keep_house(house))],
        pulls=pulling(house), chore=lambda: _tell_silence(house), trusted=lambda: not house.clock_guard.trouble,
        chore_every=max(1.0, 60.0 * min(1.0, house.settings.silence_scale * 10)),
        heartbeat=house.settings.stalled_seconds / 4, stalled_after=house.settings.stalled_seconds,
    )  # fmt: skip


def _keep_house(house: House) -> None:
    """With a store of its own: between two statements a month of messages may be written to a slow disk."""
    with Store(house.settings.database_url, largest=2, idle=LONG_IDLE) as store:
        keep_house(store, house.settings.retention, house.setup.clock)


def _tell_silence(house: House) -> None:
    tell_silence(queries.overdue(house.store, house.setup.clock()), house.ledger.silence, house.setup)


def pulling(house: House) -> list[PartnerId]:
    """Partners that fetch for themselves: nobody may push to them."""
    return [partner.id for partner in house.setup.partners.values() if not partner.endpoint]


def _opened() -> House:
    """A house for a process of the server; what keeps it shut is said in lines of the log, and ends the process."""
    configure_logs(form_in(os.environ))
    try:
        return build(load_settings())
    except (GatewayError, psycopg.Error) as error:
        log.error("cannot-start", why=str(error))
        for finding in error.findings if isinstance(error, GatewayError) else ():
            log.error("cannot-start", **{**finding.params, "finding": finding.rule, "at": finding.line})
        raise SystemExit(1) from None


def doors() -> Flask:
    """The WSGI factory of the partner doors, for the server; settings come from the environment."""
    from gateway.shell.doors import make_doors

    return make_doors(_opened())


def front() -> Front:
    """The ASGI factory of the same doors: what `serve` runs."""
    from gateway.shell.doors import make_doors
    from gateway.shell.front import Front

    house = _opened()
    watch_house(house)
    sign_off(house)
    leaving = Leaving(house.settings.state_dir)
    return Front(
        make_doors(house), largest=house.settings.largest_message, threads=house.settings.threads,
        leaving=lambda: leaving.announced, uploads=uploads_of(house),
    )  # fmt: skip


def uploads_of(house: House) -> Uploads:
    """Long messages come by both doors; over SOAP their head is the beginning of the body."""
    depot, settings = house.setup.depot, house.settings
    assert isinstance(depot, StoreDepot)  # noqa: S101 - `build` made it
    return Uploads(
        depot.spool, paths={MESSAGES_PATH: False, "/soap": True}, smallest=settings.largest_message,
        largest=settings.largest_spooled, patience=PATIENCE,
    )  # fmt: skip


def sign_off(house: House) -> None:
    """When this process ends, nobody waits for it; the server's processes end without `atexit`."""
    Finalize(None, house.store.close, exitpriority=1)


def console() -> Flask:
    """The WSGI factory of the operators' console."""
    from gateway.shell.console import make_console
    from gateway.shell.watch.door import add_figures

    house = _opened()
    sign_off(house)
    app = make_console(house)
    add_figures(app, house)
    return app


def _scaled(corridor: Corridor, scale: float) -> Corridor:
    if scale == 1.0:
        return corridor
    silence = corridor.silence and replace(corridor.silence, after=corridor.silence.after * scale)
    return replace(corridor, silence=silence, deadline=corridor.deadline)
