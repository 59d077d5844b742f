"""Long polls: a partner may wait for something to be there, but not on every thread we have."""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import Final, TypeVar

from gateway.errors import EnvelopeMalformed

LONGEST: Final = 30
"""Seconds."""
_LOOK_AGAIN: Final = 0.25
_SECONDS: Final = re.compile("[0-9]{1,4}")

Found = TypeVar("Found")


class Patience:
    """Lets at most `places` partners wait at a time; one more is answered at once, as if it had not said `wait`."""

    def __init__(self, places: int) -> None:
        self._places = BoundedSemaphore(max(1, places))

    def wait(self, seconds: int, look: Callable[[], Found], enough: Callable[[Found], bool]) -> Found:
        """What `look` finds as soon as it is `enough`, or what it finds when the time is over."""
        found = look()
        if seconds <= 0 or enough(found) or not self._places.acquire(blocking=False):
            return found
        try:
            end = monotonic() + min(seconds, LONGEST)
            while not enough(found) and monotonic() < end:
                sleep(max(0.0, min(_LOOK_AGAIN, end - monotonic())))
                found = look()
            return found
        finally:
            self._places.release()


def number(value: str | None, name: str) -> int:
    """A whole number of a query, 0 when absent. Raises EnvelopeMalformed."""
    if value is None:
        return 0
    if not (_SECONDS.fullmatch(value) if name == "wait" else re.fullmatch("[0-9]{1,18}", value)):
        raise EnvelopeMalformed(f"{name} is a whole number")
    return int(value)
