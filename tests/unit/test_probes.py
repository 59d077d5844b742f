"""Whether the gateway is ready is answered also while every thread of the doors waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from threading import Event
from typing import Any

import pytest

from gateway.shell.front import Front

Message = dict[str, Any]


class Stuck:
    """A WSGI application that answers probes at once; everything else waits for a lock."""

    def __init__(self) -> None:
        self.lock = Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in {"/health", "/ready"} or environ["REQUEST_METHOD"] == "POST":
            assert self.lock.wait(30)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]


async def ask(front: Front, method: str, path: str) -> bytes:
    """What is answered."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": []}
    await front(scope, receive, send)
    return bytes(sent[1]["body"])


@pytest.mark.parametrize("path", ["/ready", "/health"])
def test_a_probe_waits_for_no_message(path: str) -> None:
    """Also not for a refusal at its own path, which is recorded."""
    app = Stuck()
    front = Front(app, largest=100, threads=1)

    async def scene() -> None:
        posts = [asyncio.ensure_future(ask(front, "POST", way)) for way in ("/soap", path, path, path)]
        try:
            for _ in range(3):
                assert await asyncio.wait_for(ask(front, "GET", path), 10) == path.encode()
            assert not any(post.done() for post in posts)
        finally:
            app.lock.set()
        assert await asyncio.gather(*posts) == [b"/soap", *[path.encode()] * 3]

    asyncio.run(scene())
