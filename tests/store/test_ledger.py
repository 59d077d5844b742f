"""The ledger keeps its promises: durable before answered, once and only once, and able to prove it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from psycopg.errors import UniqueViolation

from gateway.errors import Conflict, InternalError
from gateway.lifecycle import State
from gateway.model import CorridorId, Sealed
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.own_ids import out_id, urn
from gateway.shell.store import Store
from tests.builders import (
    CUSTOMS,
    GATEWAY,
    HEALTH,
    CountedIds,
    FrozenClock,
    a_receipt,
    a_sealed,
    a_verified,
    a_wire,
    an_entry,
    an_intake,
    some_claims,
)
from tests.store.steps import ASK, TELL, count, enter, events, waiting


def test_all_of_a_message_is_kept_in_one_commit(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """Message, key, search keys, delivery and evidence stand after enter."""
    entry = an_entry(ids(), some_claims("urn:uuid:1", conversation_id="c-1"))
    answer = a_sealed(b"\x00\xff<Receipt/>")
    assert enter(ledger, entry, answer) == answer
    assert [count(store, name) for name in ("message", "message_key", "delivery", "evidence")] == [1, 1, 1, 1]
    assert count(store, "message_ref") == 3
    assert ledger.recall(CUSTOMS, entry.claims.message_id) == (
        a_verified(entry.claims).content_digest,
        answer,
    )


def test_empty_words_come_back_empty(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """A message of our own is addressed to nobody, an answer may have no content type."""
    entry = an_entry(ids(), some_claims("urn:uuid:1", action="", to=""))
    answer = a_sealed(b"", content_type="")
    assert enter(ledger, entry, answer) == enter(ledger, entry) == answer
    assert waiting(store, entry.id).entry == entry


def test_of_a_message_that_cannot_be_kept_nothing_is_kept(
    ledger: PostgresLedger, store: Store, ids: CountedIds
) -> None:
    """The last part fails: no part stands, and the same id may come again."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"), corridors=(ASK, ASK))
    with pytest.raises(UniqueViolation):
        enter(ledger, entry)
    assert [count(store, name) for name in ("message", "message_key", "message_ref", "evidence")] == [0, 0, 0, 0]
    enter(ledger, replace(entry, corridors=(ASK,)))
    assert count(store, "message") == 1


def test_an_entry_comes_back_as_it_was(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """A worker gets the very entry, Kazakh and astral characters included."""
    claims = some_claims("urn:uuid:Қ-😀", conversation_id="әңгіме", relates_to="x")
    entry = an_entry(ids(), claims, payload="<Q>Ғ𝄞</Q>".encode(), keys=(("permit", "ҚР-1"), ("tin", "中")))
    enter(ledger, entry)
    delivery = waiting(store, entry.id)
    assert delivery.entry == entry
    assert (delivery.attempt, delivery.lane, delivery.relates_to) == (1, HEALTH, None)
    assert delivery.message_id == urn(out_id(entry.id, ASK))
    assert delivery.deadline == entry.received_at + timedelta(hours=24)


@pytest.mark.parametrize(
    ("wire", "payload", "kept"),
    [
        (b"<Envelope><Q>1</Q></Envelope>", b"<Q>1</Q>", (None, 10, 8)),
        (b"<Envelope><Q >1</Q></Envelope>", b"<Q>1</Q>", (b"<Q>1</Q>", None, None)),
        (b"<Q>1</Q>", b"<Q>1</Q>", (None, None, None)),
    ],
)
def test_a_document_that_stands_in_what_came_is_kept_once(
    ledger: PostgresLedger, store: Store, ids: CountedIds, *, wire: bytes, payload: bytes, kept: tuple[object, ...]
) -> None:
    """Only one whose canonical form is not there is kept beside it; it comes back the same, and the evidence holds."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"), payload=payload)
    ledger.enter(entry, a_verified(entry.claims, payload, wire=a_wire(wire)), a_sealed(), {})
    assert tuple(store.fetch("select payload, payload_at, payload_size from message")[0].values()) == kept
    assert waiting(store, entry.id).entry.document.payload == payload
    assert verify_chains(store).broken is None


def test_of_fifty_equal_messages_at_once_one_is_kept(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """Everybody gets the winner's answer byte for byte."""
    first = Barrier(16)

    def send(number: int) -> Sealed:
        entry = an_entry(UUID(int=number), some_claims("urn:uuid:same"))
        if number <= 16:
            first.wait(10)
        return enter(ledger, entry, a_sealed(f"<Receipt n='{number}'/>".encode()))

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(send, range(1, 51)))
    assert len({answer.body for answer in answers}) == 1
    assert len(set(answers)) == 1
    assert [count(store, name) for name in ("message", "delivery", "evidence")] == [1, 1, 1]


