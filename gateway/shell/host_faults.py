"""What goes wrong on the way to a simulated partner, when it is ordered: for trying out, never for a real one."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from io import BytesIO
from threading import Lock
from time import sleep
from typing import Any, Final
from urllib.parse import parse_qs

LOST_RECEIPT: Final = "lost-receipt"
"""The message is taken, and the connection breaks before the receipt has left."""
DUPLICATE: Final = "duplicate"
"""The message arrives twice; what is answered to the second is returned."""
STALL: Final = "stall"
"""The message is taken, and the receipt comes late."""
RESET: Final = "reset"
"""The connection breaks before the message is read."""
KINDS: Final = (LOST_RECEIPT, DUPLICATE, STALL, RESET)
_RESET_AT_ONCE: Final = struct.pack("ii", 1, 0)
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Faults:
    """A WSGI application whose next messages meet what `POST /fault?kind=stall&times=2&seconds=4` ordered."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._ordered: list[tuple[str, float]] = []
        self._lock = Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, or not."""
        if environ["PATH_INFO"] == "/fault":
            return self._order(environ, start_response)
        kind, seconds = self._next() if environ["REQUEST_METHOD"] == "POST" else ("", 0.0)
        if kind == RESET:
            _break(environ)
        if kind == DUPLICATE:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = environ["wsgi.input"].read(length)
            b"".join(self._app({**environ, "wsgi.input": BytesIO(body)}, _unheard))
            environ = {**environ, "wsgi.input": BytesIO(body)}
        answer = self._app(environ, _unheard if kind == LOST_RECEIPT else start_response)
        if kind == LOST_RECEIPT:
            b"".join(answer)
            _break(environ)
        if kind == STALL:
            sleep(seconds)
        return answer

    def _order(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        words = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        known = words.get("kind") in KINDS
        if known:
            with self._lock:
                self._ordered += [(words["kind"], float(words.get("seconds", 1)))] * int(words.get("times", 1))
        start_response("204 No Content" if known else "400 Bad Request", [("Content-Length", "0")])
        return []

    def _next(self) -> tuple[str, float]:
        with self._lock:
            return self._ordered.pop(0) if self._ordered else ("", 0.0)


def _unheard(_status: str, _headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
    return lambda _content: None


def _break(environ: dict[str, Any]) -> None:
    """The other side sees its connection reset."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
