"""Whatever goes wrong on the network is the partner being out, never a fault of one message."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from gateway.errors import DeliveryFailed
from gateway.shell.courier import LARGEST_ANSWER, HttpCourier
from tests.builders import a_sealed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nX-Two: 1\r\nX-Two: 2\r\n"
Behaviour = Callable[[socket.socket], object]


@contextmanager
def partner(behave: Behaviour) -> Iterator[str]:
    """A partner that takes one request and then does as it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    behave(connection)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # a connection closed over unread octets is reset
                        pass

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            thread.join(30)


def says(*parts: bytes) -> Behaviour:
    """These bytes, then the end of the connection."""
    return lambda connection: [connection.sendall(part) for part in parts]


def drips(connection: socket.socket) -> None:
    """A long answer, an octet now and then, until nobody listens any more."""
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        Event().wait(0.02)


def test_an_answer_is_brought_back_as_it_is() -> None:
    """Status, headers in lower case, body."""
    with partner(says(HEAD + b"Content-Length: 4\r\n\r\n", b"\x00\xff", b"<>")) as url:
        answer = HttpCourier(5).deliver(url, a_sealed())
    assert (answer.status, answer.body, answer.content_type) == (200, b"\x00\xff<>", "text/xml")


def test_an_answer_in_chunks_is_put_together() -> None:
    """As HTTP/1.1 servers send what they make on the way."""
    chunks = b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    with partner(says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunks)) as url:
        assert HttpCourier(5).deliver(url, a_sealed()).body == b"abcde"


@pytest.mark.parametrize(
    "behave",
    [
        says(),
        says(b"nonsense\r\n\r\n"),
        says(HEAD + b"Content-Length: 400\r\n\r\n", b"half"),
        says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\nab"),
        says(HEAD + b"Content-Length: 9000000\r\n\r\n", b"x" * (LARGEST_ANSWER + 1)),
        drips,
        lambda _connection: Event().wait(0.6),
    ],
    ids=["closes", "no-http", "breaks-off", "broken-chunk", "too-large", "drips", "silent"],
)
def test_trouble_of_the_network_is_an_outage(behave: Behaviour) -> None:
    """In time, and with one kind of error."""
    with partner(behave) as url, pytest.raises(DeliveryFailed) as raised:
        HttpCourier(0.3).deliver(url, a_sealed())
    assert url in raised.value.detail


def test_nobody_there_is_an_outage() -> None:
    """Connection refused."""
    with pytest.raises(DeliveryFailed):
        HttpCourier(0.3).deliver("http://127.0.0.1:9/", a_sealed())
