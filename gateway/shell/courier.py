"""Carries sealed bytes to a partner's registered endpoint and brings back the answer, whatever it is."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import BinaryIO, Final

import requests
from urllib3.exceptions import HTTPError

from gateway.errors import DeliveryFailed, InternalError
from gateway.large import leaving
from gateway.model import Sealed, Wire
from gateway.ports import Depot
from gateway.shell.connections import Deadline, PromptAdapter

LARGEST_ANSWER: Final = 1_000_000
LEAST_RATE: Final = 100_000.0
"""Octets a second at which a long message must be sent and judged at least."""
_PIECE: Final = 65_536
_TROUBLE: Final = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError, LookupError)
"""What the libraries raise over what a partner says, or does not say."""


class HttpCourier:
    """One pool of connections. Never follows a redirect: an endpoint is what the record says.

    A connection stands within `timeout` seconds, and all of a delivery is over within `timeout` and what LEAST_RATE
    gives a long message beside it, whatever the partner does. Only the search for a host's address takes as long as
    the resolver of this machine has patience.
    """

    def __init__(self, timeout: float = 30.0, depot: Depot | None = None) -> None:
        self._timeout = timeout
        self._depot = depot
        self._session = _Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # no partner leaves us anything
        self._session.mount("http://", PromptAdapter(pool_maxsize=32))
        self._session.mount("https://", PromptAdapter(pool_maxsize=32))

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """POST the bytes as they are. Raises DeliveryFailed for any trouble of the network."""
        patience = self._timeout + (sealed.large.size / LEAST_RATE if sealed.large else 0.0)
        with Deadline(self._timeout, patience) as deadline:
            try:
                answer = self._post(endpoint, sealed, patience)
                deadline.hold()
            except _TROUBLE as error:
                trouble = f"not over within {patience:.1f} s" if deadline.passed else f"{type(error).__name__}: {error}"
                raise DeliveryFailed(f"{endpoint}: {trouble}"[:500]) from None
        return answer

    def _post(self, endpoint: str, sealed: Sealed, patience: float) -> Wire:
        headers = {"Content-Type": sealed.content_type, **dict(sealed.headers)}
        with (
            self._content(sealed) as content,
            self._session.post(
                endpoint, data=content, headers=headers, timeout=patience, allow_redirects=False, stream=True
            ) as answer,
        ):
            return _wire(answer, _body(answer, endpoint), endpoint)

    def _content(self, sealed: Sealed) -> AbstractContextManager[bytes | BinaryIO]:
        """The body; a long one is read while it is sent."""
        if sealed.large is None:
            return nullcontext(sealed.body)
        if self._depot is None:
            raise InternalError("there is no depot for long messages")
        return closing(leaving(sealed, self._depot))


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: an answer that points elsewhere is an answer, and its Location is not even read."""


def _body(answer: requests.Response, endpoint: str) -> bytes:
    """The whole answer."""
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=False):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise DeliveryFailed(f"{endpoint}: the answer is larger than {LARGEST_ANSWER} bytes")
    return bytes(body)


def _wire(answer: requests.Response, body: bytes, endpoint: str) -> Wire:
    return Wire(
        body=body,
        content_type=answer.headers.get("Content-Type", ""),
        peer=endpoint,
        received_at=datetime.now(UTC),
        headers=tuple((name.lower(), value) for name, value in answer.headers.items()),
        status=answer.status_code,
    )
