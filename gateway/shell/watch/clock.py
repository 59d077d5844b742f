"""The clock guard: a gateway whose clock is wrong signs nothing (threat R7)."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Final

import structlog

from gateway.errors import Busy
from gateway.ports import Clock, Keyring, OwnKey
from gateway.shell.keyring import own_certificates
from gateway.shell.store import Store

EVERY: Final = 30.0
"""Seconds between two readings."""
_EPOCH_1900: Final = 2_208_988_800
"""Seconds from the NTP era to the Unix epoch (RFC 5905, 6)."""
_STRATA: Final = range(1, 16)
_PACKET: Final = 48

Read = Callable[[], timedelta]
"""How far our clock is ahead of another one; OSError or Busy when that one cannot be read."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One other clock: how far ours is `ahead` of it, or why it could not be read."""

    source: str
    ahead: timedelta | None
    why: str = ""


class ClockGuard:
    """Knows whether our clock can be believed.

    `sources` are other clocks. Ours is wrong when the median of those that answer is more than `limit` away, or when,
    with none to ask, it has leapt by more than `limit` against the steady clock since the last time it was believed.
    """

    def __init__(
        self,
        sources: Mapping[str, Read],
        *,
        limit: timedelta = timedelta(seconds=60),
        now: Clock = lambda: datetime.now(UTC),
        steady: Callable[[], float] = lambda: time.clock_gettime(_STEADY),
    ) -> None:
        self._sources = dict(sources)
        self._limit = limit
        self._now = now
        self._steady = steady
        self._anchor = now() - timedelta(seconds=steady())
        self.readings: tuple[Reading, ...] = ()
        self._said = ""

    def look(self) -> None:
        """Ask all other clocks."""
        self.readings = tuple(_read(name, read) for name, read in self._sources.items())
        known = sorted(one.ahead for one in self.readings if one.ahead is not None)
        if known and abs(known[len(known) // 2]) <= self._limit:
            self._anchor = self._now() - timedelta(seconds=self._steady())
        self._say()

    @property
    def leap(self) -> timedelta:
        """How far our clock went ahead of the steady one since it was last believed."""
        return self._now() - timedelta(seconds=self._steady()) - self._anchor

    @property
    def trouble(self) -> str:
        """Why our clock cannot be believed; empty when it can."""
        known = sorted(one.ahead for one in self.readings if one.ahead is not None)
        if known and abs(known[len(known) // 2]) > self._limit:
            return f"our clock is {_seconds(known[len(known) // 2])} against {len(known)} other"
        leap = self.leap
        return f"our clock leapt by {_seconds(leap)}; start again when it is right" if abs(leap) > self._limit else ""

    def require(self) -> None:
        """Our clock can be believed, or Busy: nothing is signed with a wrong time."""
        trouble = self.trouble
        if trouble:
            raise Busy(f"nothing is signed: {trouble}")

    def watch(self, stop: Event, every: float = EVERY) -> Thread:
        """Look now and then until `stop` is set; returns the thread that does."""

        def again() -> None:
            while not stop.wait(every):
                try:
                    self.look()
                except Exception:  # a guard does not leave its post
                    log.exception("clock.cannot-look")

        self.look()
        thread = Thread(target=again, name="clock", daemon=True)
        thread.start()
        return thread

    def _say(self) -> None:
        trouble = self.trouble
        if bool(trouble) != bool(self._said):
            log.warning("clock.wrong" if trouble else "clock.right-again", detail=trouble)
        self._said = trouble


class GuardedKeyring:
    """Our keys, as long as our clock can be believed."""

    def __init__(self, keyring: Keyring, guard: ClockGuard) -> None:
        self._keyring = keyring
        self._guard = guard

    def key(self, algorithm: str) -> OwnKey:
        """Raises Busy while our clock is wrong, ConfigurationError when we hold no key of this algorithm."""
        self._guard.require()
        return self._keyring.key(algorithm)

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Our certificates, DER, each once."""
        return own_certificates(self._keyring)


def database_clock(store: Store, now: Clock) -> Read:
    """The clock of the machine the database is on, read over one round trip."""

    def read() -> timedelta:
        before = now()
        theirs: datetime = store.fetch("select clock_timestamp() as at")[0]["at"]
        after = now()
        return before + (after - before) / 2 - theirs

    return read


def ntp_clock(server: str, *, port: int = 123, patience: float = 2.0, now: Clock) -> Read:
    """An NTP server, asked once as a client does (RFC 5905, 7.3): one packet out, one in."""

    def read() -> timedelta:
        with socket.socket(socket.getaddrinfo(server, port, type=socket.SOCK_DGRAM)[0][0], socket.SOCK_DGRAM) as line:
            line.settimeout(patience)
            line.connect((server, port))
            mark = time.time_ns().to_bytes(8)
            before = now()
            line.send(bytes([0x23]) + bytes(39) + mark)
            answer = line.recv(512)
            after = now()
        return before + (after - before) / 2 - _ntp_time(answer, mark)

    return read


def _ntp_time(answer: bytes, mark: bytes) -> datetime:
    """Midway between the server's receive and transmit times; OSError for an answer that is not to our question."""
    if len(answer) < _PACKET or answer[0] & 7 != 4 or answer[1] not in _STRATA or answer[24:32] != mark:  # noqa: PLR2004 - mode server
        raise OSError("the NTP server gave no time")
    got, sent = struct.unpack("!QQ", answer[32:48])
    return datetime.fromtimestamp((got / 2 + sent / 2) / 2**32 - _EPOCH_1900, UTC)


def _read(name: str, read: Read) -> Reading:
    try:
        return Reading(source=name, ahead=read())
    except (OSError, Busy) as error:
        return Reading(source=name, ahead=None, why=str(error))
    except Exception as error:  # of one clock that fails in its own way, the others are still asked
        log.exception("clock.cannot-read", source=name)
        return Reading(source=name, ahead=None, why=f"{type(error).__name__}: {error}")


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():+.1f} s"


_STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, where the system has such a clock."""
