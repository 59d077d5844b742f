"""Only who holds a lane sends on it."""

from __future__ import annotations

import psycopg
import pytest

from gateway.shell.drain import Drain
from gateway.shell.lanes import lane_held
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from tests.builders import HEALTH, FrozenClock
from tests.store.steps import Partners, ask, states


def test_a_lane_that_another_holds_is_left_alone(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """The hold is a lock of the database, not of the queue."""
    ask(ledger, 1)
    drain = Drain(store, ledger, partners.forward, clock=clock)
    with store.session() as other, lane_held(other, HEALTH) as held:
        assert held
        assert drain.serve(HEALTH) == 0
    assert drain.serve(HEALTH) == 1


def test_a_worker_that_lost_its_hold_sends_nothing_more(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """Its connection is gone, another may have the lane: it stops before the next message."""
    ask(ledger, 1)
    ask(ledger, 2)
    holders = (
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from"
    )
    partners.troubles[HEALTH] = lambda _: store.write(holders + " pg_database where datname = current_database())", [])
    with pytest.raises(psycopg.OperationalError):
        Drain(store, ledger, partners.forward, clock=clock).serve(HEALTH)
    assert len(partners.got) == 1
    assert states(store) == ["delivered", "queued"]
