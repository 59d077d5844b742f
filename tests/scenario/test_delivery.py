"""What a partner's answer means for the message and for its lane, through the real line in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.envelope.retry_after import retry_after
from gateway.errors import Busy, DeliveryDeferred, DeliveryFailed, GatewayError
from gateway.lifecycle import State
from gateway.model import Wire
from gateway.testing import Answer, Arrival, LoopCourier, refuses, rejects, unsigned
from tests.builders import HEALTH, NOW
from tests.unit.test_testing_ledger import ask, small_world, tell


def later(answer: Answer, value: str) -> Answer:
    """The same answer with a `Retry-After`."""

    def answered(courier: LoopCourier, arrival: Arrival) -> Wire:
        wire = answer(courier, arrival)
        return replace(wire, headers=(*wire.headers, ("retry-after", value)))

    return answered


def with_status(number: int) -> Answer:
    """A signed refusal with this status."""

    class Said(Busy):
        """What the partner says."""

        status = number

    return refuses(Said("not now"))


@pytest.mark.parametrize(
    ("answer", "error", "wait"),
    [
        (later(unsigned(503), "120"), DeliveryFailed, timedelta(minutes=2)),
        (later(unsigned(503), "Mon, 23 Nov 2026 06:10:00 GMT"), DeliveryFailed, timedelta(minutes=10)),
        (unsigned(503), DeliveryFailed, None),
        (later(unsigned(429), "30"), DeliveryFailed, timedelta(seconds=30)),
        (later(with_status(429), "30"), DeliveryFailed, timedelta(seconds=30)),
        (later(with_status(503), "30"), DeliveryFailed, timedelta(seconds=30)),
        (later(with_status(425), "30"), DeliveryDeferred, timedelta(seconds=30)),
        (with_status(408), DeliveryDeferred, None),
    ],
    ids=["proxy", "proxy-date", "proxy-silent", "proxy-429", "429", "503", "425", "408"],
)
def test_a_partner_that_wants_to_be_asked_later_is(
    answer: Answer, error: type[GatewayError], wait: timedelta | None
) -> None:
    """An outage or one message, and until when; the next attempt carries the same bytes."""
    world = small_world("rest-gw-1")
    world.courier.script(HEALTH, answer)
    ask(world, "rest-gw-1")
    with pytest.raises(error) as raised:
        tell(world)
    assert isinstance(raised.value, DeliveryFailed | DeliveryDeferred)
    assert raised.value.retry_after == wait
    tell(world)
    first, second = world.courier.arrivals
    assert first.sealed == second.sealed
    assert [kept.state for kept in world.ledger.deliveries.values()] == [State.DELIVERED]


def test_a_refusal_holds_up_nobody() -> None:
    """The sender is told by a notice; the lane is as open as before."""
    world = small_world("rest-gw-1")
    world.courier.script(HEALTH, rejects("not ours"))
    ask(world, "rest-gw-1")
    tell(world)
    assert [kept.state for kept in world.ledger.deliveries.values()] == [State.REFUSED, State.QUEUED]
    assert world.ledger.lanes == {}


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", timedelta(0)),
        ("3600", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 07:00:00 GMT", timedelta(hours=1)),
        ("Mon Nov 23 07:00:00 2026", timedelta(hours=1)),
        ("Monday, 23-Nov-26 07:00:00 GMT", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 12:00:00 +0500", timedelta(hours=1)),
        ("Mon, 23 Nov 2020 07:00:00 GMT", timedelta(0)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣٠", None),
        ("9999999999", None),
        ("Mon, 99 Nov 2026 07:00:00 GMT", None),
        ("Mon, 23 Nov 99999 07:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(value: str, wait: timedelta | None) -> None:
    """Seconds and the three dates of HTTP; anything else says nothing."""
    wire = Wire(body=b"", content_type="", peer="", received_at=NOW, headers=(("retry-after", value),), status=503)
    assert retry_after(wire, NOW) == wait
    assert retry_after(replace(wire, headers=wire.headers * 2), NOW) is None