def test_other_content_under_a_known_id_is_an_alarm(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """The second message is refused, recorded without its content, and linked into the evidence."""
    claims = some_claims("urn:uuid:1")
    enter(ledger, an_entry(ids(), claims))
    with pytest.raises(Conflict):
        enter(ledger, an_entry(ids(), claims, payload=b"<Other/>"))
    assert events(store) == ["accepted", "alarm"]
    assert [count(store, name) for name in ("message", "intake")] == [1, 1]


def test_the_same_id_from_another_partner_is_another_message(
    ledger: PostgresLedger, store: Store, ids: CountedIds
) -> None:
    """Ids are unique per sender only."""
    enter(ledger, an_entry(ids(), some_claims("urn:uuid:1")))
    enter(ledger, an_entry(ids(), some_claims("urn:uuid:1", sender=HEALTH), corridors=("permit-status",)))
    assert count(store, "message") == 2


def test_a_refused_message_with_hostile_words_is_recorded(
    ledger: PostgresLedger, store: Store, ids: CountedIds
) -> None:
    """NUL and lone surrogates do not stop the record."""
    ledger.refuse(an_intake(ids(), claimed="a\0b\ud800", findings=({"rule": "x\0"},), detail=""))
    ledger.refuse(an_intake(ids(), alarm=True, digest=""))
    assert events(store) == ["refused", "alarm"]


def test_a_retry_sends_the_kept_bytes(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """The first kept bytes win over any later ones."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    first = ledger.keep(waiting(store, entry.id), a_sealed(b"first"))
    second = ledger.keep(waiting(store, entry.id), a_sealed(b"second"))
    assert first == second == waiting(store, entry.id).sealed == a_sealed(b"first")
    assert events(store) == ["accepted", "sealed"]


def test_kept_bytes_whose_time_has_passed_are_made_anew(
    ledger: PostgresLedger, store: Store, ids: CountedIds, clock: FrozenClock
) -> None:
    """The expired ones stay as evidence."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    delivery = waiting(store, entry.id)
    ledger.keep(delivery, a_sealed(b"first", expires_at=clock() + timedelta(minutes=5)))
    clock.move(minutes=6)
    assert ledger.keep(delivery, a_sealed(b"second")).body == b"second"
    assert waiting(store, entry.id).sealed == a_sealed(b"second")
    assert count(store, "outgoing") == 2


def test_an_answer_relates_to_what_the_asker_sent(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """Customs asked; the ministry answers our envelope; customs sees its own question's id."""
    asked = an_entry(ids(), some_claims("urn:uuid:question"))
    enter(ledger, asked)
    question = waiting(store, asked.id)
    assert ledger.outgoing(question.message_id, HEALTH) is None
    ledger.keep(question, a_sealed())
    assert ledger.outgoing(question.message_id, HEALTH) == asked
    assert ledger.outgoing(question.message_id, CUSTOMS) is None

    claims = some_claims("m-1", sender=HEALTH, receiver=CUSTOMS, relates_to=question.message_id)
    answer = an_entry(ids(), claims, corridors=(TELL,), answers=asked.id)
    enter(ledger, answer)
    assert waiting(store, answer.id, TELL).relates_to == "urn:uuid:question"
    assert store.fetch("select answered_by from delivery where entry = %s", [asked.id])[0]["answered_by"] == answer.id
    assert ledger.answered(asked.id, HEALTH)
    assert not ledger.answered(asked.id, CUSTOMS)
    assert not ledger.answered(answer.id, HEALTH)


def test_a_follow_up_relates_to_what_the_receiver_got(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """A sender relates to its own earlier message; the receiver knows that one by our id."""
    first = an_entry(ids(), some_claims("urn:uuid:1"))
    then = an_entry(ids(), some_claims("urn:uuid:2", relates_to="urn:uuid:1"))
    enter(ledger, first)
    enter(ledger, then)
    assert waiting(store, then.id).relates_to == waiting(store, first.id).message_id


def test_a_delivery_ends_with_receipt_and_evidence(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """Ending it twice the same way is one ending; another ending is refused."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    delivery = waiting(store, entry.id)
    for _ in range(2):
        ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id))
    assert events(store) == ["accepted", "delivered", "receipt"]
    assert count(store, "receipt") == 1
    with pytest.raises(InternalError):
        ledger.settle(delivery, State.FAILED)


def test_the_sender_is_told_in_the_same_commit(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """A notice is a message of its own that relates to what the sender sent."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    claims = some_claims("urn:uuid:notice", sender=GATEWAY, receiver=CUSTOMS)
    notice = an_entry(
        ids(), claims, payload=b"<Notice/>", type="NOTICE", corridors=("notice-customs",), answers=entry.id
    )
    ledger.settle(waiting(store, entry.id), State.FAILED, code="mapping.gap", notice=notice)
    told = waiting(store, notice.id, CorridorId("notice-customs"))
    assert (told.lane, told.relates_to, told.entry) == (CUSTOMS, "urn:uuid:1", notice)
    assert sorted(events(store)) == ["accepted", "failed", "notice"]


def test_an_ended_delivery_can_be_sent_again_by_a_person(
    ledger: PostgresLedger, store: Store, ids: CountedIds, clock: FrozenClock
) -> None:
    """It is queued with a new deadline, and who did it is in the evidence; a delivered one stays delivered."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    ledger.settle(waiting(store, entry.id), State.EXPIRED, code="delivery.expired")
    clock.move(days=2)
    assert ledger.requeue(entry.id, ASK, who="operator", why="the ministry is back")
    assert waiting(store, entry.id).deadline == clock() + timedelta(hours=24)
    assert "requeued" in events(store)
    ledger.settle(waiting(store, entry.id), State.DELIVERED)
    assert not ledger.requeue(entry.id, ASK, who="operator", why="again")


def test_silence_is_said_once(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """The event and what the asker is told are one commit."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    claims = some_claims("urn:uuid:n", sender=GATEWAY, receiver=CUSTOMS)
    notice = an_entry(ids(), claims, corridors=("notice-customs",), answers=entry.id)
    assert ledger.silence(entry.id, ASK, means="hold", notice=notice)
    assert not ledger.silence(entry.id, ASK, means="hold", notice=replace(notice, id=ids()))
    assert sorted(events(store)) == ["accepted", "notice", "silent"]


def test_a_month_without_partition_is_made_when_it_comes(
    ledger: PostgresLedger, store: Store, ids: CountedIds, clock: FrozenClock
) -> None:
    """A gateway that ran for years, or whose clock is wrong, still keeps what it accepts."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"), received_at=clock.move(days=3000))
    enter(ledger, entry)
    assert waiting(store, entry.id).entry == entry


def of_lane(store: Store) -> dict[str, Any]:
    """The one row of the lanes; its times can be minus infinity, which has no word in Python."""
    query = "select failures, held_since, nullif(next_at, '-infinity') as next_at, pilot, released_at, backlog, sent"
    (row,) = store.fetch(query + " from lane")
    return row


def test_an_outage_is_in_the_lane_until_the_partner_is_reached(
    ledger: PostgresLedger, store: Store, ids: CountedIds, clock: FrozenClock
) -> None:
    """Since when, how often, the last pilot and the next one; then when it came back and what had waited."""
    entry = an_entry(ids(), some_claims("urn:uuid:1"))
    enter(ledger, entry)
    enter(ledger, an_entry(ids(), some_claims("urn:uuid:2")))
    began = clock()
    for _ in range(6):
        ledger.postpone(waiting(store, entry.id), code="delivery.failed", detail="no route to host\0")
        lane = of_lane(store)
        assert lane["next_at"] == clock() + timedelta(seconds=30)
        clock.move(seconds=30)
    assert (lane["failures"], lane["held_since"], lane["pilot"]) == (6, began, entry.id)
    assert waiting(store, entry.id).attempt == 7
    ledger.settle(waiting(store, entry.id), State.DELIVERED)
    lane = of_lane(store)
    assert (lane["failures"], lane["held_since"], lane["pilot"]) == (0, None, None)
    assert (lane["released_at"], lane["backlog"], lane["sent"]) == (clock(), 1, 0)
