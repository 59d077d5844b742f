"""Requests reach a thread whole, in time and within bounds, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from gateway.shell.front import ROOM, Front, environ_of

LARGEST = 100
SCOPE = {"type": "http", "method": "POST", "path": "/soap", "raw_path": b"/so%61p", "query_string": b"a=%20",
         "headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}  # fmt: skip
Message = dict[str, Any]


class Door:
    """A WSGI application that tells how many bytes came, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The length of the body."""
        self.asked += 1
        start_response("200 OK", [("X-Way", environ["RAW_URI"])])
        return [str(len(environ["wsgi.input"].read())).encode()]


def ask(front: Front, messages: list[Message], **scope: object) -> tuple[int, bytes, Message]:
    """Status, content and headers of the answer; after its messages the sender is silent for ever."""
    sent: list[Message] = []
    left = list(messages)

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(front({**SCOPE, **scope}, receive, send))
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


def part(content: bytes, *, more: bool = False) -> Message:
    """A piece of a body."""
    return {"type": "http.request", "body": content, "more_body": more}


@pytest.fixture
def door() -> Door:
    """What stands behind."""
    return Door()


@pytest.fixture
def front(door: Door) -> Front:
    """With hardly any patience."""
    return Front(door, largest=LARGEST, threads=1, patience=0.05)


def test_a_body_in_pieces_arrives_whole(front: Front) -> None:
    """And the way is told as it was written."""
    status, content, headers = ask(front, [part(b"ab", more=True), part(b"c")])
    assert (status, content, headers[b"x-way"]) == (200, b"3", b"/so%61p?a=%20")


def test_a_body_that_does_not_come_takes_no_thread(front: Front, door: Door) -> None:
    """408 when patience ends."""
    assert ask(front, [part(b"ab", more=True)])[:2] == (408, b"")
    assert door.asked == 0


def test_a_body_that_breaks_off_takes_no_thread(front: Front, door: Door) -> None:
    """The sender hung up, or its chunks were none."""
    assert ask(front, [part(b"ab", more=True), {"type": "http.disconnect"}])[0] == 400
    assert door.asked == 0


def test_of_a_long_body_only_so_much_is_read_that_it_shows(front: Front) -> None:
    """The rest stays where it is."""
    assert ask(front, [part(b"x" * 60, more=True), part(b"x" * 60, more=True)])[:2] == (200, b"120")


def test_a_body_that_says_it_is_too_long_is_not_read(front: Front) -> None:
    """The door sees the length that was declared."""
    declared = [(b"content-length", str(LARGEST + 2).encode())]
    assert ask(front, [], headers=declared)[:2] == (200, b"0")


def test_memory_has_an_end(front: Front, door: Door) -> None:
    """503 and come again; what was held is free afterwards."""
    assert ask(front, [part(b"x" * (LARGEST * ROOM + 1), more=True)])[0] == 503
    assert door.asked == 0
    assert ask(front, [part(b"x")])[:2] == (200, b"1")


def test_a_header_that_came_twice_is_one_with_both() -> None:
    """So that nobody reads only the one he likes."""
    environ = environ_of({**SCOPE, "headers": [(b"host", b"a"), (b"host", b"b"), (b"content-type", b"t")]}, b"")
    assert (environ["HTTP_HOST"], environ["CONTENT_TYPE"], environ["PATH_INFO"]) == ("a,b", "t", "/soap")
