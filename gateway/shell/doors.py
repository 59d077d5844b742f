"""The partner doors: one SOAP endpoint and the REST resources, over HTTP. Nothing is decided here."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request
from flask_openapi3.models.info import Info
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gateway import __version__
from gateway.errors import GatewayError, MethodNotAllowed, NotFound, TooLarge
from gateway.model import Profile, Sealed, Wire
from gateway.reception import Attempt, receive, refuse
from gateway.refusal import any_error
from gateway.setup import Setup
from gateway.shell.config import Settings

MESSAGES: Final = Tag(name="messages", description="Submit a message and read what became of it.")
_HTTP: Final[dict[int, type[GatewayError]]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}


def make_doors(setup: Setup, settings: Settings) -> OpenAPI:
    """The WSGI application of the partner doors."""
    app = OpenAPI(
        "gateway.doors",
        info=Info(title="Single-window gateway", version=__version__),
        doc_prefix="/docs",
        validation_error_callback=_no_models_here,
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.largest_message
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    authorities = frozenset(address for address in setup.addresses if "/" not in address)

    @app.post("/soap", doc_ui=False)
    def soap() -> Response:
        """One SOAP message in, its receipt or Fault out."""
        return spell(receive(wire_of_request(setup, authorities), "soap-gw-1", setup))

    @app.post("/api/v1/messages", tags=[MESSAGES], summary="Submit a signed message")
    def submit() -> Response:
        """One XML document under an RFC 9421 signature in; `202`, `Location` and the signed receipt out."""
        answer = spell(receive(wire_of_request(setup, authorities), "rest-gw-1", setup))
        if answer.status_code == 202:  # noqa: PLR2004 - Accepted
            answer.headers["Location"] = f"/api/v1/messages/{request.headers.get('gw-message-id', '')}"
        return answer

    def refused(error: Exception) -> Response:
        """What Flask itself refuses is refused in our words, and recorded."""
        status = error.code if isinstance(error, HTTPException) else None
        kind = _HTTP.get(status or 500)
        found = kind(str(error)) if kind else error
        return spell(
            refuse(Attempt(wire_of_request(setup, authorities, body=b""), profile_of_path()), any_error(found), setup)
        )

    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(Exception, refused)
    return app


def profile_of_path() -> Profile:
    """Whose words a refusal at this path is spelled in."""
    return "soap-gw-1" if request.path.startswith("/soap") else "rest-gw-1"


def wire_of_request(setup: Setup, authorities: frozenset[str], body: bytes | None = None) -> Wire:
    """The request as it came. `authority` is one of ours or, when the Host is not, our own: a signer must mean us."""
    try:
        content = request.get_data(cache=False) if body is None else body
    except RequestEntityTooLarge:
        raise TooLarge("the message is larger than the limit", threat="X6") from None
    host = request.headers.get("Host", "").lower()
    return Wire(
        body=content,
        content_type=request.headers.get("Content-Type", ""),
        peer=request.remote_addr or "",
        received_at=setup.clock(),
        method=request.method,
        authority=host if host in authorities else min(authorities, default=""),
        target=_target(),
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
    )


def _target() -> str:
    """Path and query as they stood in the request line, percent-encoding untouched where the server keeps it."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw:
        return raw
    query = request.environ.get("QUERY_STRING", "")
    return (
        request.environ.get("SCRIPT_NAME", "") + request.environ.get("PATH_INFO", "/") + (f"?{query}" if query else "")
    )


def spell(sealed: Sealed) -> Response:
    """A sealed answer as an HTTP response, bytes untouched."""
    response = Response(sealed.body, status=sealed.status)
    response.headers["Content-Type"] = sealed.content_type or "application/octet-stream"
    for name, value in sealed.headers:
        response.headers[name] = value
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _no_models_here(error: Any) -> Response:
    raise error

