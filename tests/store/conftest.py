"""The store's tests run against a real server, always."""

from __future__ import annotations

import pytest

from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from tests.builders import CountedIds, FrozenClock, some_corridors
from tests.database import dsn, server, store
from tests.store.months import come, three
from tests.store.steps import Partners

__all__ = ["come", "dsn", "server", "store", "three"]


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands."""
    return FrozenClock()


@pytest.fixture
def ids() -> CountedIds:
    """Ids that count up."""
    return CountedIds()


@pytest.fixture
def ledger(store: Store, clock: FrozenClock, ids: CountedIds) -> PostgresLedger:
    """The real ledger over this test's database."""
    return PostgresLedger(store, some_corridors(), clock=clock, ids=ids)


@pytest.fixture
def partners(ledger: PostgresLedger) -> Partners:
    """Receivers that take everything."""
    return Partners(ledger)
