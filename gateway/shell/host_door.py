"""The door of a simulated partner: our messages in, its signed receipts out, each id answered once and for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from gateway import receipt as receipts
from gateway import refusal
from gateway.envelope.addressing import action_of
from gateway.envelope.rest import REST_MEDIA_TYPE
from gateway.errors import Conflict, GatewayError
from gateway.model import (
    RECEIPT_TYPE,
    SOAP12,
    WSA_ANONYMOUS,
    Claims,
    DocumentType,
    MessageId,
    Profile,
    Sealed,
    Verified,
    Wire,
)
from gateway.seal.profiles import fresh, open_envelope, seal_answer, verify
from gateway.setup import OWN_ID
from gateway.shell.client import Hat
from gateway.shell.host_book import HostBook
from gateway.xml import canonical

_FAULT = DocumentType("FAULT")
_JSON = "application/problem+json"


class HostDoor:
    """Takes messages for one partner. `arrived` is told after each message that is new."""

    def __init__(self, hat: Hat, book: HostBook, arrived: Callable[[], None]) -> None:
        self._hat = hat
        self._book = book
        self._arrived = arrived

    def receive(self, wire: Wire, profile: Profile) -> Sealed:
        """The signed receipt, the one given before for the same bytes, or a refusal. Never raises."""
        verified: Verified | None = None
        try:
            gateway = self._hat.gateway_for(profile)
            verified = verify(open_envelope(wire, profile), {gateway.id: gateway}, wire.received_at)
            return self._take(verified)
        except Exception as error:  # noqa: BLE001 - whatever happened, the gateway gets an answer
            return self._refuse(refusal.any_error(error), verified, profile)

    def _take(self, verified: Verified) -> Sealed:
        known = self._book.recall(verified.claims.message_id)
        if known is None:
            fresh(verified, verified.wire.received_at)
            return self._keep(verified)
        if known.digest != verified.content_digest:
            raise Conflict("this message id came before with other content", threat="R2")
        if known.wire == verified.wire.digest:
            return known.answer
        return self._receipt(verified, UUID(known.receipt_id))

    def _keep(self, verified: Verified) -> Sealed:
        receipt_id = uuid4()
        answer = self._receipt(verified, receipt_id)
        self._book.keep(verified, str(receipt_id), answer, verified.wire.received_at)
        self._arrived()
        return answer

    def _receipt(self, verified: Verified, receipt_id: UUID) -> Sealed:
        body = receipts.write_receipt(verified, receipt_id, verified.wire.received_at)
        return self._seal(body, RECEIPT_TYPE, verified, 202 if verified.profile == "rest-gw-1" else 200)

    def _seal(self, body: bytes, kind: DocumentType, asked: Verified, status: int, media: str = "") -> Sealed:
        claims = Claims(
            message_id=MessageId(f"urn:uuid:{uuid4()}"),
            action=action_of(kind),
            to=WSA_ANONYMOUS,
            sender=self._hat.id,
            receiver=OWN_ID,
            conversation_id=asked.claims.conversation_id,
            relates_to=asked.claims.message_id,
        )
        mine = replace(asked, partner=self._hat.gateway_for(asked.profile))
        return seal_answer(body, claims, mine, self._hat.keyring, now=datetime.now(UTC), nonce=str(uuid4()),
                           status=status, content_type=media or REST_MEDIA_TYPE)  # fmt: skip

    def _refuse(self, error: GatewayError, verified: Verified | None, profile: Profile) -> Sealed:
        incident = uuid4()
        if profile == "soap-gw-1":
            soap = verified.soap if verified else SOAP12
            status = refusal.fault_status(error, soap)
            if verified is None:
                return _plain(refusal.fault(error, incident, soap), "application/soap+xml; charset=utf-8", status)
            return self._seal(canonical(refusal.fault_element(error, incident, soap)), _FAULT, verified, status)
        body = json.dumps(refusal.problem(error, incident), ensure_ascii=False).encode()
        if verified is None:
            return _plain(body, _JSON, error.status)
        return self._seal(body, _FAULT, verified, error.status, _JSON)


def _plain(body: bytes, content_type: str, status: int) -> Sealed:
    return Sealed(body=body, content_type=content_type, message_id=MessageId(""), references=(), status=status)
