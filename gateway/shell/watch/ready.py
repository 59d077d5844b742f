"""Whether this gateway can take messages now, and if not, why not."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, LiteralString

from cryptography import x509

from gateway.errors import Busy
from gateway.shell.keyring import own_certificates

if TYPE_CHECKING:
    from gateway.shell.house import House

PATIENCE: Final = 3.0
"""Seconds the database has to answer; whoever balances load must not wait for a network that is cut."""
FRESH: Final = 1.0
"""Seconds for which an answer serves: whoever asks more often costs nothing."""
WRITES: Final[LiteralString] = """
select pg_is_in_recovery() as follows, current_setting('transaction_read_only') = 'on' as read_only
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """One thing that must be in order. `why` is empty when it is."""

    name: str
    why: str

    @property
    def ok(self) -> bool:
        """It is in order."""
        return not self.why


class Readiness:
    """Looks at most once a second: database, room on the disk, our keys, our clock.

    The database has `patience` seconds to answer.
    """

    def __init__(self, house: House, patience: float = PATIENCE) -> None:
        self._house = house
        self._patience = patience
        self._looked = -FRESH
        self._looks_now = Lock()
        self._asker = ThreadPoolExecutor(1, "ready")
        self._question: Future[str] | None = None
        self._asked = 0.0
        self._found: tuple[Fitness, ...] = ()
        self._looks: dict[str, Callable[[], str]] = {
            "database": self._database, "room": self._room, "keys": self._keys, "clock": self._clock,
        }  # fmt: skip

    def look(self) -> tuple[Fitness, ...]:
        """Everything that must be in order, and how it is. Who comes while another looks sees what that one found."""
        with self._looks_now:
            if monotonic() - self._looked >= FRESH:
                self._found = tuple(Fitness(name=name, why=look()) for name, look in self._looks.items())
                self._looked = monotonic()
            return self._found

    def _database(self) -> str:
        """One question at a time: while it has no answer, nobody asks again, nor waits longer than `patience`."""
        if self._question is None or self._question.done():
            self._asked, self._question = monotonic(), self._asker.submit(self._ask)
        try:
            return self._question.result(max(0.0, self._patience - (monotonic() - self._asked)))
        except TimeoutError:
            return "it does not answer in time"

    def _ask(self) -> str:
        try:
            row = self._house.store.fetch(WRITES)[0]
        except Busy as error:
            return error.detail or "it does not answer"
        except Exception as error:  # noqa: BLE001 - whatever it says instead of an answer, it is not in order
            return f"it gives no answer: {type(error).__name__}"
        if row["follows"]:
            return "it is a standby and takes no writes"
        return "it is set to be read only and takes no writes" if row["read_only"] else ""

    def _room(self) -> str:
        settings = self._house.settings
        place = next(one for one in (settings.state_dir, *settings.state_dir.absolute().parents) if one.exists())
        free = shutil.disk_usage(place).free
        least = settings.watch.least_free_megabytes * 1_000_000
        return f"{free // 1_000_000} MB are free, {least // 1_000_000} are wanted" if free < least else ""

    def _keys(self) -> str:
        now = self._house.setup.clock()
        ours = [x509.load_der_x509_certificate(der) for der in own_certificates(self._house.setup.keyring)]
        valid = [one for one in ours if one.not_valid_before_utc <= now <= one.not_valid_after_utc]
        return "" if valid else "no certificate of ours is valid now"

    def _clock(self) -> str:
        return self._house.clock_guard.trouble


def failures(found: tuple[Fitness, ...]) -> Iterator[Fitness]:
    """Those that are not in order."""
    return (one for one in found if not one.ok)
