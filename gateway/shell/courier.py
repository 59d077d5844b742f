"""Carries sealed bytes to a partner's registered endpoint and brings back the answer, whatever it is."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from gateway.errors import DeliveryFailed
from gateway.model import Sealed, Wire

LARGEST_ANSWER: Final = 1_000_000
_PIECE: Final = 65_536


class HttpCourier:
    """One pool of connections. Never follows a redirect: an endpoint is what the record says."""

    def __init__(self, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=32))
        self._session.mount("https://", HTTPAdapter(pool_maxsize=32))

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """POST the bytes as they are. Raises DeliveryFailed for any trouble of the network."""
        headers = {"Content-Type": sealed.content_type, **dict(sealed.headers)}
        end = monotonic() + self._timeout
        try:
            with self._session.post(
                endpoint, data=sealed.body, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
            ) as answer:
                return _wire(answer, _body(answer, end, endpoint), endpoint)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise DeliveryFailed(f"{endpoint}: {type(error).__name__}: {error}"[:500]) from None


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
