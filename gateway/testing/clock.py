"""Time that stands still and ids that count, so that the same message gives the same bytes on every run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID

_COUNTED: Final = 1 << 62


class FrozenClock:
    """A clock that shows `at` (aware; kept as UTC) until it is moved."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs a time with a zone")
        self._at = at.astimezone(UTC)

    def __call__(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Move on, and say what time it is then."""
        self._at += by
        return self._at


def counting_ids(seed: str = "", first: Iterable[UUID] = ()) -> Callable[[], UUID]:
    """Ids in the form of UUIDv7, in rising order and the same for the same seed; `first` are given out before them."""
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:5])
    given = iter(tuple(first))
    numbers = count(1)

    def counted() -> UUID:
        return UUID(int=(start << 80) | (7 << 76) | (2 << 62) | (next(numbers) % _COUNTED))

    return lambda: next(given, None) or counted()
