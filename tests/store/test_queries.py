"""People find messages by what they know; partners see their own only."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from gateway.cli.program import run
from gateway.errors import MessageUnknown
from gateway.lifecycle import State
from gateway.model import MessageId
from gateway.shell.inbox import PostgresInbox
from gateway.shell.ledger import PostgresLedger
from gateway.shell.parts import index_parts, searches_parts
from gateway.shell.queries import intakes, message, messages, overdue, status
from gateway.shell.store import Store
from tests.builders import (
    CHINA,
    CUSTOMS,
    HEALTH,
    NOW,
    CountedIds,
    FrozenClock,
    a_receipt,
    a_sealed,
    a_verified,
    an_entry,
    an_intake,
    some_claims,
)
from tests.store.steps import ASK, LIST, TELL, ask, enter, waiting


def numbers(page: object) -> list[int]:
    """The entries of a page."""
    return [line.id.int for line in page.lines]  # type: ignore[attr-defined]


def put(ledger: PostgresLedger, number: int, *, minutes: int = 0, permit: str = "KZ-1") -> None:
    """One question with a permit number, some minutes after noon."""
    claims = some_claims(f"urn:uuid:m-{number}", conversation_id=f"talk-{number % 2}")
    at = NOW + timedelta(minutes=minutes)
    enter(ledger, an_entry(UUID(int=number), claims, keys=(("permit", permit),), received_at=at))


def test_the_newest_come_first_page_by_page(ledger: PostgresLedger, store: Store) -> None:
    """Every message once, whatever shares an instant."""
    for number in range(1, 8):
        put(ledger, number, minutes=number // 3)
    first = messages(store, limit=3)
    second = messages(store, limit=3, cursor=first.next)
    third = messages(store, limit=3, cursor=second.next)
    assert [*numbers(first), *numbers(second), *numbers(third)] == [7, 6, 5, 4, 3, 2, 1]
    assert third.next is None
    assert numbers(messages(store, since=NOW + timedelta(minutes=2))) == [7, 6]
    with pytest.raises(ValueError, match="isoformat"):
        messages(store, cursor="nonsense")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("KZ-77", [1]),
        ("KZ-7", [2, 1]),
        ("KZ", []),
        ("m-2", [2]),
        ("urn:uuid:m-2", [2]),
        ("talk-1", [3, 1]),
        (" Қ-1 ", [3]),
        ("Z-7", [2, 1]),
        ("Z-78", [2]),
        ("-7", []),
        ("alk-", []),
        ("_-7", []),
        ("nothing", []),
        ("%", []),
        ("\0", []),
    ],
)
def test_a_message_is_found_by_what_people_know(
    ledger: PostgresLedger, store: Store, search: str, found: list[int]
) -> None:
    """Exact text, else what begins with it; ids with or without their prefix."""
    for number, permit in ((1, "KZ-77"), (2, "KZ-78"), (3, "Қ-1")):
        put(ledger, number, permit=permit)
    assert numbers(messages(store, search=search)) == found


@pytest.mark.parametrize(("search", "how"), [("KZ-1", "exact"), ("KZ-", "begins"), ("Z-1", "has")])
def test_a_search_goes_on_page_by_page(ledger: PostgresLedger, store: Store, search: str, how: str) -> None:
    """The next page compares as the first one did; months are looked through from the newest on."""
    for number in range(1, 8):
        put(ledger, number, minutes=-number * 24 * 60 * 15, permit="KZ-1" if how == "exact" else f"KZ-1{number}")
    pages = [messages(store, search=search, limit=3)]
    while pages[-1].next is not None:
        pages.append(messages(store, search=search, limit=3, cursor=pages[-1].next))
    assert [numbers(page) for page in pages] == [[1, 2, 3], [4, 5, 6], [7]]
    assert {page.how for page in pages} == {how}


def test_without_the_extension_only_beginnings_are_found(ledger: PostgresLedger, store: Store) -> None:
    """And the store says so."""
    put(ledger, 1, permit="KZ-77")
    assert searches_parts(store)
    store.run(lambda connection: connection.execute("drop extension pg_trgm cascade"))
    assert not searches_parts(store)
    assert (numbers(messages(store, search="KZ-7")), numbers(messages(store, search="Z-77"))) == ([1], [])
    put(ledger, 2, minutes=60 * 24 * 365)


def test_months_before_the_extension_are_indexed_by_an_upgrade(
    ledger: PostgresLedger, store: Store, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until then no part is looked for, which would read all of them; what was begun once is made anew."""
    put(ledger, 1, permit="KZ-77")
    store.run(lambda connection: connection.execute("drop extension pg_trgm cascade"))
    assert index_parts(dsn) == []
    store.run(lambda connection: connection.execute("create extension pg_trgm"))
    store.run(
        lambda connection: connection.execute("create index message_ref_202611_parts on message_ref_202611 (entry)")
    )
    broken = "update pg_index set indisvalid = false where indexrelid = 'message_ref_202611_parts'::regclass"
    store.run(lambda connection: connection.execute(broken))
    assert not searches_parts(store)
    assert numbers(messages(store, search="Z-77")) == []
    monkeypatch.setenv("GATEWAY_DATABASE_URL", dsn)
    assert run(["db", "upgrade"]) == 0
    assert "any part of a business key is found in message_ref_202611 now" in capsys.readouterr().out
    assert searches_parts(store)
    assert numbers(messages(store, search="Z-77")) == [1]
    assert index_parts(dsn) == []


