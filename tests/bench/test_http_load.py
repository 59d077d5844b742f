"""The senders of the bench: what they call time, and what they call an error."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import fmean
from threading import Event, Thread

import pytest

from bench.http_client import Sender, schedule, spelled
from bench.http_load import Told
from gateway.model import MessageId, Sealed

RECEIPT = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@contextmanager
def answering(answers: Sequence[bytes], first_after: float = 0.0) -> Iterator[str]:
    """A server of one connection at a time that gives these answers, an empty one by hanging up; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = Thread(target=_answer, args=(server, list(answers), first_after))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


def _answer(server: socket.socket, answers: list[bytes], first_after: float) -> None:
    slow = first_after
    while answers:
        connection = server.accept()[0]
        with connection:
            while answers and connection.recv(65_536):
                Event().wait(slow)
                slow = 0.0
                answer = answers.pop(0)
                connection.sendall(answer)
                if not answer:
                    break


def test_a_message_that_had_to_wait_for_the_one_before_has_waited() -> None:
    """Time counts from when it was due: the second has the slowness of the first in it."""
    with answering([RECEIPT, RECEIPT], first_after=0.05) as url:
        sender = Sender(url, [b"one", b"two"], [0.0, 0.001], paced=True)
        sender.run(1, lambda: None)
    assert sender.times[1] > sender.times[0] - 0.001 >= 0.049


def test_without_a_schedule_time_counts_from_sending() -> None:
    """The slowness of the first is its own."""
    with answering([RECEIPT, RECEIPT], first_after=0.05) as url:
        sender = Sender(url, [b"one", b"two"], [0.0, 0.0], paced=False)
        sender.run(1, lambda: None)
    assert sender.times[1] < 0.05 <= sender.times[0]


def test_what_is_no_receipt_is_an_error_and_the_rest_goes_on() -> None:
    """A refusal and a lost connection count, take no time, and the next message has a connection again."""
    with answering([BUSY, b"", RECEIPT]) as url:
        told = Sender(url, [b"one", b"two", b"three"], [0.0] * 3, paced=False)
        found = told.run(1, lambda: None)
    assert (len(told.times), found["errors"]) == (1, 2)
    assert str(found["first_error"]).startswith("HTTP 503")


def test_random_gaps_are_the_same_each_time_and_have_the_wanted_mean() -> None:
    """A seed names a schedule; another seed another one."""
    due = schedule(10_000, 50.0, 1)
    assert due == schedule(10_000, 50.0, 1) != schedule(10_000, 50.0, 2)
    assert due == sorted(due)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert fmean(gaps) == pytest.approx(0.02, rel=0.05)
    assert sum(gap > 0.02 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02), "exponential"


def test_an_even_pace_and_none() -> None:
    """Without a seed gaps are equal; without a rate everything is due at once."""
    assert schedule(3, 10.0, None) == [0.0, 0.1, 0.2]
    assert schedule(2, 0.0, None) == [0.0, 0.0]


def test_a_request_is_whole_before_it_leaves() -> None:
    """Line, headers of the seal, length, body."""
    message = Sealed(
        body="тело".encode(), content_type="application/xml", message_id=MessageId("urn:x"), references=(),
        headers=(("Signature", "s=:AA==:"),),
    )  # fmt: skip
    head, _, body = spelled(message, "http://gate:81", "rest").partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /api/v1/messages HTTP/1.1", b"Host: gate:81", b"Content-Type: application/xml", b"Signature: s=:AA==:",
        b"Content-Length: 8",
    ]  # fmt: skip
    assert body.decode() == "тело"


def test_percentiles_are_in_milliseconds() -> None:
    """Half of the answers took no longer than the fiftieth."""
    told = Told(times=(0.001, 0.002, 0.003), errors=1, first_error="x", elapsed=2.0, cpu=0.1)
    assert told.percentile(50) == pytest.approx(2.0)
    assert told.rate == pytest.approx(1.5)
