"""The ledger in memory and the one in PostgreSQL keep the same promises: every test here runs over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.errors import Conflict, InternalError
from gateway.lifecycle import State
from gateway.model import Delivery, Entry, Sealed
from gateway.ports import Ledger
from gateway.shell.ledger import PostgresLedger
from gateway.shell.picking import due_lanes, next_deliveries
from gateway.shell.store import Store
from gateway.testing import MemoryLedger
from tests.builders import (
    CUSTOMS,
    GATEWAY,
    HEALTH,
    CountedIds,
    FrozenClock,
    a_receipt,
    a_sealed,
    a_verified,
    an_entry,
    an_intake,
    some_claims,
    some_corridors,
)
from tests.database import dsn, server, store

__all__ = ["dsn", "server", "store"]


@dataclass(frozen=True)
class Books:
    """A ledger, and the two things a test wants to see beside its port."""

    ledger: Ledger
    due: Callable[[str], list[Delivery]]
    events: Callable[[], list[str]]

    def enter(self, entry: Entry, answer: Sealed | None = None) -> Sealed:
        """Accept an entry whose payload is what its sender signed."""
        return self.ledger.enter(entry, a_verified(entry.claims, entry.document.payload), answer or a_sealed(), {})

    def only(self, lane: str = HEALTH) -> Delivery:
        """The one delivery that waits in a lane."""
        (delivery,) = self.due(lane)
        return delivery


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def ids() -> CountedIds:
    return CountedIds()


@pytest.fixture(params=["memory", "postgres"])
def ledger(request: pytest.FixtureRequest, clock: FrozenClock, ids: CountedIds) -> Iterator[Books]:
    """Both ledgers over the same corridors, clock and ids."""
    if request.param == "memory":
        memory = MemoryLedger(some_corridors(), clock=clock, ids=ids)
        yield Books(memory, memory.due, lambda: [link.event for link in memory.events])
        return
    found: Store = request.getfixturevalue("store")
    postgres = PostgresLedger(found, some_corridors(), clock=clock, ids=ids)

    def due(lane: str) -> list[Delivery]:
        return found.run(lambda c: next_deliveries(c, lane, clock()) if lane in due_lanes(c, clock()) else [])

    def events() -> list[str]:
        rows = found.fetch("select event from evidence order by at, chain, seq")
        return [row["event"] for row in rows]

    yield Books(postgres, due, events)


def test_what_was_accepted_is_recalled_with_its_answer(ledger: Books, ids: CountedIds) -> None:
    entry = an_entry(ids(), some_claims("urn:uuid:Қ-1"))
    assert ledger.ledger.recall(CUSTOMS, entry.claims.message_id) is None
    answer = a_sealed(b"\x00\xff<Receipt/>", expires_at=FrozenClock()())
    assert ledger.enter(entry, answer) == answer
    assert ledger.ledger.recall(CUSTOMS, entry.claims.message_id) == (a_verified(entry.claims).content_digest, answer)
    assert ledger.ledger.recall(HEALTH, entry.claims.message_id) is None


def test_a_delivery_has_all_the_line_needs(ledger: Books, ids: CountedIds) -> None:
    entry = an_entry(ids(), some_claims("urn:uuid:1"), payload="<Q>Ғ𝄞</Q>".encode())
    ledger.enter(entry)
    delivery = ledger.only()
    assert delivery.entry == entry
    assert (delivery.lane, delivery.attempt, delivery.relates_to, delivery.sealed) == (HEALTH, 1, None, None)
    assert delivery.deadline == entry.received_at + timedelta(hours=24)
    assert delivery.message_id == ledger.only().message_id != entry.claims.message_id


def test_a_repeat_gets_the_first_answer_and_is_not_kept(ledger: Books, ids: CountedIds) -> None:
    claims = some_claims("urn:uuid:1")
    first = ledger.enter(an_entry(ids(), claims), a_sealed(b"first"))
    assert ledger.enter(an_entry(ids(), claims), a_sealed(b"second")) == first
    assert len(ledger.due(HEALTH)) == 1
    assert ledger.events() == ["accepted"]


def test_other_content_under_a_known_id_is_refused_with_an_alarm(ledger: Books, ids: CountedIds) -> None:
    claims = some_claims("urn:uuid:1")
    ledger.enter(an_entry(ids(), claims))
    with pytest.raises(Conflict):
        ledger.enter(an_entry(ids(), claims, payload=b"<Other/>"))
    assert ledger.events() == ["accepted", "alarm"]
    assert len(ledger.due(HEALTH)) == 1


def test_the_same_id_of_another_partner_is_another_message(ledger: Books, ids: CountedIds) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1", sender=HEALTH), corridors=("permit-status",)))
    assert len(ledger.due(HEALTH)) == len(ledger.due(CUSTOMS)) == 1


def test_a_refusal_is_recorded_once(ledger: Books, ids: CountedIds) -> None:
    intake = an_intake(ids())
    ledger.ledger.refuse(intake)
    ledger.ledger.refuse(intake)
    ledger.ledger.refuse(an_intake(ids(), alarm=True, digest=""))
    assert ledger.events() == ["refused", "alarm"]


def test_a_lane_keeps_the_order_of_arrival(ledger: Books, ids: CountedIds) -> None:
    entries = [an_entry(ids(), some_claims(f"urn:uuid:{number}")) for number in range(5)]
    for entry in reversed(entries):
        ledger.enter(entry)
    assert [delivery.entry.id for delivery in ledger.due(HEALTH)] == [entry.id for entry in reversed(entries)]


def test_kept_bytes_win_until_their_time_has_passed(ledger: Books, ids: CountedIds, clock: FrozenClock) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    first = a_sealed(b"first", expires_at=clock() + timedelta(minutes=5))
    assert ledger.ledger.keep(ledger.only(), first) == first
    assert ledger.ledger.keep(ledger.only(), a_sealed(b"second")) == first == ledger.only().sealed
    clock.move(minutes=5)
    third = a_sealed(b"third")
    assert ledger.ledger.keep(ledger.only(), third) == third == ledger.only().sealed
    clock.move(days=365)
    assert ledger.ledger.keep(ledger.only(), a_sealed(b"fourth")) == third
    assert ledger.events() == ["accepted", "sealed", "sealed"]


def test_an_answer_finds_its_question_only_after_it_left(ledger: Books, ids: CountedIds) -> None:
    asked = an_entry(ids(), some_claims("urn:uuid:question"))
    ledger.enter(asked)
    question = ledger.only()
    assert ledger.ledger.outgoing(question.message_id, HEALTH) is None
    ledger.ledger.keep(question, a_sealed())
    assert ledger.ledger.outgoing(question.message_id, HEALTH) == asked
    assert ledger.ledger.outgoing(question.message_id, CUSTOMS) is None
    assert ledger.ledger.outgoing(asked.claims.message_id, HEALTH) is None


def test_the_asker_sees_the_id_of_its_own_question(ledger: Books, ids: CountedIds) -> None:
    asked = an_entry(ids(), some_claims("urn:uuid:question"))
    ledger.enter(asked)
    question = ledger.only()
    ledger.ledger.keep(question, a_sealed())
    claims = some_claims("m-1", sender=HEALTH, receiver=CUSTOMS, relates_to=question.message_id)
    ledger.enter(an_entry(ids(), claims, corridors=("permit-status",), answers=asked.id))
    assert ledger.only(CUSTOMS).relates_to == "urn:uuid:question"


def test_a_follow_up_relates_to_what_the_receiver_got(ledger: Books, ids: CountedIds) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:2", relates_to="urn:uuid:1")))
    first, then = ledger.due(HEALTH)
    assert then.relates_to == first.message_id


def test_a_delivery_ends_once(ledger: Books, ids: CountedIds) -> None:
    """The same end again changes nothing; another end is refused."""
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    delivery, receipt = ledger.only(), a_receipt("urn:uuid:out")
    ledger.ledger.settle(delivery, State.DELIVERED, receipt=receipt, code="accepted")
    ledger.ledger.settle(delivery, State.DELIVERED, receipt=receipt, code="accepted")
    assert ledger.due(HEALTH) == []
    assert sorted(ledger.events()) == ["accepted", "delivered", "receipt"]
    with pytest.raises(InternalError):
        ledger.ledger.settle(delivery, State.FAILED)


def test_a_notice_is_kept_with_the_end_of_its_delivery(ledger: Books, ids: CountedIds) -> None:
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    ledger.enter(entry)
    claims = some_claims("urn:uuid:n", sender=GATEWAY, receiver=CUSTOMS, relates_to="urn:uuid:1")
    notice = an_entry(ids(), claims, corridors=("notice-customs",), answers=entry.id)
    ledger.ledger.settle(ledger.only(), State.FAILED, code="mapping.gap", notice=notice)
    assert ledger.only(CUSTOMS).entry == notice
    assert ledger.only(CUSTOMS).relates_to == "urn:uuid:1"
    assert sorted(ledger.events()) == ["accepted", "failed", "notice"]


def test_no_notice_for_an_end_that_was_told_before(ledger: Books, ids: CountedIds) -> None:
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    ledger.enter(entry)
    delivery = ledger.only()
    for _ in range(2):
        notice_id = ids()
        claims = some_claims(notice_id.urn, sender=GATEWAY, receiver=CUSTOMS)
        notice = an_entry(notice_id, claims, corridors=("notice-customs",), answers=entry.id)
        ledger.ledger.settle(delivery, State.EXPIRED, notice=notice)
    assert len(ledger.due(CUSTOMS)) == 1


def test_a_partner_that_is_out_holds_its_lane_until_the_next_pilot(
    ledger: Books, ids: CountedIds, clock: FrozenClock
) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:2")))
    for _ in range(5):
        ledger.ledger.postpone(ledger.due(HEALTH)[0], code="delivery.failed", detail="no route")
        clock.move(seconds=29)
        assert ledger.due(HEALTH) == []
        clock.move(seconds=1)
        assert len(ledger.due(HEALTH)) == 2
    assert ledger.due(HEALTH)[0].attempt == 6


def test_a_message_that_waits_alone_waits_longer_each_time(ledger: Books, ids: CountedIds, clock: FrozenClock) -> None:
    """1, 5, 15, 60 minutes, then hourly until its deadline; what is bound to it waits with it, the others go on."""
    for number, talk in ((1, "talk"), (2, "talk"), (3, "other")):
        ledger.enter(an_entry(ids(), some_claims(f"urn:uuid:{number}", conversation_id=talk)))
    first = ledger.due(HEALTH)[0]
    for attempt, minutes in enumerate((1, 5, 15, 60, 60), 1):
        ledger.ledger.postpone(replace(first, attempt=attempt), code="delivery.deferred", detail="425", alone=True)
        clock.move(minutes=minutes, seconds=-1)
        assert [one.entry.claims.message_id for one in ledger.due(HEALTH)] == ["urn:uuid:3"]
        clock.move(seconds=1)
        assert len(ledger.due(HEALTH)) == 3
    clock.now = first.deadline - timedelta(minutes=1)
    ledger.ledger.postpone(replace(first, attempt=6), code="delivery.deferred", detail="425", alone=True)
    clock.now = first.deadline
    assert len(ledger.due(HEALTH)) == 3


def test_a_partner_says_until_when(ledger: Books, ids: CountedIds, clock: FrozenClock) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    until = clock() + timedelta(minutes=7)
    for alone in (True, False):
        ledger.ledger.postpone(ledger.only(), code="delivery.failed", detail="429", until=until, alone=alone)
        assert ledger.due(HEALTH) == []
        clock.now = until
        until += timedelta(minutes=7)
        assert len(ledger.due(HEALTH)) == 1


def test_urgent_messages_go_first_but_never_past_their_own(ledger: Books, ids: CountedIds) -> None:
    """What an urgent one must wait for goes with its urgency."""
    kinds = (("1", "a", "C"), ("2", "b", "B"), ("3", "c", "A"), ("4", "a", "A"), ("5", "b", "B"), ("6", "d", "C"))
    for number, talk, priority in kinds:
        entry = an_entry(ids(), some_claims(number, conversation_id=talk))
        ledger.enter(replace(entry, priority=priority))
    assert [one.entry.claims.message_id for one in ledger.due(HEALTH)] == ["3", "1", "4", "2", "5", "6"]


def test_giving_up_raises_an_alarm(ledger: Books, ids: CountedIds) -> None:
    """So does a fault of ours; a refusal by the receiver is the sender's business."""
    for number, (state, code) in enumerate(
        ((State.EXPIRED, "delivery.expired"), (State.FAILED, "internal"), (State.REFUSED, "delivery.refused"))
    ):
        ledger.enter(an_entry(ids(), some_claims(f"urn:uuid:{number}")))
        ledger.ledger.settle(ledger.only(), state, code=code)
    assert ledger.events().count("alarm") == 2


