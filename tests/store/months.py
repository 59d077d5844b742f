"""Messages of several months, as a year brings them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.lifecycle import State
from gateway.model import Entry
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from tests.builders import (
    CUSTOMS,
    HEALTH,
    CountedIds,
    FrozenClock,
    a_receipt,
    a_sealed,
    an_entry,
    an_intake,
    some_claims,
)
from tests.store.steps import TELL, enter, waiting

MONTHS = (9, 10, 11)


def day(month: int, number: int = 15) -> datetime:
    """Noon of a day of the year of the tests."""
    return datetime(2026, month, number, 12, tzinfo=UTC)


Come = Callable[..., Entry]


@pytest.fixture
def come(ledger: PostgresLedger, store: Store, clock: FrozenClock) -> Come:
    """A question comes, is delivered and answered; how far, the test may say."""
    numbers = iter(range(1, 1000))

    def come(month: int, *, settled: bool = True, answered: bool = True) -> Entry:
        clock.now = day(month)
        number = next(numbers)
        asked = some_claims(f"urn:uuid:q-{number}", conversation_id=f"talk-{number}")
        entry = an_entry(UUID(int=number), asked, received_at=clock())
        enter(ledger, entry)
        delivery = waiting(store, entry.id)
        ledger.keep(delivery, a_sealed(f"sealed {number}".encode()))
        if settled:
            ledger.settle(waiting(store, entry.id), State.DELIVERED, receipt=a_receipt(delivery.message_id))
        if answered:
            told = some_claims(f"urn:uuid:a-{number}", sender=HEALTH, receiver=CUSTOMS)
            answer = an_entry(UUID(int=number + 10**6), told, corridors=(TELL,), answers=entry.id, received_at=clock())
            enter(ledger, answer)
            ledger.settle(waiting(store, answer.id, TELL), State.DELIVERED)
        return entry

    return come


@pytest.fixture
def three(come: Come, ledger: PostgresLedger, ids: CountedIds) -> list[Entry]:
    """Three months, three questions with answers in each, and a refusal."""
    kept = [come(month) for month in MONTHS for _ in range(3)]
    ledger.refuse(an_intake(ids(), at=day(9)))
    return kept
