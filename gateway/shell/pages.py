"""What a page about messages shows, as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.model import Entry, Receipt, Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """One way of a message and how far it got."""

    corridor: str
    receiver: str
    lane: str
    state: str
    attempts: int
    message_id: str
    """The id our envelope carries."""
    deadline: datetime
    code: str
    detail: str
    settled_at: datetime | None
    answer_due: datetime | None
    answered_by: UUID | None
    silent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLine:
    """One message in a list. `state`: the least finished of its deliveries; `keys` as (scheme, value)."""

    id: UUID
    received_at: datetime
    sender: str
    receivers: tuple[str, ...]
    type: str
    message_id: str
    conversation_id: str
    priority: str
    state: str
    keys: tuple[tuple[str, str], ...]
    settled_at: datetime | None = None
    """When the last of its deliveries ended; None while one is on its way."""
    code: str = ""
    """Why one of them did not succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Messages newest first; `next` is the cursor of the page after this one, None at the end."""

    lines: tuple[MessageLine, ...]
    next: str | None
    how: str = "exact"
    """How keys were compared with what was looked for: exact, begins, has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """One link of the evidence; digests in hex."""

    chain: int
    seq: int
    at: datetime
    event: str
    digest: str
    detail: Mapping[str, Any]
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBytes:
    """Sealed bytes that left, or were ready to: `number` counts re-seals of one delivery from 1."""

    corridor: str
    number: int
    kept_at: datetime
    sealed: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReceipt:
    """A receiver's receipt as it came."""

    corridor: str
    kept_at: datetime
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStory:
    """All that is known of one message. `wire` None = a message of our own; `seal` and `wire_facts` are then empty."""

    entry: Entry
    wire: bytes | None
    wire_facts: Mapping[str, Any]
    seal: Mapping[str, Any]
    steps: Mapping[str, float]
    answer: Sealed | None
    """What the sender was answered."""
    state: str
    deliveries: tuple[DeliveryLine, ...]
    sealed: tuple[KeptBytes, ...]
    receipts: tuple[KeptReceipt, ...]
    evidence: tuple[EvidenceLine, ...]
    related: tuple[MessageLine, ...]
    """The message it answers, and messages that answer it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a sender may know of its own message."""

    message_id: str
    type: str
    received_at: datetime
    state: str
    deliveries: tuple[DeliveryLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLine:
    """One refused message. `findings` as recorded."""

    incident: UUID
    at: datetime
    peer: str
    claimed: str
    size: int
    digest: str
    code: str
    threat: str
    detail: str
    findings: tuple[Mapping[str, Any], ...]
    alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakePage:
    """Refused messages newest first."""

    lines: tuple[IntakeLine, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A question without its answer: whose it is, where it went, and since when the answer is missing."""

    entry: Entry
    corridor: str
    receiver: str
    due: datetime