def test_a_delivery_that_ended_is_not_postponed(ledger: Books, ids: CountedIds) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    delivery = ledger.only()
    ledger.ledger.settle(delivery, State.DELIVERED)
    ledger.ledger.postpone(delivery, code="delivery.failed", detail="too late")
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:2")))
    assert len(ledger.due(HEALTH)) == 1


def test_reaching_the_partner_opens_its_lane_again(ledger: Books, ids: CountedIds, clock: FrozenClock) -> None:
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:1")))
    ledger.enter(an_entry(ids(), some_claims("urn:uuid:2")))
    first, second = ledger.due(HEALTH)
    ledger.ledger.postpone(first, code="delivery.failed", detail="no route")
    ledger.ledger.settle(replace(first, attempt=2), State.DELIVERED)
    assert ledger.only().entry.id == second.entry.id
    clock.move(minutes=1)


def test_silence_is_told_once(ledger: Books) -> None:
    entry = an_entry(UUID(int=7), some_claims("urn:uuid:1"))
    ledger.enter(entry)
    claims = some_claims("urn:uuid:n", sender=GATEWAY, receiver=CUSTOMS)
    notice = an_entry(UUID(int=8), claims, corridors=("notice-customs",), answers=entry.id)
    (corridor,) = entry.corridors
    books = ledger.ledger
    assert isinstance(books, (MemoryLedger, PostgresLedger))
    assert books.silence(entry.id, corridor, means="hold", notice=notice)
    assert not books.silence(entry.id, corridor, means="hold", notice=replace(notice, id=UUID(int=9)))
    assert sorted(ledger.events()) == ["accepted", "notice", "silent"]
