"""The ids we give: of our envelopes, as they stand in messages, and how the delivery of one is found."""

from __future__ import annotations

from uuid import UUID, uuid5

from gateway.model import CorridorId, MessageId


def out_id(entry: UUID, corridor: CorridorId) -> UUID:
    """What identifies our envelope for one delivery: the same however often it is made.

    A UUIDv8 (RFC 9562, 5.8): the first 48 bits of the entry's id, which are its time, then those of a name-based one.
    """
    mixed = entry.int >> 80 << 80 | uuid5(entry, corridor).int & (1 << 80) - 1
    return UUID(int=mixed & ~(0xF << 76) | 8 << 76)


def outgoing_words(out_id: UUID) -> dict[str, UUID]:
    """What finds the delivery of an outgoing id: its entry is one of the same millisecond."""
    first = out_id.int >> 80 << 80
    return {"out_id": out_id, "first": UUID(int=first), "last": UUID(int=first | (1 << 80) - 1)}


def urn(value: UUID) -> MessageId:
    """An id of ours as it stands in a message."""
    return MessageId(f"urn:uuid:{value}")


def uuid_of(message_id: str) -> UUID | None:
    """The UUID in one of our message ids; None for any other text."""
    try:
        return UUID(message_id.removeprefix("urn:uuid:"))
    except ValueError:
        return None
