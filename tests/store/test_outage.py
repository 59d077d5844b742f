"""A partner that is out gets one pilot at a time; what is wrong with one message holds that message only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from uuid import UUID

import pytest

from gateway.errors import DeliveryDeferred, DeliveryFailed, DeliveryRefused, GatewayError
from gateway.lifecycle import State
from gateway.model import Delivery
from gateway.shell.deadlines import dead_letters, deadlines_at_risk
from gateway.shell.drain import Drain
from gateway.shell.lanes import LaneCount, hurry, lane_counts
from gateway.shell.ledger import PostgresLedger
from gateway.shell.picking import due_lanes
from gateway.shell.store import Store
from gateway.shell.worker import Worker
from gateway.terms import Terms
from tests.builders import CHINA, CUSTOMS, HEALTH, CountedIds, FrozenClock, a_corridor, some_corridors
from tests.database import wait_until
from tests.store.steps import ASK, LIST, Partners, ask, events, states, waiting
from tests.store.test_worker import running


def make_drain(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, terms: Terms | None = None
) -> Drain:
    """A drain whose rests move the clock."""
    return Drain(
        store, ledger, partners.forward, clock=clock, terms={HEALTH: terms or Terms()}, stint=60.0,
        rest=lambda seconds: clock.move(seconds=seconds),
    )  # fmt: skip


@pytest.fixture
def drain(store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock) -> Drain:
    return make_drain(store, ledger, partners, clock)


def down(detail: str = "HTTP 503", retry_after: timedelta | None = None) -> Callable[[Delivery], None]:
    """The partner is out."""

    def trouble(_: Delivery) -> None:
        error = DeliveryFailed(detail)
        error.retry_after = retry_after
        raise error

    return trouble


def only(number: int, error: Callable[[], GatewayError]) -> Callable[[Delivery], None]:
    """The partner has something against one message."""

    def trouble(delivery: Delivery) -> None:
        if delivery.entry.id.int == number:
            raise error()

    return trouble


def of_lane(store: Store, lane: str = HEALTH) -> LaneCount:
    """How the lane stands."""
    return next(one for one in lane_counts(store) if one.lane == lane)


def test_an_outage_costs_one_message_each_time(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, drain: Drain
) -> None:
    """Three hundred wait, one goes every 30 seconds; back, all leave oldest first."""
    for number in range(1, 301):
        ask(ledger, number)
    partners.troubles[HEALTH] = down()
    for tick in range(60):
        drain.serve(HEALTH)
        assert len(partners.got) == tick // 3 + 1
        clock.move(seconds=10)
    lane = of_lane(store)
    assert (lane.state, lane.failures, lane.queued) == ("out", 20, 300)
    assert lane.held_since == clock() - timedelta(seconds=600)
    partners.got.clear()
    del partners.troubles[HEALTH]
    assert drain.serve(HEALTH) == 300
    pilot, *rest = [body.split()[0] for _, body in partners.got]
    expected = [f"urn:uuid:{row['out_id']}" for row in store.fetch("select out_id from delivery order by seq")]
    assert rest == [one for one in expected if one != pilot]
    assert of_lane(store).state == "open"


def test_a_partner_says_when_to_come_back(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, drain: Drain
) -> None:
    """No pilot before that; an absurd wish is cut to the agreed longest wait."""
    ask(ledger, 1)
    partners.troubles[HEALTH] = down("HTTP 429", timedelta(minutes=10))
    drain.serve(HEALTH)
    clock.move(minutes=9, seconds=59)
    drain.serve(HEALTH)
    assert len(partners.got) == 1
    partners.troubles[HEALTH] = down("HTTP 503", timedelta(days=400))
    clock.move(seconds=1)
    drain.serve(HEALTH)
    assert len(partners.got) == 2
    assert of_lane(store).next_at == clock() + timedelta(hours=1)
    del partners.troubles[HEALTH]
    clock.move(hours=1)
    assert drain.serve(HEALTH) == 1


def test_one_message_asked_for_later_waits_alone(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, drain: Drain
) -> None:
    """The others go; its own retries come after 1, 5, 15 and 60 minutes, and the bytes stay the same."""
    partners.troubles[HEALTH] = only(2, lambda: DeliveryDeferred("HTTP 425"))
    for number in range(1, 4):
        ask(ledger, number)
    drain.serve(HEALTH)
    assert states(store) == ["delivered", "queued", "delivered"]
    tried = len(partners.got)
    for minutes in (1, 5, 15, 60, 60):
        clock.move(minutes=minutes, seconds=-1)
        drain.serve(HEALTH)
        assert len(partners.got) == tried
        clock.move(seconds=1)
        drain.serve(HEALTH)
        tried += 1
        assert len(partners.got) == tried
    assert len(set(partners.got)) == 3
    assert of_lane(store, HEALTH).queued == 1
    hurry(store, HEALTH, at=clock(), who="operator", why="they asked for it")
    drain.serve(HEALTH)
    assert len(partners.got) == tried + 1


def test_what_comes_after_a_waiting_message_of_its_conversation_is_not_looked_at_in_vain(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, drain: Drain
) -> None:
    """The lane is due again when the first of them is."""
    partners.troubles[HEALTH] = only(1, lambda: DeliveryDeferred("HTTP 425"))
    ask(ledger, 1)
    drain.serve(HEALTH)
    ask(ledger, 2)
    store.run(lambda connection: connection.execute("update delivery set order_key = 7"))
    drain.serve(HEALTH)
    assert store.run(lambda connection: due_lanes(connection, clock())) == []
    del partners.troubles[HEALTH]
    clock.move(minutes=1)
    assert store.run(lambda connection: due_lanes(connection, clock())) == [HEALTH]
    assert drain.serve(HEALTH) == 2


def test_a_refusal_is_dead_and_disturbs_nobody(
    store: Store, ledger: PostgresLedger, partners: Partners, drain: Drain
) -> None:
    """It is listed as a dead letter, and a person can send it again."""
    partners.troubles[HEALTH] = only(1, lambda: DeliveryRefused("HTTP 422"))
    entries = [ask(ledger, number) for number in range(1, 4)]
    drain.serve(HEALTH)
    assert states(store) == ["refused", "delivered", "delivered"]
    (dead,) = dead_letters(store)
    assert (dead.entry, dead.lane, dead.code) == (entries[0].id, HEALTH, "delivery.refused")
    del partners.troubles[HEALTH]
    assert ledger.requeue(dead.entry, ASK, who="operator", why="they corrected their side")
    drain.serve(HEALTH)
    assert dead_letters(store) == ()
    assert len(partners.got) == 4
    assert len(set(partners.got)) == 3


def test_a_message_the_partner_cannot_bear_does_not_hold_the_others_for_ever(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, drain: Drain
) -> None:
    """It is the pilot three times, then another is; from then on it waits alone."""
    partners.troubles[HEALTH] = only(1, lambda: DeliveryFailed("HTTP 500"))
    for number in range(1, 6):
        ask(ledger, number)
    for _ in range(4):
        drain.serve(HEALTH)
        clock.move(seconds=30)
    assert states(store) == ["queued"] + ["delivered"] * 4
    assert of_lane(store).state != "out"
    ask(ledger, 6)
    drain.serve(HEALTH)
    assert states(store)[-1] == "delivered"


def test_the_partner_going_out_again_holds_the_lane_though_its_messages_failed_before(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock, drain: Drain
) -> None:
    """At most one message is suspected: a second failure in a row is an outage."""
    for number in range(1, 31):
        ask(ledger, number)
    partners.troubles[HEALTH] = down()
    for _ in range(90):
        drain.serve(HEALTH)
        clock.move(seconds=30)
    del partners.troubles[HEALTH]
    took: list[Delivery] = []

    def twice(delivery: Delivery) -> None:
        took.append(delivery)
        if len(took) > 2:
            raise DeliveryFailed("HTTP 503")

    partners.troubles[HEALTH] = twice
    before = len(partners.got)
    drain.serve(HEALTH)
    assert len(partners.got) - before == 4
    assert of_lane(store).state == "out"


def test_giving_up_needs_no_partner(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """While the lane is held, what is past its deadline dies on time, with an alarm, and is not sent."""
    ask(ledger, 1)
    partners.troubles[HEALTH] = down(retry_after=timedelta(hours=1))
    with running(Worker(store, ledger, partners.forward, clock=clock, sweep_every=0.02)):
        wait_until(lambda: [one.failures for one in lane_counts(store)] == [1])
        hour = len(partners.got)
        clock.now = waiting(store, UUID(int=1)).deadline
        wait_until(lambda: states(store) == ["expired"])
    assert len(partners.got) == hour == 1
    assert "alarm" in events(store)
    assert [one.state for one in dead_letters(store)] == ["expired"]


def test_a_rate_is_kept_by_all_strands_together(
    store: Store, partners: Partners, clock: FrozenClock, ids: CountedIds
) -> None:
    """Four at once, five a second: forty messages need eight seconds, whoever sends them."""
    terms = Terms(concurrency=4, rate=5.0)
    ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=ids, terms={HEALTH: terms})
    for number in range(1, 41):
        ask(ledger, number)
    drain, began = make_drain(store, ledger, partners, clock, terms), clock()
    names = [HEALTH, *(f"{HEALTH}#{number}" for number in range(1, 4))]
    assert sorted(filter(None, [drain.serve(name) for name in names]))[-1] < 40
    assert states(store) == ["delivered"] * 40
    assert clock() - began == timedelta(seconds=39 / 5)


def test_a_recovery_tells_how_far_it_is(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """Backlog, sent, and the time left at the measured speed; after the last one nothing is said."""
    for number in range(1, 102):
        ask(ledger, number)
    partners.troubles[HEALTH] = down()
    terms, turns = Terms(rate=2.0), iter(range(10**6))
    drain = Drain(
        store, ledger, partners.forward, clock=clock, terms={HEALTH: terms}, stint=60.0,
        rest=lambda seconds: clock.move(seconds=seconds), stopping=lambda: next(turns) > 60,
    )  # fmt: skip
    drain.serve(HEALTH)
    clock.move(seconds=30)
    del partners.troubles[HEALTH]
    drain.serve(HEALTH)
    lane = of_lane(store)
    assert (lane.state, lane.backlog) == ("recovering", 100)
    assert 0 < lane.sent < 101
    assert lane.sent + lane.queued == 101
    left = lane.time_left(clock())
    assert left is not None
    assert abs(left - timedelta(seconds=lane.queued / 2)) < timedelta(seconds=3)
    make_drain(store, ledger, partners, clock, terms).serve(HEALTH)
    lane = of_lane(store)
    assert (lane.state, lane.time_left(clock())) == ("open", None)


def test_held_messages_keep_their_deadline_in_view(
    store: Store, clock: FrozenClock, ids: CountedIds, partners: Partners
) -> None:
    """The legal deadline, or the moment we give up, whichever comes first; overdue ones lead."""
    lawful = a_corridor("permit-query", CUSTOMS, HEALTH, legal=timedelta(hours=4))
    ways = [lawful if corridor.id == ASK else corridor for corridor in some_corridors()]
    ledger = PostgresLedger(store, ways, clock=clock, ids=ids, terms={CHINA: Terms(give_up=timedelta(hours=5))})
    asked, listed = ask(ledger, 1), ask(ledger, 2, corridor=LIST)
    assert deadlines_at_risk(store, clock()) == ()
    clock.move(hours=3, minutes=30)
    (risk,) = deadlines_at_risk(store, clock())
    assert (risk.entry, risk.left(clock())) == (asked.id, timedelta(minutes=30))
    clock.move(hours=1)
    found = deadlines_at_risk(store, clock())
    assert [(one.entry, one.left(clock())) for one in found] == [
        (asked.id, timedelta(minutes=-30)), (listed.id, timedelta(minutes=30)),
    ]  # fmt: skip
    assert of_lane(store).due == asked.received_at + timedelta(hours=4)
    ledger.settle(waiting(store, asked.id), State.DELIVERED)
    assert [one.entry for one in deadlines_at_risk(store, clock())] == [listed.id]


def test_one_pilot_for_all_workers(store: Store, clock: FrozenClock, ids: CountedIds) -> None:
    """Four strands, two workers, one outage: one message every 30 seconds."""
    terms = {HEALTH: Terms(concurrency=4)}
    ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=ids, terms=terms)
    partners = Partners(ledger)
    partners.troubles[HEALTH] = down()
    ask(ledger, 1)
    make_drain(store, ledger, partners, clock, terms[HEALTH]).serve(_strand(store))
    for number in range(2, 41):
        ask(ledger, number)
    stop = Event()
    workers = [Worker(store, ledger, partners.forward, clock=clock, sweep_every=0.02, terms=terms) for _ in range(2)]
    with running(workers[0]), running(workers[1]):
        for pilots in range(2, 6):
            clock.move(seconds=30)
            wait_until(lambda pilots=pilots: of_lane(store).failures == pilots)
            stop.wait(0.1)
            assert len(partners.got) == pilots
        del partners.troubles[HEALTH]
        clock.move(seconds=30)
        wait_until(lambda: states(store) == ["delivered"] * 40)
    assert len(set(partners.got)) == 40


def _strand(store: Store) -> str:
    number = store.fetch("select strand from delivery")[0]["strand"]
    return f"{HEALTH}#{number}" if number else HEALTH


def test_a_lane_served_again_after_a_change_of_concurrency_keeps_its_order(
    store: Store, clock: FrozenClock, ids: CountedIds
) -> None:
    """What was accepted for another number of strands goes first."""
    one = PostgresLedger(store, some_corridors(), clock=clock, ids=ids)
    partners = Partners(one)
    entries = [ask(one, number) for number in range(1, 9)]
    many = PostgresLedger(store, some_corridors(), clock=clock, ids=ids, terms={HEALTH: Terms(concurrency=4)})
    for number in range(11, 19):
        ask(many, number)
    store.run(lambda connection: connection.execute("update delivery set order_key = 7"))
    drain = make_drain(store, many, partners, clock, Terms(concurrency=4))
    for name in (f"{HEALTH}#1", f"{HEALTH}#2", f"{HEALTH}#3"):
        assert drain.serve(name) == 0
    assert drain.serve(HEALTH) >= len(entries)
    expected = [f"urn:uuid:{row['out_id']} 1" for row in store.fetch("select out_id from delivery order by seq")]
    for _ in range(16):
        for name in (HEALTH, f"{HEALTH}#1", f"{HEALTH}#2", f"{HEALTH}#3"):
            drain.serve(name)
    assert [body for _, body in partners.got] == expected
