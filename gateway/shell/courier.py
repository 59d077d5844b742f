"""Carries sealed bytes to a partner's registered endpoint and brings back the answer, whatever it is."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, datetime
from time import monotonic
from typing import BinaryIO, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from gateway.errors import DeliveryFailed, InternalError
from gateway.model import Sealed, Wire
from gateway.ports import Depot

LARGEST_ANSWER: Final = 1_000_000
LEAST_RATE: Final = 100_000.0
"""Octets a second at which a long message must be sent and judged at least."""
_PIECE: Final = 65_536


class HttpCourier:
    """One pool of connections. Never follows a redirect: an endpoint is what the record says."""

    def __init__(self, timeout: float = 30.0, depot: Depot | None = None) -> None:
        self._timeout = timeout
        self._depot = depot
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=32))
        self._session.mount("https://", HTTPAdapter(pool_maxsize=32))

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """POST the bytes as they are. Raises DeliveryFailed for any trouble of the network."""
        headers = {"Content-Type": sealed.content_type, **dict(sealed.headers)}
        patience = self._timeout + (sealed.large.size / LEAST_RATE if sealed.large else 0.0)
        end = monotonic() + patience
        try:
            with (
                self._content(sealed) as content,
                self._session.post(
                    endpoint, data=content, headers=headers, timeout=patience, allow_redirects=False, stream=True
                ) as answer,
            ):
                return _wire(answer, _body(answer, end, endpoint), endpoint)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise DeliveryFailed(f"{endpoint}: {type(error).__name__}: {error}"[:500]) from None

    def _content(self, sealed: Sealed) -> AbstractContextManager[bytes | BinaryIO]:
        """The body; a long one is read while it is sent."""
        if sealed.large is None:
            return nullcontext(sealed.body)
        if self._depot is None:
            raise InternalError("there is no depot for long messages")
        return closing(self._depot.open(sealed.large))


def _body(answer: requests.Response, end: float, endpoint: str) -> bytes:
    """The whole answer, in time: one that comes octet by octet must not keep its lane for hours."""
    body = bytearray()
    while piece := answer.raw.read1(_PIECE, decode_content=False):
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise DeliveryFailed(f"{endpoint}: the answer is larger than {LARGEST_ANSWER} bytes")
        if monotonic() > end:
            raise DeliveryFailed(f"{endpoint}: the answer did not come whole in time")
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