def test_lists_by_state_and_partner(ledger: PostgresLedger, store: Store) -> None:
    """Filters alone and together, with and without a search."""
    for number in (1, 2, 3):
        ask(ledger, number)
    listed = ask(ledger, 1, corridor=LIST)
    ledger.settle(waiting(store, UUID(int=2)), State.FAILED, code="mapping.gap")
    ledger.settle(waiting(store, UUID(int=3)), State.DELIVERED)
    assert numbers(messages(store, state="failed")) == [2]
    assert numbers(messages(store, state="delivered")) == [3]
    assert numbers(messages(store, state="queued", partner=HEALTH)) == [1]
    assert numbers(messages(store, partner=CUSTOMS)) == [3, 2, 1]
    assert numbers(messages(store, partner=CHINA)) == [listed.id.int]
    assert numbers(messages(store, search="KZ-77-0001", state="failed", partner=HEALTH)) == [2]
    assert numbers(messages(store, partner=CUSTOMS, state="delivered")) == [3]
    assert messages(store, state="failed").lines[0].state == "failed"
    assert numbers(messages(store, partner=CUSTOMS, state="unheard-of")) == []


def test_what_went_nowhere_is_listed_with_its_sender(ledger: PostgresLedger, store: Store) -> None:
    """A word to the gateway itself has no way on."""
    ask(ledger, 1)
    claims = some_claims("urn:uuid:to-us")
    enter(ledger, an_entry(UUID(int=2), claims, corridors=(), received_at=NOW + timedelta(minutes=1)))
    assert numbers(messages(store)) == numbers(messages(store, partner=CUSTOMS)) == [2, 1]
    assert numbers(messages(store, partner=CUSTOMS, state="queued")) == [1]
    assert numbers(messages(store, partner=HEALTH)) == [1]


def test_the_story_of_a_message_holds_everything(ledger: PostgresLedger, store: Store) -> None:
    """Wire and payload bytes, proof, ways, kept bytes, receipts, evidence, and what belongs to it."""
    entry = ask(ledger, 1)
    delivery = waiting(store, entry.id)
    ledger.keep(delivery, a_sealed(b"out"))
    ledger.settle(waiting(store, entry.id), State.DELIVERED, receipt=a_receipt(delivery.message_id))
    claims = some_claims("back", sender=HEALTH, receiver=CUSTOMS, relates_to=delivery.message_id)
    answer = an_entry(UUID(int=2), claims, corridors=(TELL,), answers=entry.id)
    enter(ledger, answer)

    story = message(store, entry.id)
    assert (story.entry, story.wire) == (entry, a_verified(entry.claims).wire.body)
    assert story.seal["certificate"] == "ab" * 32
    assert story.steps == {"verify": 1.5}
    assert story.answer == a_sealed()
    assert [one.sealed.body for one in story.sealed] == [b"out"]
    assert [one.receipt for one in story.receipts] == [a_receipt(delivery.message_id)]
    assert [one.event for one in story.evidence] == ["accepted", "sealed", "delivered", "receipt"]
    assert story.deliveries[0].answered_by == answer.id
    assert [one.id for one in story.related] == [answer.id]
    assert [one.id for one in message(store, answer.id).related] == [entry.id]
    with pytest.raises(MessageUnknown):
        message(store, UUID(int=99))


def test_a_partner_sees_its_own_messages_only(ledger: PostgresLedger, store: Store) -> None:
    """The same word for unknown and for somebody else's."""
    entry = ask(ledger, 1)
    assert status(store, CUSTOMS, entry.claims.message_id).state == "queued"
    for partner, message_id in ((HEALTH, entry.claims.message_id), (CUSTOMS, MessageId("other"))):
        with pytest.raises(MessageUnknown):
            status(store, partner, message_id)


def test_a_partner_fetches_what_waits(ledger: PostgresLedger, store: Store, clock: FrozenClock) -> None:
    """In order, until it has them; nobody sees what is another's."""
    inbox = PostgresInbox(store, clock=clock)
    for number in (1, 2, 3):
        ask(ledger, number, corridor=LIST)
    box = inbox.waiting(CHINA, 0, 2)
    assert [delivery.entry.id.int - 10**6 for _, delivery in box] == [1, 2]
    assert [delivery.entry.id.int - 10**6 for _, delivery in inbox.waiting(CHINA, box[-1][0], 2)] == [3]
    ledger.settle(box[0][1], State.DELIVERED)
    assert [delivery.entry.id.int - 10**6 for _, delivery in inbox.waiting(CHINA, 0, 9)] == [2, 3]
    assert inbox.waiting(HEALTH, 0, 9) == []


def test_a_missing_answer_is_overdue_once(ledger: PostgresLedger, store: Store, clock: FrozenClock) -> None:
    """Not before its time, not when answered, not when the silence was said."""
    asked, answered = ask(ledger, 1), ask(ledger, 2)
    ask(ledger, 1, corridor=LIST)
    claims = some_claims("back", sender=HEALTH, receiver=CUSTOMS)
    enter(ledger, an_entry(UUID(int=9), claims, corridors=(TELL,), answers=answered.id))
    assert overdue(store, clock()) == ()
    late = overdue(store, clock.move(days=10))
    assert [(one.entry, one.corridor, one.due) for one in late] == [(asked, ASK, NOW + timedelta(days=10))]
    ledger.silence(asked.id, ASK, means="hold")
    assert overdue(store, clock()) == ()


def test_refused_messages_are_listed(ledger: PostgresLedger, store: Store, ids: CountedIds) -> None:
    """Newest first, alarms apart."""
    for minute in range(4):
        ledger.refuse(an_intake(ids(), at=NOW + timedelta(minutes=minute), alarm=minute == 1))
    first = intakes(store, limit=3)
    assert [line.at.minute for line in first.lines] == [3, 2, 1]
    assert [line.at.minute for line in intakes(store, limit=3, cursor=first.next).lines] == [0]
    assert [line.at.minute for line in intakes(store, alarms=True).lines] == [1]
