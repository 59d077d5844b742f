"""A gateway that stands, over a real database and a frozen clock, for what watches it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import uuid6
from structlog.testing import LogCapture

from gateway.app import key_files
from gateway.registry import Registry
from gateway.setup import Setup
from gateway.shell.config import Settings
from gateway.shell.courier import HttpCourier
from gateway.shell.demo_ca import make_demo_trust
from gateway.shell.house import House
from gateway.shell.keyring import FileKeyring
from gateway.shell.ledger import PostgresLedger
from gateway.shell.partners import load_partners
from gateway.shell.presence import Presence
from gateway.shell.revisions import REVISION
from gateway.shell.store import Store
from gateway.shell.watch import alerts as watched
from gateway.shell.watch.clock import ClockGuard, GuardedKeyring
from gateway.testing import counting_ids
from tests.builders import FrozenClock, some_corridors
from tests.database import dsn, server, store
from tests.operators import rules
from tests.running import PARTNERS

__all__ = ["dsn", "rules", "server", "store"]


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands where the demo trust, made by the running test, is valid."""
    return FrozenClock(datetime.now(UTC))


@pytest.fixture
def ahead() -> list[timedelta]:
    """How far our clock is ahead of the only other one; tests change it."""
    return [timedelta()]


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with the demo's keys and certificates."""
    place = tmp_path_factory.mktemp("trusted")
    make_demo_trust(place, list(PARTNERS))
    return place


@pytest.fixture
def house(trusted: Path, rules: Registry, store: Store, clock: FrozenClock, ahead: list[timedelta]) -> House:
    """Demo partners; the clock is the test's, and so is the one it is compared with."""
    settings = Settings(state_dir=trusted, database_url=store.dsn)
    guard = ClockGuard({"other": lambda: ahead[0]}, now=clock, steady=lambda: clock().timestamp())
    guard.look()
    ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=counting_ids("ledger"))
    Presence(store, REVISION).beat()
    setup = Setup(
        partners=load_partners(rules.tree, settings.trust_dir, production=False, usual=settings.terms),
        schemas=rules.schemas, corridors=rules.corridors, translations=rules.translations,
        keyring=GuardedKeyring(FileKeyring(key_files(settings)), guard), ledger=ledger, courier=HttpCourier(1.0),
        clock=clock, ids=uuid6.uuid7,
    )  # fmt: skip
    return House(settings=settings, registry=rules, store=store, ledger=ledger, setup=setup, clock_guard=guard)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What alerts write to the log."""
    lines = LogCapture()
    monkeypatch.setattr(watched, "log", structlog.wrap_logger(None, processors=[lines]))
    return lines
