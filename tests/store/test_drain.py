"""Only who holds a lane sends on it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.errors import Busy
from gateway.model import Sealed, Wire
from gateway.shell.drain import Drain
from gateway.shell.fence import FencedCourier, take_lane, take_lead
from gateway.shell.lanes import lane_held
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Connection, Store
from gateway.shell.worker import LEADER
from tests.builders import HEALTH, FrozenClock, a_sealed, a_wire
from tests.database import wait_until
from tests.store.steps import Partners, ask, events, states


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


def test_only_a_held_lane_has_its_statements_planned_once(store: Store) -> None:
    """The connection goes back to the others as it was; so does one that did not get the lane."""

    def mode(connection: Connection) -> str:
        found = connection.execute("show plan_cache_mode").fetchone()
        assert found is not None
        return str(found[0])

    with store.session() as one, store.session() as other:
        with lane_held(one, HEALTH) as held, lane_held(other, HEALTH) as also:
            assert (held, mode(one)) == (True, "force_generic_plan")
            assert (also, mode(other)) == (False, "auto")
        assert mode(one) == mode(other) == "auto"


def test_a_worker_that_lost_its_hold_writes_and_sends_nothing_more(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """Its connection is gone, another may have the lane: what it learned in mid-send is not written, and it stops."""
    ask(ledger, 1)
    ask(ledger, 2)
    with Store(store.dsn, largest=1) as other, other.session() as session:
        partners.troubles[HEALTH] = lambda _: take_lane(session, HEALTH)
        with pytest.raises(Busy):
            Drain(store, ledger, partners.forward, clock=clock).serve(HEALTH)
    assert len(partners.got) == 1
    assert states(store) == ["queued", "queued"]
    assert events(store).count("delivered") == 0


def test_what_lost_its_hold_leaves_no_bytes(store: Store, clock: FrozenClock) -> None:
    """The hold is proven once more before bytes leave; what holds nothing may send."""
    sent: list[str] = []
    courier = FencedCourier(_Postman(sent), store)
    courier.deliver("https://partner.example", a_sealed())
    with store.session() as mine, lane_held(mine, HEALTH), store.only(mine):
        courier.deliver("https://partner.example", a_sealed())
        with Store(store.dsn, largest=1) as other, other.session() as session:
            assert take_lane(session, HEALTH)
            assert not take_lane(session, "another lane")
        with pytest.raises(Busy):
            courier.deliver("https://partner.example", a_sealed())
    assert len(sent) == 2


def test_a_leader_that_asks_nothing_loses_the_lead(store: Store) -> None:
    """A paused process keeps its lock for ever, were it not taken."""
    with store.session() as leader, store.session() as next_one:
        assert leader.execute(LEADER).fetchone() == (True,)
        assert not take_lead(next_one, timedelta(minutes=1))
        assert next_one.execute(LEADER).fetchone() == (False,)
        assert take_lead(next_one, timedelta(0))
        wait_until(lambda: next_one.execute(LEADER).fetchone() == (True,))


class _Postman:
    """Carries nothing, remembers where to."""

    def __init__(self, sent: list[str]) -> None:
        self._sent = sent

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        self._sent.append(endpoint)
        return a_wire(sealed.body)
