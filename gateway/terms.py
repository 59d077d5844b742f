"""What was agreed with a partner about delivery: how much at a time, how often again, and whom to call in the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

RETRIES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
"""Waits of one message after its first, second, ... failed attempt; the last one repeats."""
GIVE_UP: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom to call about what could not be delivered. `language` is a BCP 47 tag; empty = not agreed."""

    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""

    def __str__(self) -> str:
        reached = ", ".join(filter(None, (self.name, self.email, self.phone)))
        return f"{reached} ({self.language})" if reached and self.language else reached

    def __bool__(self) -> bool:
        return bool(self.name or self.email or self.phone)


NOBODY: Final = Contact()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How messages go to one partner."""

    concurrency: int = 1
    """Messages that may be on their way at once; 1 = everything of a class in the order in which it was accepted."""
    rate: float = 0.0
    """Messages a second at most; 0 = as fast as it takes them."""
    retries: tuple[timedelta, ...] = RETRIES
    give_up: timedelta = GIVE_UP
    """Age of a message at which it is dead, where its corridor names none."""
    pilot_every: timedelta = timedelta(seconds=30)
    """While the partner is out: one message each time, to see whether it is back."""
    longest_wait: timedelta = timedelta(hours=1)
    """What a `Retry-After` is cut to."""

    def wait_after(self, attempt: int) -> timedelta:
        """How long one message waits after its `attempt`-th failed attempt, counted from 1."""
        return self.retries[min(max(attempt, 1), len(self.retries)) - 1]


USUAL: Final = Terms()
