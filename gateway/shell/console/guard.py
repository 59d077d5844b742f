"""Who may ask the console: our own host name, our own pages, and forms that we gave out."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from flask import Response, request

from gateway.shell.demo_ca import write_private

NONCE: Final = "gw_console"
FIELD: Final = "token"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY_BYTES: Final = 32


def console_key(folder: Path) -> bytes:
    """The secret that signs our forms: made once, shared by every process of this installation."""
    file = folder / "console.key"
    if not file.exists():
        fresh = folder / f"console.key.{secrets.token_hex(8)}"
        write_private(fresh, secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):  # another process was faster
            file.hardlink_to(fresh)
        fresh.unlink()
    return file.read_bytes()


class Guard:
    """Refuses requests that no page of ours made. `names` are the host names we answer to, without port."""

    def __init__(self, names: frozenset[str], key: bytes) -> None:
        self._names = names
        self._key = key

    def admit(self) -> Response | None:
        """Before anything else: a foreign Host (a rebound name) gets nothing, a foreign form changes nothing."""
        if _name_of(request.host) not in self._names:
            return _refusal("this host name is not the console's", 421)
        if request.method in _SAFE:
            return None
        if not _same_origin():
            return _refusal("the form did not come from a page of the console", 403)
        if not self._token_holds(request.form.get(FIELD, "")):
            return _refusal("the form is too old; go back, load the page again and repeat", 403)
        return None

    def token(self) -> str:
        """What a form must bring back: bound to this browser by a cookie and to this installation by its key."""
        return self._sign(_nonce())

    def harden(self, response: Response) -> Response:
        """Every answer, of whatever kind, carries the rules for the browser."""
        for name, value in HEADERS.items():
            response.headers[name] = value
        if request.cookies.get(NONCE) != _nonce():
            response.set_cookie(NONCE, _nonce(), httponly=True, samesite="Strict", secure=request.is_secure)
        return response

    def _sign(self, nonce: str) -> str:
        return hmac.digest(self._key, nonce.encode(), "sha256").hex()

    def _token_holds(self, token: str) -> bool:
        nonce = request.cookies.get(NONCE, "")
        return bool(nonce) and hmac.compare_digest(self._sign(nonce).encode(), token.encode())


def _nonce() -> str:
    """This browser's random number; a new one lives as long as the request until the answer sets it."""
    known = request.cookies.get(NONCE) or request.environ.get(NONCE)
    if not known:
        known = request.environ[NONCE] = secrets.token_urlsafe(_KEY_BYTES)
    return str(known)


def _name_of(host: str) -> str:
    """The host without its port, in lower case."""
    name = host.lower()
    return name.rpartition(":")[0] if not name.endswith("]") and ":" in name else name


def _same_origin() -> bool:
    """By the browser's own word; Origin alone cannot say it, since pages without referrer send `null`."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == request.host_url.rstrip("/")


def _refusal(why: str, status: int) -> Response:
    return Response(f"Refused: {why}.\n", status=status, mimetype="text/plain")
