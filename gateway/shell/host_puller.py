"""Fetches what waits for a partner in its inbox at the gateway, and gives a signed receipt for each message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import requests

from gateway import receipt as receipts
from gateway.envelope.addressing import action_of
from gateway.errors import DeliveryFailed
from gateway.model import RECEIPT_TYPE, Claims, MessageId, Sealed, Verified, Wire
from gateway.seal import http_signature
from gateway.seal.http_fields import CONTENT_DIGEST
from gateway.seal.http_sign import sign_request
from gateway.shell.client import Hat
from gateway.shell.host_book import HostBook

INBOX = "/api/v1/inbox"
_EMPTY = 204
_OK = 200


class Puller:
    """Fetches one message at a time. `arrived` is told after each message that is new."""

    def __init__(self, hat: Hat, book: HostBook, arrived: Callable[[], None]) -> None:
        self._hat = hat
        self._book = book
        self._arrived = arrived
        self._door = hat.gateway_for("rest-gw-1")
        self._session = requests.Session()
        self._session.trust_env = False

    def once(self) -> bool:
        """Fetch the next message, keep it and confirm it. False = nothing waits. Raises GatewayError."""
        asked, wire = self._exchange("GET", INBOX, b"", "INBOX")
        if wire.status == _EMPTY:
            return False
        if wire.status != _OK:
            raise DeliveryFailed(f"HTTP {wire.status}: {wire.body[:300]!r}")
        url = self._hat.url + INBOX
        answer = http_signature.verify_response(wire, asked, self._door, datetime.now(UTC), url=url, method="GET")
        verified = replace(answer, wire=replace(wire, method="GET"))
        self._confirm(verified, self._keep(verified))
        return True

    def _keep(self, verified: Verified) -> UUID:
        known = self._book.recall(verified.claims.message_id)
        if known is not None:
            return UUID(known.receipt_id)
        receipt_id = uuid4()
        nothing = Sealed(body=b"", content_type="", message_id=MessageId(""), references=())
        self._book.keep(verified, str(receipt_id), nothing, datetime.now(UTC))
        self._arrived()
        return receipt_id

    def _confirm(self, verified: Verified, receipt_id: UUID) -> None:
        of_body = tuple(reference for reference in verified.references if reference.part == CONTENT_DIGEST)
        body = receipts.write_receipt(replace(verified, references=of_body), receipt_id, datetime.now(UTC))
        place = f"{INBOX}/{verified.claims.message_id}/receipt"
        _, wire = self._exchange("POST", place, body, RECEIPT_TYPE, verified.claims.message_id)
        if (wire.status or 0) not in range(200, 300):
            raise DeliveryFailed(f"the receipt was not taken: HTTP {wire.status}: {wire.body[:300]!r}")

    def _exchange(
        self, method: str, place: str, body: bytes, action: str, relates_to: MessageId | None = None
    ) -> tuple[Sealed, Wire]:
        url = self._hat.url + place
        claims = Claims(
            message_id=MessageId(f"urn:uuid:{uuid4()}"),
            action=action_of(RECEIPT_TYPE) if action == RECEIPT_TYPE else "",
            to="",
            sender=self._hat.id,
            relates_to=relates_to,
        )
        key = self._hat.keyring.key(self._door.sign_with)
        sealed = sign_request(body, claims, key, url=url, created=datetime.now(UTC), nonce=str(uuid4()), method=method)
        headers = dict(sealed.headers) | ({"Content-Type": sealed.content_type} if body else {})
        try:
            answer = self._session.request(method, url, data=body or None, headers=headers, timeout=30)
        except (requests.RequestException, OSError) as error:
            raise DeliveryFailed(f"{url}: {type(error).__name__}"[:500]) from None
        return sealed, _wire(answer)


def _wire(answer: requests.Response) -> Wire:
    return Wire(
        body=answer.content,
        content_type=answer.headers.get("Content-Type", ""),
        peer="",
        received_at=datetime.now(UTC),
        headers=tuple((name.lower(), value) for name, value in answer.headers.items()),
        status=answer.status_code,
    )
