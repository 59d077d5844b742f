"""The inbox over REST: the next waiting message of a partner that pulls, and its word that it has it."""

from __future__ import annotations

import base64
from dataclasses import replace
from traceback import format_exception
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import psycopg
import structlog

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
from gateway.errors import (
    Busy,
    DatabaseAway,
    GatewayError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    ReceiptInvalid,
    ReceiptRefused,
)
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
    Receipt,
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
FAULTS_ALLOWED: Final = 5
"""Tries after which a message is given up that we cannot hand out by a fault of ours."""
_AT_ONCE: Final = 20

log = structlog.get_logger(__name__)


class _Offer(NamedTuple):
    """A message that can be handed out."""

    cursor: int
    delivery: Delivery
    kept: Sealed
    claims: Claims


class InboxDoor:
    """What a partner without an endpoint may do. Partners we push to have no inbox: NotFound."""

    def __init__(self, house: House, patience: Patience) -> None:
        self._setup: Setup = house.setup
        self._store = house.store
        self._inbox = PostgresInbox(house.store, clock=house.setup.clock)
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
        kept = found.kept
        _acceptable(kept, verified)
        headers = ((CURSOR, str(found.cursor)), (RECEIVED_AT, stamp(found.delivery.entry.received_at)))
        return Answer(
            body=kept.body, content_type=kept.content_type, claims=found.claims, headers=headers, large=kept.large
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
            state = self._deliver(delivery, receipt, partner)
        if state != State.DELIVERED:
            raise ReceiptRefused(f"the delivery ended before as {state}", threat="R6")
        return Answer(status=204)

    def _deliver(self, delivery: Delivery, receipt: Receipt, partner: Partner) -> str:
        """How the delivery ended: by this receipt, or in another way at the same moment."""
        try:
            self._setup.ledger.settle(delivery, State.DELIVERED, receipt=receipt, code=receipt.decision)
        except InternalError:
            _, state = handed_out(self._store, partner.id, delivery.message_id)
            if state == State.QUEUED:
                raise
            return state
        return State.DELIVERED

    def _first(self, partner: Partner, after: int, media: str) -> _Offer | None:
        """A message that cannot be put into the partner's words ends here, with a notice; then the next is tried."""
        stuck: set[int] = set()
        while waiting := self._inbox.waiting(partner.id, after, _AT_ONCE):
            for cursor, delivery in waiting:
                after = cursor
                if delivery.order in stuck:
                    continue
                try:
                    return self._offer(cursor, delivery, partner, media)
                except (psycopg.Error, DatabaseAway):
                    raise
                except Exception as fault:  # noqa: BLE001 - one message's fault must not close the box
                    if not self._over(delivery, fault):
                        stuck.add(delivery.order)
        return None

    def _offer(self, cursor: int, delivery: Delivery, partner: Partner, media: str) -> _Offer:
        """The message as it was handed out before, or else as it is put into the partner's words now."""
        kept = delivery.sealed
        if kept is None or not _pullable(kept):
            kept = self._keep(delivery, partner, media)
        if not _pullable(kept):
            raise Busy("what was made to be pushed has not run out yet")
        return _Offer(cursor, delivery, kept, _claims(kept))

    def _over(self, delivery: Delivery, fault: Exception) -> bool:
        """True when the message has ended. After a fault of ours it waits, and is tried again a few times."""
        error = fault if isinstance(fault, GatewayError) else InternalError(repr(fault))
        words = {"entry": str(delivery.entry.id), "lane": delivery.lane, "code": error.code}
        if error.retry:
            log.error("delivery.fault", **words, stack="".join(format_exception(fault)))
        if isinstance(error, Busy) or (error.retry and delivery.attempt < FAULTS_ALLOWED):
            self._setup.ledger.postpone(delivery, code=error.code, detail=error.detail, alone=True)
            return False
        log.warning("delivery.ended", **words)
        try:
            conclude(delivery, error, self._setup)
        except (psycopg.Error, DatabaseAway):
            raise
        except Exception:  # it ended in another way at the same moment, or its notice cannot be written
            log.exception("delivery.cannot-end", **words)
            return False
        return True

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


def _pullable(kept: Sealed) -> bool:
    """A partner that pulls now was pushed to before: an envelope made for that says nothing in headers."""
    return ACTION_NAME in dict(kept.headers)


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
