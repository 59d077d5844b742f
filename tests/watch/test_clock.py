"""The clock guard: a wrong clock signs nothing, says so, and lets go by itself."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from gateway.envelope.addressing import action_of
from gateway.errors import Busy
from gateway.model import Claims, DocumentType, MessageId, PartnerId
from gateway.pipeline import forward
from gateway.reception import receive
from gateway.registry import Registry
from gateway.shell.house import House
from gateway.shell.watch.clock import ClockGuard, GuardedKeyring, Read, ntp_clock
from gateway.testing import make_world, send_as
from tests.builders import FrozenClock
from tests.database import wait_until
from tests.desk import QUERY
from tests.pki import NOW

CUSTOMS, HEALTH = PartnerId("customs_kz"), PartnerId("health_kz")
MINUTE = timedelta(minutes=1)


def away(offset: timedelta) -> Read:
    return lambda: offset


def lost() -> timedelta:
    raise OSError("no route")


def guard_of(*sources: Read, steady: float = 0.0) -> ClockGuard:
    named = {str(number): source for number, source in enumerate(sources)}
    guard = ClockGuard(named, now=FrozenClock(NOW), steady=lambda: steady)
    guard.look()
    return guard


@pytest.mark.parametrize("offset", [MINUTE, -MINUTE, timedelta()])
def test_a_minute_either_way_is_believed(offset: timedelta) -> None:
    assert guard_of(away(offset)).trouble == ""


@pytest.mark.threat("R7")
@pytest.mark.parametrize("offset", [timedelta(seconds=60.1), timedelta(seconds=-60.1), timedelta(days=-3650)])
def test_more_than_a_minute_is_not(offset: timedelta) -> None:
    guard = guard_of(away(offset))
    assert "our clock is" in guard.trouble
    with pytest.raises(Busy):
        guard.require()


def test_one_liar_among_three_changes_nothing() -> None:
    assert guard_of(away(timedelta(days=1)), away(timedelta()), away(timedelta(seconds=1))).trouble == ""


def test_who_does_not_answer_is_not_counted() -> None:
    guard = guard_of(lost, away(timedelta()))
    assert guard.trouble == ""
    assert [one.why for one in guard.readings] == ["no route", ""]


@pytest.mark.threat("R7")
def test_a_leap_is_seen_between_two_readings_and_without_any_other_clock() -> None:
    clock = FrozenClock(NOW)
    guard = ClockGuard({}, now=clock, steady=lambda: 5.0)
    guard.look()
    clock.now = NOW + timedelta(seconds=61)
    assert "leapt by +61.0 s" in guard.trouble
    clock.now = NOW + timedelta(seconds=1)
    assert guard.trouble == ""


def test_another_clock_settles_whether_a_leap_was_a_correction() -> None:
    clock = FrozenClock(NOW)
    guard = ClockGuard({"other": away(timedelta())}, now=clock, steady=lambda: 5.0)
    clock.now = NOW + timedelta(hours=1)
    assert guard.trouble
    guard.look()
    assert guard.trouble == ""


@pytest.mark.threat("R7")
def test_a_gateway_with_a_wrong_clock_takes_and_sends_nothing_until_it_is_right(rules: Registry) -> None:
    """The sender is told to come again; nothing is kept; when the clock is right the same message is taken."""
    offset = [timedelta(minutes=2)]
    guard = ClockGuard({"other": lambda: offset[0]}, now=FrozenClock(NOW), steady=lambda: 0.0)
    world = make_world(rules, NOW)
    setup = replace(world.setup, keyring=GuardedKeyring(world.setup.keyring, guard))
    guard.look()
    claims = Claims(
        message_id=MessageId("urn:uuid:0199a000-0000-7000-8000-00000000c10c"), to="", sender=CUSTOMS, receiver=HEALTH,
        action=action_of(DocumentType("LPCO_QUERY")), conversation_id="clock-1",
    )  # fmt: skip
    _, wire = send_as(world.trust, QUERY, claims, "soap-gw-1", at=NOW, nonce="clock")
    refused = receive(wire, "soap-gw-1", setup)
    assert b"busy" in refused.body
    assert b"Signature" not in refused.body
    assert not world.ledger.messages
    offset[0] = timedelta()
    guard.look()
    assert receive(wire, "soap-gw-1", setup).status in {200, 202}
    offset[0] = timedelta(minutes=2)
    guard.look()
    with pytest.raises(Busy):
        forward(world.ledger.due(HEALTH)[0], setup)


def test_a_wrong_clock_is_not_ready_and_says_which(house: House, ahead: list[timedelta]) -> None:
    assert [one.name for one in house.readiness.look() if not one.ok] == []
    ahead[0] = timedelta(minutes=5)
    house.clock_guard.look()
    house.readiness._looked = -10.0
    assert [one.name for one in house.readiness.look() if not one.ok] == ["clock"]


def odd() -> timedelta:
    raise ValueError("no clock speaks so")


def test_a_clock_that_fails_in_its_own_way_is_not_counted() -> None:
    guard = guard_of(odd, away(2 * MINUTE))
    assert "our clock is +120.0 s against 1 other" in guard.trouble
    assert [one.why for one in guard.readings] == ["ValueError: no clock speaks so", ""]


def test_the_guard_goes_on_whatever_happens() -> None:
    """The steady clock of the machine fails once: the next look is as good as any."""
    times = iter((0.0, 0.0, 0.0, ValueError("no clock speaks so")))
    offset, looks, stop = [timedelta()], [], Event()

    def steady() -> float:
        now = next(times, 0.0)
        if isinstance(now, Exception):
            looks.append(now)
            raise now
        return now

    guard = ClockGuard({"other": lambda: offset[0]}, now=FrozenClock(NOW), steady=steady)
    thread = guard.watch(stop, every=0.01)
    wait_until(lambda: looks)
    offset[0] = 2 * MINUTE
    wait_until(lambda: guard.trouble)
    stop.set()
    thread.join(30)


@contextmanager
def ntp_server(offset: timedelta, *, mode: int = 0x24, stratum: int = 2, echo: bool = True) -> Iterator[int]:
    """A server of RFC 5905 that is `offset` behind us; returns its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.settimeout(10)

        def serve() -> None:
            packet, sender = line.recvfrom(512)
            stamp = int(((datetime.now(UTC) - offset).timestamp() + 2_208_988_800) * 2**32)
            mark = packet[40:48] if echo else bytes(8)
            line.sendto(bytes([mode, stratum]) + bytes(22) + mark + struct.pack("!QQ", stamp, stamp), sender)

        thread = Thread(target=serve)
        thread.start()
        yield line.getsockname()[1]
        thread.join()


def test_an_ntp_server_is_read() -> None:
    with ntp_server(timedelta(seconds=90)) as port:
        ahead = ntp_clock("127.0.0.1", port=port, now=lambda: datetime.now(UTC))()
    assert abs(ahead - timedelta(seconds=90)) < timedelta(seconds=1)


@pytest.mark.parametrize("wrong", [{"mode": 0x23}, {"stratum": 0}, {"stratum": 16}, {"echo": False}])
def test_an_answer_that_is_no_time_is_not_believed(wrong: dict[str, int]) -> None:
    """A kiss-of-death (stratum 0), an unsynchronised server, and an answer to somebody else's question."""
    with ntp_server(timedelta(), **wrong) as port, pytest.raises(OSError, match="gave no time"):  # type: ignore[arg-type]
        ntp_clock("127.0.0.1", port=port, now=lambda: datetime.now(UTC))()
