"""The holes in the wall: all that the line needs from the world, as protocols the shell fills in."""

from __future__ import annotations

from datetime import datetime
from typing import BinaryIO, Protocol
from uuid import UUID

from gateway.lifecycle import State
from gateway.model import Delivery, Entry, Intake, Large, MessageId, PartnerId, Receipt, Sealed, Verified, Wire


class Clock(Protocol):
    """Now, in UTC and aware."""

    def __call__(self) -> datetime: ...


class Ids(Protocol):
    """A new id of ours (UUIDv7: sorts by time)."""

    def __call__(self) -> UUID: ...


class OwnKey(Protocol):
    """One of our own signing keys."""

    @property
    def algorithm(self) -> str:
        """Short name: `rsa-sha256`, `ecdsa-sha256`."""
        ...

    @property
    def certificate(self) -> bytes:
        """DER."""
        ...

    def sign(self, octets: bytes) -> bytes:
        """Sign as `algorithm` says; ECDSA as raw r||s (XML Signature, RFC 9421)."""
        ...


class Keyring(Protocol):
    """Our own keys, by the algorithm a partner wants."""

    def key(self, algorithm: str) -> OwnKey:
        """Raises ConfigurationError when we hold no key of this algorithm."""
        ...


class Ledger(Protocol):
    """What is kept. Every method is one transaction; what it returned is durable."""

    def recall(self, partner: PartnerId, message_id: MessageId) -> tuple[str, Sealed] | None:
        """The content digest and the stored answer of a message accepted earlier, or None."""
        ...

    def enter(self, entry: Entry, verified: Verified, answer: Sealed, steps: dict[str, float]) -> Sealed:
        """Keep an accepted message, its answer, its evidence link and its deliveries; return the answer to give.

        A repeat with the same content digest keeps nothing and returns the stored answer; with another digest it
        records an alarm and raises Conflict. `steps` are durations in milliseconds, for people.
        """
        ...

    def refuse(self, intake: Intake) -> None:
        """Keep one intake record of a refused message and link it into the evidence chain."""
        ...

    def outgoing(self, message_id: MessageId, receiver: PartnerId) -> Entry | None:
        """The entry that our envelope `message_id` to `receiver` carried, for an answer that relates to it."""
        ...

    def answered(self, question: UUID, by: PartnerId) -> bool:
        """True when an answer of this partner to the entry `question` is kept; what we said for it does not count."""
        ...

    def keep(self, delivery: Delivery, sealed: Sealed) -> Sealed:
        """Keep what will leave, before it leaves; if an earlier try kept bytes that are still fresh, return those."""
        ...

    def settle(
        self,
        delivery: Delivery,
        state: State,
        *,
        receipt: Receipt | None = None,
        code: str = "",
        detail: str = "",
        notice: Entry | None = None,
    ) -> None:
        """End a delivery: state, receipt, evidence link and the notice to the sender, if any, in one transaction."""
        ...  # fmt: skip

    def postpone(
        self, delivery: Delivery, *, code: str, detail: str, until: datetime | None = None, alone: bool = False
    ) -> None:
        """Record a failed attempt. The partner is out, so its lane waits for the next pilot; or this message `alone`
        waits its next retry, and what may not overtake it. `until` says otherwise how long.
        """
        ...


class Sheet(Protocol):
    """A place to write what is too long for memory; it is gone when nobody has its `Large` any more."""

    @property
    def sink(self) -> BinaryIO:
        """To write to, from the beginning to the end."""
        ...

    def done(self) -> Large:
        """What was written."""
        ...


class Depot(Protocol):
    """Where large bodies are: on the spool or in the ledger."""

    def open(self, large: Large) -> BinaryIO:
        """Read them from their first octet, a piece at a time; seekable. Raises Busy when they cannot be had now."""
        ...

    def sheet(self) -> Sheet:
        """A new one. Raises Busy when there is no room."""
        ...


class Courier(Protocol):
    """Carries bytes to a partner's endpoint and brings back the answer; DeliveryFailed on any network trouble."""

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire: ...
