"""The law of order holds through outages, recoveries, late wishes of the partner and urgent messages in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import get_args
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import DeliveryDeferred, DeliveryFailed
from gateway.lifecycle import State
from gateway.model import Delivery, Priority
from gateway.order import RANKS, in_order
from gateway.shell.drain import Drain
from gateway.shell.ledger import PostgresLedger
from gateway.shell.picking import next_deliveries
from gateway.shell.store import Store
from gateway.terms import Terms
from gateway.testing import MemoryLedger
from tests.builders import (
    HEALTH,
    CountedIds,
    FrozenClock,
    a_receipt,
    a_sealed,
    a_verified,
    an_entry,
    some_claims,
    some_corridors,
)
from tests.store.steps import count

EMPTY = "truncate message, message_key, message_ref, delivery, lane, outgoing, receipt"
TALKS = ("a", "b", "c", "d", "e")
MESSAGES = st.tuples(st.just("accept"), st.sampled_from(TALKS), st.sampled_from(get_args(Priority)))
EVENTS = st.one_of(
    MESSAGES,
    MESSAGES,
    st.tuples(st.sampled_from(("out", "back", "serve", "serve", "pilot", "hour", "lost-receipt", "later"))),
)
LIMITS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Ministry:
    """A receiver that can be out, can lose its own receipt, can ask for one message later; it knows repeats by id."""

    ledger: PostgresLedger
    out: bool = False
    moods: list[str] = field(default_factory=list)
    took: list[Delivery] = field(default_factory=list)

    def forward(self, delivery: Delivery) -> None:
        """Keep, send, settle."""
        sealed = self.ledger.keep(delivery, a_sealed(delivery.message_id.encode()))
        assert sealed.body == delivery.message_id.encode()
        if self.out:
            raise DeliveryFailed("HTTP 503")
        mood = self.moods.pop() if self.moods else ""
        if mood == "later":
            raise DeliveryDeferred("HTTP 425")
        if delivery.message_id not in {one.message_id for one in self.took}:
            self.took.append(delivery)
        if mood == "lost-receipt":
            raise DeliveryFailed("connection reset")
        self.ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id))


class Town:
    """A lane, its partner, and what was accepted for it in which order."""

    def __init__(self, store: Store, terms: Terms) -> None:
        store.run(lambda connection: connection.execute(EMPTY))
        self.store = store
        self.clock = FrozenClock()
        self.terms = {HEALTH: terms}
        self.ledger = PostgresLedger(store, some_corridors(), clock=self.clock, ids=CountedIds(), terms={HEALTH: terms})
        self.ministry = Ministry(self.ledger)
        self.accepted: list[tuple[UUID, str]] = []
        self.drain = Drain(
            store, self.ledger, self.ministry.forward, clock=self.clock, terms=self.terms, rest=self._rest, stint=60.0
        )

    def _rest(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)

    def accept(self, talk: str, priority: Priority) -> None:
        """One more message of a conversation."""
        number = len(self.accepted) + 1
        claims = some_claims(f"urn:uuid:{number}", conversation_id=talk)
        entry = replace(an_entry(UUID(int=number), claims), priority=priority)
        self.ledger.enter(entry, a_verified(claims), a_sealed(), {})
        self.accepted.append((entry.id, talk))

    def serve(self) -> None:
        """Every strand has its turn."""
        for number in range(self.terms[HEALTH].concurrency):
            self.drain.serve(f"{HEALTH}#{number}" if number else HEALTH)

    def play(self, event: tuple[str, ...]) -> None:
        """One thing happens."""
        match event:
            case ("accept", talk, priority):
                self.accept(talk, priority)  # type: ignore[arg-type]
            case ("out",):
                self.ministry.out = True
            case ("back",):
                self.ministry.out = False
            case ("serve",):
                self.serve()
            case ("pilot",):
                self.clock.move(seconds=30)
                self.serve()
            case ("hour",):
                self.clock.move(hours=1)
            case (mood,):
                self.ministry.moods.append(mood)

    def finish(self) -> None:
        """The partner is well, and everything is sent."""
        self.ministry.out = False
        self.ministry.moods.clear()
        for _ in range(5):
            self.clock.move(hours=1)
            self.serve()

    def waiting(self) -> list[Delivery]:
        """All that waits, oldest first."""
        query = "select entry from delivery where state = 'queued' order by seq"
        order = [row["entry"] for row in self.store.fetch(query)]
        found = self.store.run(lambda c: next_deliveries(c, HEALTH, self.clock() + timedelta(days=1), 1000))
        return sorted(found, key=lambda delivery: order.index(delivery.entry.id))


def lawful(waiting: list[Delivery]) -> list[UUID]:
    """What the law says of them."""
    order = in_order(waiting, rank=lambda one: RANKS[one.entry.priority], key=lambda one: one.order)
    return [one.entry.id for one in order]


@given(events=st.lists(EVENTS, max_size=40), concurrency=st.sampled_from((1, 1, 3)))
@LIMITS
def test_nothing_is_lost_doubled_or_overtaken_within_its_key(
    store: Store, events: list[tuple[str, ...]], concurrency: int
) -> None:
    """Whatever happens, in the end each arrived once, and those of one conversation in the order of acceptance."""
    town = Town(store, Terms(concurrency=concurrency))
    for event in events:
        town.play(event)
    town.finish()
    took = [one.entry.id for one in town.ministry.took]
    assert Counter(took) == Counter(entry for entry, _ in town.accepted)
    for talk in TALKS:
        mine = [entry for entry, one in town.accepted if one == talk]
        assert [entry for entry in took if entry in mine] == mine
    assert count(store, "delivery where state <> 'delivered'") == 0


@given(messages=st.lists(MESSAGES, min_size=1, max_size=30), hours=st.integers(0, 3))
@LIMITS
def test_after_an_outage_all_leaves_by_the_law(store: Store, messages: list[tuple[str, ...]], hours: int) -> None:
    """One pilot, then urgent before usual before bulk, each class oldest first, none past its own conversation."""
    town = Town(store, Terms(rate=50.0))
    town.ministry.out = True
    for message in messages:
        town.play(message)
        town.play(("serve",))
    for _ in range(hours * 4):
        town.play(("pilot",))
    waiting = town.waiting()
    assert len(waiting) == len(messages)
    town.ministry.out = False
    town.play(("pilot",))
    pilot, *rest = [one.entry.id for one in town.ministry.took]
    assert rest == lawful([one for one in waiting if one.entry.id != pilot])


@given(messages=st.lists(MESSAGES, max_size=40))
@LIMITS
def test_both_ledgers_read_the_law_alike(store: Store, messages: list[tuple[str, ...]]) -> None:
    """SQL, memory and the sentence itself give one order."""
    town = Town(store, Terms())
    memory = MemoryLedger(some_corridors(), clock=town.clock, ids=CountedIds())
    for number, (_, talk, priority) in enumerate(messages, 1):
        claims = some_claims(f"urn:uuid:{number}", conversation_id=talk)
        entry = replace(an_entry(UUID(int=number), claims), priority=priority)
        for ledger in (town.ledger, memory):
            ledger.enter(entry, a_verified(claims), a_sealed(), {})
    found = [one.entry.id for one in store.run(lambda c: next_deliveries(c, HEALTH, town.clock(), 1000))]
    assert found == [one.entry.id for one in memory.due(HEALTH)] == lawful(town.waiting())
    few = [one.entry.id for one in store.run(lambda c: next_deliveries(c, HEALTH, town.clock(), 5))]
    assert few == found[:5]
