"""Between HTTP and the house: a request becomes a Wire, a Sealed becomes a response, and no byte changes."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.errors import TooLarge
from gateway.model import Large, Sealed, Wire
from gateway.ports import Clock, Depot
from gateway.shell.uploads import LARGE

PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Wires:
    """Reads requests. `authorities` are the hosts we serve, in lower case; `largest` is in bytes."""

    clock: Clock
    authorities: frozenset[str]
    largest: int

    def wire(self, body: bytes | None = None) -> Wire:
        """The request as it came. `authority` is our own when the Host is none of ours: a signer must mean us."""
        host = request.headers.get("Host", "").lower()
        large: Large | None = request.environ.get(LARGE)
        body = b"" if large is not None else body
        return Wire(
            body=self._body() if body is None else body,
            content_type=request.headers.get("Content-Type", ""),
            peer=request.remote_addr or "",
            received_at=self.clock(),
            method=request.method,
            authority=host if host in self.authorities else min(self.authorities, default=""),
            target=target(),
            headers=tuple((name.lower(), value) for name, value in request.headers.items()),
            large=large,
        )

    def _body(self) -> bytes:
        """All of it, or TooLarge: of a body sent in chunks the framework hands on what its own limit leaves."""
        try:
            content = request.get_data(cache=False)
        except RequestEntityTooLarge:
            content = None
        if content is None or len(content) > self.largest:
            raise TooLarge(f"at most {self.largest} octets, and longer only where Content-Length says so", threat="X6")
        return content


def target() -> str:
    """Path and query as they stood in the request line, percent-encoding untouched where the server keeps it."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw:
        return raw
    environ = request.environ
    query = environ.get("QUERY_STRING", "")
    return str(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "/") + (f"?{query}" if query else ""))


def spell(sealed: Sealed, depot: Depot | None = None) -> Response:
    """A sealed answer as an HTTP response, bytes untouched; `depot` has the body of a long one."""
    response = Response(sealed.body, status=sealed.status)
    if sealed.large is not None and depot is not None:
        source = depot.open(sealed.large)
        response.response = iter(lambda: source.read(PIECE), b"")
        response.headers["Content-Length"] = str(sealed.large.size)
    del response.headers["Content-Type"]
    if sealed.content_type:
        response.headers["Content-Type"] = sealed.content_type
    for name, value in sealed.headers:
        response.headers[name] = value
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
