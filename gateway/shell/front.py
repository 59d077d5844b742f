"""In front of the doors: a request takes a thread only when all of it is here, so that who sends slowly waits alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes

from gateway.errors import Busy
from gateway.shell.uploads import Answer, Content, Gone, Receive, Scope, Uploads

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
PATIENCE: Final = 20.0
"""Seconds a request may take to arrive, whole."""
ROOM: Final = 20
"""How many of the largest messages may be in memory at once, counted in bytes."""
PROBES: Final = frozenset({"/health", "/ready"})
"""What those who balance load ask for: it is answered also while every other thread waits for the database."""
PROBE_THREADS: Final = 2


class Wsgi(Protocol):
    """A WSGI application, as ours are."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]: ...


class _TooMuch(Exception):
    """The room for messages is full."""


class Front:
    """The ASGI face of a WSGI application (threat X6: slow bodies).

    `largest` is in bytes: of a longer body only so much is read that its length shows. A body that does not arrive in
    `patience` seconds gets a bare 408, one for which there is no room a bare 503; neither ever takes a thread.
    Longer bodies are taken where `uploads` does. Questions for `PROBES` have threads of their own. Once `leaving` is
    true every answer is the last of its connection.
    """

    def __init__(
        self,
        app: Wsgi,
        *,
        largest: int,
        threads: int,
        patience: float = PATIENCE,
        leaving: Callable[[], bool] = lambda: False,
        uploads: Uploads | None = None,
    ) -> None:
        self._app = app
        self._largest = largest
        self._patience = patience
        self._room = largest * ROOM
        self._held = 0
        self._uploads = uploads
        self._leaving = leaving
        self._threads = ThreadPoolExecutor(threads, "door")
        self._probes = ThreadPoolExecutor(PROBE_THREADS, "probe")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = bytearray()
        try:
            status, headers, content = await self._answer(scope, receive, body)
        except TimeoutError:
            status, headers, content = 408, [(b"connection", b"close")], b""
        except (_TooMuch, Busy):
            status, headers, content = 503, [(b"connection", b"close"), (b"retry-after", b"5")], b""
        except Gone:  # or it broke the rules of chunks: then it still reads
            status, headers, content = 400, [(b"connection", b"close")], b""
        finally:
            self._held -= len(body)
        if self._leaving():
            headers = [*headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send(content, send)

    async def _answer(self, scope: Scope, receive: Receive, body: bytearray) -> Answer:
        declared = _declared(scope)
        if self._uploads is not None and self._uploads.takes(scope, declared):
            return await self._uploads.answer(environ_of(scope, b""), receive, declared, self._call)
        await asyncio.wait_for(self._read(scope, receive, body), self._patience)
        environ = environ_of(scope, bytes(body))
        threads = self._probes if _is_probe(environ) else self._threads
        return await asyncio.get_running_loop().run_in_executor(threads, self._call, environ)

    async def _send(self, content: Content, send: Send) -> None:
        """A long answer goes piece by piece, each when the one before has left."""
        if isinstance(content, bytes):
            await send({"type": "http.response.body", "body": content})
            return
        loop = asyncio.get_running_loop()
        try:
            while piece := await loop.run_in_executor(self._threads, next, content, b""):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            content.close()

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        """All of it, or one byte more than is allowed."""
        if _declared(scope) > self._largest + 1:  # the doors refuse it by its length, unread
            return
        more = True
        while more and len(body) <= self._largest:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            body += chunk
            self._held += len(chunk)
            if self._held > self._room:
                raise _TooMuch

    def _call(self, environ: dict[str, Any]) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        parts = self._app(environ, lambda status, headers, _error=None: started.append((status, headers)))
        pieces = _pieces(parts)
        status, headers = started[-1]
        named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        long = int(dict(named).get(b"content-length", b"0")) > self._largest
        return int(status.partition(" ")[0]), named, pieces if long else b"".join(pieces)


def _is_probe(environ: dict[str, Any]) -> bool:
    """Any other method there is refused, and that is recorded: it waits for the database as all messages do."""
    return environ["PATH_INFO"] in PROBES and environ["REQUEST_METHOD"] in {"GET", "HEAD"}


def _pieces(parts: Iterable[bytes]) -> Generator[bytes, None, None]:
    """What an application answers, which is told when nobody wants more."""
    try:
        yield from parts
    finally:
        getattr(parts, "close", lambda: None)()


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """The request as WSGI tells it (PEP 3333); a header that came twice is one with both values, after a comma."""
    raw = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"").decode("latin-1")
    path, _, _ = raw.partition(b"?")
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": path.decode("latin-1") + (f"?{query}" if query else ""),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": str(client[0]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _declared(scope: Scope) -> int:
    """The length that the request says it has; 0 when it says none."""
    said = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(said[0]) if said and said[0].isdigit() else 0
