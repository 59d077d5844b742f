"""What the ledger in memory keeps, in the open for tests to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from gateway.lifecycle import State
from gateway.model import CorridorId, Entry, MessageId, PartnerId, Receipt, Sealed, Verified

START = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class KeptMessage:
    """A message as it was entered; one of our own has neither proof nor answer."""

    entry: Entry
    verified: Verified | None = None
    answer: Sealed | None = None
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class KeptDelivery:
    """One way a message goes on, and where it stands."""

    entry: Entry
    corridor: CorridorId
    receiver: PartnerId
    lane: str
    message_id: MessageId
    deadline: datetime
    legal_due: datetime | None = None
    strand: int = 0
    order_key: int = 0
    next_at: datetime = START
    answer_due: datetime | None = None
    state: State = State.QUEUED
    attempts: int = 0
    code: str = ""
    detail: str = ""
    sealed: list[Sealed] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    answered_by: UUID | None = None
    silent_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Lane:
    """A lane whose partner is out: failures in a row, and when the next pilot goes."""

    failures: int
    next_at: datetime
