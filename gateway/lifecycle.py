"""The states a delivery passes through, and the only moves between them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a message stands on its way to one receiver. A message is finished when all its deliveries are."""

    QUEUED = "queued"
    """Accepted and durable; waiting for its turn in the lane."""
    DELIVERED = "delivered"
    """The receiver's signed receipt is kept."""
    REFUSED = "refused"
    """The receiver refused this message; the sender was told by a notice."""
    FAILED = "failed"
    """We could not translate it or our own output was not valid; the sender was told by a notice."""
    EXPIRED = "expired"
    """The deadline passed without a delivery; the sender was told by a notice."""


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.DELIVERED, State.REFUSED, State.FAILED, State.EXPIRED}),
    State.DELIVERED: frozenset(),
    State.REFUSED: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.EXPIRED: frozenset({State.QUEUED}),
}


def may(old: State, new: State) -> bool:
    """True when the table allows the move."""
    return new in MOVES[old]
