"""A partner that keeps talking, or keeps reading, has its time like any other; then it is out."""

from __future__ import annotations

import io
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic
from typing import BinaryIO

import pytest

from gateway.errors import DeliveryFailed
from gateway.model import Large
from gateway.ports import Sheet
from gateway.shell import courier as couriers
from gateway.shell.courier import HttpCourier
from tests.builders import a_sealed
from tests.services.test_courier import HEAD, Behaviour, partner, says

OK = HEAD + b"Content-Length: 2\r\n\r\nok"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LONGEST = 5.0
"""Seconds after which a partner here gives up by itself: a courier without a deadline fails and does not hang."""


def drips(first: bytes, again: bytes) -> Behaviour:
    """A beginning, then the same few octets again and again."""

    def behave(connection: socket.socket) -> None:
        end = monotonic() + LONGEST
        connection.sendall(first)
        while monotonic() < end:
            connection.sendall(again)
            Event().wait(0.02)

    return behave


class Pages:
    """A depot of blank long bodies."""

    def open(self, large: Large) -> BinaryIO:
        return io.BytesIO(b"x" * large.size)

    def sheet(self) -> Sheet:
        raise AssertionError("nothing is written here")


def whole(connection: socket.socket) -> bytes:
    """One request with its body, or nothing at the end."""
    request = b""
    while octets := connection.recv(65536):
        request += octets
        head, _, body = request.partition(b"\r\n\r\n")
        if len(body) >= int(re.findall(rb"Content-Length: ([0-9]+)", head)[0]):
            return request
    return b""


