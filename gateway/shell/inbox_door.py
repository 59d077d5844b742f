"""The inbox over REST: the next waiting message of a partner that pulls, and its word that it has it."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs

from gateway.envelope.addressing import stamp
from gateway.envelope.media import wanted
from gateway.envelope.rest import (
    ACTION_NAME,
    CONVERSATION_ID,
    PARTNER,
    RECEIVER,
    RELATES_TO,
    read_action,
    write_claims,
)
from gateway.errors import GatewayError, MethodNotAllowed, NotFound, ReceiptInvalid, ReceiptRefused
from gateway.large import written
from gateway.lifecycle import State
from gateway.model import (
    RECEIPT_TYPE,
    Claims,
    Delivery,
    Large,
    MessageId,
    Partner,
    PartnerId,
    Reference,
    Sealed,
    Verified,
)
from gateway.pipeline import conclude, outgoing_claims, prepare
from gateway.reading import Answer
from gateway.receipt import read_receipt
from gateway.seal.http_fields import CONTENT_DIGEST
from gateway.seal.keys import XMLDSIG_DIGEST_URI
from gateway.setup import Setup
from gateway.shell.house import House
from gateway.shell.inbox import PostgresInbox
from gateway.shell.patience import Patience, number
from gateway.shell.rest_queries import handed_out

CURSOR: Final = "gw-cursor"
RECEIVED_AT: Final = "gw-received-at"
_AT_ONCE: Final = 20


class InboxDoor:
    """What a partner without an endpoint may do. Partners we push to have no inbox: NotFound."""

    def __init__(self, house: House, patience: Patience) -> None:
        self._setup: Setup = house.setup
        self._store = house.store
        self._inbox = PostgresInbox(house.store, house.ledger, clock=house.setup.clock)
        self._patience = patience

    def next(self, verified: Verified) -> Answer:
        """The oldest message that waits after `after`, byte for byte the same on every pull; 204 when there is none."""
        partner = _puller(verified)
        if verified.wire.method != "GET":
            raise MethodNotAllowed("an inbox is read with GET")
        query = parse_qs(verified.wire.target.partition("?")[2], keep_blank_values=True)
        after, wait = (number(query.get(name, [None])[-1], name) for name in ("after", "wait"))
        media = self._setup.twins.wanted(verified)
        found = self._patience.wait(wait, lambda: self._first(partner, after, media), lambda first: first is not None)
        if found is None:
            return Answer(status=204)
        cursor, delivery, kept = found
        _acceptable(kept, verified)
        headers = ((CURSOR, str(cursor)), (RECEIVED_AT, stamp(delivery.entry.received_at)))
        return Answer(
            body=kept.body, content_type=kept.content_type, claims=_claims(kept), headers=headers, large=kept.large
        )

    def acknowledge(self, verified: Verified, message_id: str) -> Answer:
        """The partner's signed receipt is kept and the delivery is over; saying it again changes nothing."""
        partner = _puller(verified)
        delivery, state = handed_out(self._store, partner.id, message_id)
        assert delivery.sealed is not None  # noqa: S101 - handed_out gives no other
        try:
            receipt = read_receipt(self._setup.twins.read(verified, RECEIPT_TYPE), delivery.sealed)
        except ReceiptInvalid as error:
            raise ReceiptRefused(error.detail, threat="R6") from None
        if state == State.QUEUED:
            self._setup.ledger.settle(delivery, State.DELIVERED, receipt=receipt, code=receipt.decision)
        elif state != State.DELIVERED:
            raise ReceiptRefused(f"the delivery ended before as {state}", threat="R6")
        return Answer(status=204)

    def _first(self, partner: Partner, after: int, media: str) -> tuple[int, Delivery, Sealed] | None:
        """A message that cannot be put into the partner's words ends here, with a notice; then the next is tried."""
        while waiting := self._inbox.waiting(partner.id, after, _AT_ONCE):
            for cursor, delivery in waiting:
                after = cursor
                try:
                    return cursor, delivery, delivery.sealed or self._keep(delivery, partner, media)
                except GatewayError as error:
                    if error.retry:
                        raise
                    conclude(delivery, error, self._setup)
        return None

    def _keep(self, delivery: Delivery, partner: Partner, media: str) -> Sealed:
        """The translated message is kept before it is shown; a receipt must repeat the digest of its body."""
        document = prepare(delivery, self._setup)
        claims = outgoing_claims(delivery, document, partner)
        return self._setup.ledger.keep(
            delivery, unsealed(*written(document, media, self._setup), claims, document.large)
        )


def unsealed(payload: bytes, content_type: str, claims: Claims, large: Large | None = None) -> Sealed:
    """What is kept of a message that is signed anew for every pull: its body, its headers, the digest of its body."""
    bare = Sealed(body=payload, content_type=content_type, message_id=claims.message_id, references=(), large=large)
    return replace(
        bare,
        references=(
            Reference(
                part=CONTENT_DIGEST,
                algorithm=XMLDSIG_DIGEST_URI["sha256"],
                digest=base64.b64encode(bytes.fromhex(bare.digest)).decode(),
            ),
        ),
        headers=write_claims(claims),
    )


def _acceptable(kept: Sealed, verified: Verified) -> None:
    """A message is handed out in the form in which it was first handed out. Raises NotAcceptable for another."""
    wanted(verified.wire, [kept.content_type.partition(";")[0]])


def _puller(verified: Verified) -> Partner:
    if verified.partner.endpoint:
        raise NotFound("messages are pushed to this partner; it has no inbox")
    return verified.partner


def _claims(kept: Sealed) -> Claims:
    """The claims that were kept with the body."""
    said = dict(kept.headers)
    return Claims(
        message_id=kept.message_id,
        action=read_action(said[ACTION_NAME]),
        to="",
        sender=PartnerId(said[PARTNER]),
        receiver=PartnerId(said[RECEIVER]),
        conversation_id=said.get(CONVERSATION_ID, ""),
        relates_to=MessageId(said[RELATES_TO]) if RELATES_TO in said else None,
    )