@contextmanager
def lasting(*behaviours: Behaviour) -> Iterator[tuple[str, list[bytes]]]:
    """A partner that keeps its connections: each request on one is met by the next behaviour. What it was sent."""
    sent: list[bytes] = []
    connections: list[socket.socket] = []
    left = list(behaviours)

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while left and (request := whole(connection)):
                sent.append(request)
                left.pop(0)(connection)

    def listen(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connections.append(listening.accept()[0])
                sent.append(b"connected")
                Thread(target=serve, args=[connections[-1]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=listen, args=[listening], daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", sent
        listening.shutdown(socket.SHUT_RDWR)


ENDLESS = {
    "status-line": drips(b"HTTP/1.1 2", b"0"),
    "headers": drips(HEAD + b"X-A: ", b"a"),
    "continue": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drips(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"),
    "body-to-the-end": drips(HEAD + b"\r\n", b"x"),
    "chunk-extension": drips(CHUNKED + b"1;", b"a"),
    "trailers": drips(CHUNKED + b"1\r\na\r\n0\r\n", b"X-A: b\r\n"),
    "redirect": drips(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"x"),
}


@pytest.mark.parametrize("behave", ENDLESS.values(), ids=ENDLESS)
def test_who_never_ends_is_left_at_the_deadline(behave: Behaviour) -> None:
    """However the octets come, each within the patience of one read."""
    with partner(behave) as url:
        begun = monotonic()
        with pytest.raises(DeliveryFailed, match="not over within"):
            HttpCourier(0.3).deliver(url, a_sealed())
        assert monotonic() - begun < LONGEST / 2


def test_a_long_message_is_read_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not piece by piece, each within the patience of one write."""
    monkeypatch.setattr(couriers, "LEAST_RATE", 1e9)
    over = Event()

    def reads_slowly(connection: socket.socket) -> None:
        end = monotonic() + LONGEST
        while not over.wait(0.02) and monotonic() < end:
            connection.recv(2000)

    with partner(reads_slowly) as url:
        begun = monotonic()
        with pytest.raises(DeliveryFailed, match="not over within"):
            HttpCourier(0.3, Pages()).deliver(url, a_sealed(b"", large=Large(size=30_000_000)))
        over.set()
        assert monotonic() - begun < LONGEST / 2


def test_a_long_message_has_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What LEAST_RATE gives it beside the timeout."""
    monkeypatch.setattr(couriers, "LEAST_RATE", 1000.0)

    def slow(connection: socket.socket) -> None:
        Event().wait(0.5)
        connection.sendall(OK)

    with partner(slow) as url:
        assert HttpCourier(0.2, Pages()).deliver(url, a_sealed(b"", large=Large(size=20_000))).body == b"ok"


def test_many_at_once_are_all_left() -> None:
    """One clock minds all of them, and each has its own deadline."""

    def took(timeout: float) -> float:
        begun = monotonic()
        with partner(drips(HEAD + b"X-A: ", b"a")) as url, pytest.raises(DeliveryFailed):
            HttpCourier(timeout).deliver(url, a_sealed())
        return monotonic() - begun

    with ThreadPoolExecutor(8) as threads:
        for long in threads.map(took, (1.0, 0.2) * 4):
            assert long < LONGEST / 2


def test_a_connection_is_kept_and_each_delivery_on_it_has_its_own_deadline() -> None:
    """The second answer on a connection that was fine before never ends; the third is on a new one."""
    endless = ENDLESS["headers"]
    with lasting(says(OK), endless, says(OK)) as (url, sent):
        courier = HttpCourier(1.0)
        assert courier.deliver(url, a_sealed()).body == b"ok"
        with pytest.raises(DeliveryFailed, match="not over within"):
            courier.deliver(url, a_sealed())
        assert courier.deliver(url, a_sealed()).body == b"ok"
        assert sent.count(b"connected") == 2


def test_a_connection_outlives_the_deadline_of_who_used_it() -> None:
    """What was over in time is forgotten: a later delivery goes on the same connection."""
    with lasting(says(OK), says(OK)) as (url, sent):
        courier = HttpCourier(1.0)
        courier.deliver(url, a_sealed())
        with partner(ENDLESS["body"]) as other, pytest.raises(DeliveryFailed):
            courier.deliver(other, a_sealed())  # so long that the first deadline has passed
        courier.deliver(url, a_sealed())
        assert sent.count(b"connected") == 1


def test_who_agrees_on_no_keys_is_left() -> None:
    """TLS that never begins is a connection that never stands."""
    with partner(drips(b"\x16\x03\x03\x40\x00", b"\x02")) as url, pytest.raises(DeliveryFailed):
        begun = monotonic()
        HttpCourier(0.3).deliver(url.replace("http:", "https:"), a_sealed())
    assert monotonic() - begun < LONGEST + 1


@pytest.mark.parametrize("location", ["http://[::bad", "\xff\xfe", "//", "/elsewhere"])
def test_a_redirect_is_an_answer_like_any_other(location: str) -> None:
    """It is not followed, so nobody reads where to."""
    head = b"HTTP/1.1 302 Found\r\nLocation: " + location.encode("latin-1") + b"\r\nContent-Length: 2\r\n\r\nno"
    with partner(says(head)) as url:
        answer = HttpCourier(2).deliver(url, a_sealed())
    assert (answer.status, answer.body) == (302, b"no")


@pytest.mark.parametrize(
    "endpoint", ["http://[::bad/", "http://" + "a" * 70 + ".example/", "http://:99999/", "nowhere"]
)
def test_an_address_that_is_none_is_an_outage(endpoint: str) -> None:
    """Whatever the HTTP library says of it."""
    with pytest.raises(DeliveryFailed):
        HttpCourier(0.3).deliver(endpoint, a_sealed())


def test_no_partner_leaves_a_cookie() -> None:
    """Neither for itself nor for another on the same host."""
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: who=health; Path=/\r\nContent-Length: 2\r\n\r\nok"
    with lasting(says(cookie), says(OK)) as (url, sent):
        courier = HttpCourier(2)
        courier.deliver(url, a_sealed())
        courier.deliver(url, a_sealed())
    assert not any(b"cookie" in request.lower() for request in sent)
