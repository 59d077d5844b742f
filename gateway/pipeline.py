"""The way of a message, top to bottom. The sender waits for `accept`; a worker runs `forward`, and may run it again.

accept:  open envelope -> verify seal -> seen before? -> fresh? addressed to us? entitled? -> validate -> codes -> route
         -> enter
forward: translate -> check our own words -> seal -> keep -> deliver -> read the signed receipt -> settle
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Final, TypeVar
from uuid import UUID

from gateway import attachments
from gateway import receipt as receipts
from gateway.answer import receipt_in
from gateway.envelope.addressing import action_of
from gateway.envelope.rest import MESSAGES_PATH
from gateway.errors import (
    ActionMismatch,
    AnswerGiven,
    Conflict,
    GatewayError,
    MappingGap,
    MappingInvalid,
    RelationUnknown,
)
from gateway.large import held, judged, opened, passable, prepared, written
from gateway.lifecycle import State
from gateway.mapping import translate, unfit
from gateway.model import (
    ATTACHMENT_TYPE,
    RECEIPT_TYPE,
    WSA_ANONYMOUS,
    Claims,
    Corridor,
    Delivery,
    Document,
    Entry,
    MessageId,
    Partner,
    Receipt,
    Sealed,
    Verified,
)
from gateway.notice import notice_of
from gateway.route import route
from gateway.schema import check, validate
from gateway.seal.profiles import seal, seal_answer
from gateway.setup import OWN_ID, Setup
from gateway.twins import formats, in_json
from gateway.welcome import welcome
from gateway.xml import Element, canonical, parse

Result = TypeVar("Result")


class Steps(dict[str, float]):
    """How long each desk took, in milliseconds, for people to look at."""

    def run(self, name: str, desk: Callable[[], Result]) -> Result:
        """Run one desk and note its time."""
        started = perf_counter()
        try:
            return desk()
        finally:
            self[name] = round((perf_counter() - started) * 1000, 3)


def accept(verified: Verified, setup: Setup, steps: Steps) -> Sealed:
    """From a proven sender to a kept promise: the signed receipt, which leaves only after the commit.

    Raises GatewayError for every refusal; then nothing is stored as a message.
    """
    earlier = setup.ledger.recall(verified.partner.id, verified.claims.message_id)
    if earlier is not None:
        return _again(verified, *earlier)
    welcome(verified, setup)
    readable = steps.run("twin", lambda: setup.twins.read(verified)) if in_json(verified) else verified
    document = _judged(verified, readable, setup, steps)
    corridors = route(document, verified.claims, setup.corridors.values())
    passable(document, corridors, setup)
    entry = _entry(verified, document, corridors, setup)
    answer = steps.run("receipt", lambda: _receipt(entry, verified, setup))
    return setup.ledger.enter(entry, verified, answer, steps)


def _judged(verified: Verified, readable: Verified, setup: Setup, steps: Steps) -> Document:
    """Valid by its schema, what its action says, and true to the code lists; its tree is read once for all of it."""
    if attachments.is_one(verified):
        return steps.run("validate", lambda: attachments.document_of(verified, setup))
    if verified.large is not None:
        document = steps.run("validate", lambda: judged(verified, setup))
        _says_what_it_is(verified, document)
        steps.run("codes", lambda: held(document, verified, setup))
        return document

    def then(document: Document, root: Element) -> None:
        _says_what_it_is(verified, document)
        steps.run("codes", lambda: setup.codes.hold(document, readable, root))

    with setup.twins.pointing(readable):
        document = steps.run("validate", lambda: validate(readable, setup.schemas, then))
    steps["validate"] = round(steps["validate"] - steps["codes"], 3)
    return document


def forward(delivery: Delivery, setup: Setup) -> None:
    """From the ledger to the partner's signed receipt.

    Raises GatewayError with `retry` when the partner could not be reached: nothing has changed and it may run again.
    Every other failure ends the delivery and tells the sender by a notice.
    """
    try:
        receipt = deliver(delivery, setup)
    except GatewayError as error:
        if error.retry:
            raise
        conclude(delivery, error, setup)
    else:
        setup.ledger.settle(delivery, State.DELIVERED, receipt=receipt, code=receipt.decision)


def deliver(delivery: Delivery, setup: Setup) -> Receipt:
    """One attempt at one receiver: prepare, seal, keep, send, and read the receipt."""
    receiver = setup.partners[setup.corridors[delivery.corridor].receiver]
    sealed = delivery.sealed
    if sealed is None or _stale(sealed, setup):
        document = prepare(delivery, setup)
        claims = outgoing_claims(delivery, document, receiver)
        body, media = written(document, formats(receiver)[0], setup)
        sealed = seal(
            body, claims, receiver, setup.keyring, now=setup.clock(), nonce=str(setup.ids()), content_type=media,
            large=document.large, read=lambda large: opened(large, setup), window=setup.window,
        )  # fmt: skip
        sealed = setup.ledger.keep(delivery, replace(sealed, made_by=_made_by(delivery, document, setup)))
    answer = setup.courier.deliver(receiver.endpoint, sealed)
    return receipt_in(answer, sealed, receiver, setup)


def prepare(delivery: Delivery, setup: Setup) -> Document:
    """The document in the receiver's words, valid by the receiver's schema. Raises MappingGap, MappingInvalid."""
    entry, corridor = delivery.entry, setup.corridors[delivery.corridor]
    if entry.document.large is not None:
        return prepared(delivery, corridor, context_of(delivery, corridor), setup)
    if entry.document.type == ATTACHMENT_TYPE:
        return entry.document
    if not corridor.mapping:
        return replace(entry.document, payload=canonical(parse(entry.document.payload)))
    translation = setup.translations[corridor.mapping]
    context = context_of(delivery, corridor)
    payload = translate(entry.document.payload, translation, context, lossless=corridor.lossless)
    try:
        return check(payload, corridor.gives, setup.schemas, corridor.gives_version)
    except MappingInvalid as error:
        findings = unfit(error.findings, entry.document.payload, translation, context)
        if not findings:
            raise
        raise MappingGap(
            f"{len(findings)} value(s) that the receiver's schema does not take", findings=findings
        ) from error


def _made_by(delivery: Delivery, document: Document, setup: Setup) -> tuple[tuple[str, str], ...]:
    """By which contents the document was made, so that it can be told when they have changed since."""
    table = setup.corridors[delivery.corridor].mapping
    if not table:
        return (("schema", document.schema),)
    made = setup.translations[table]
    lists = ", ".join(f"{name} {version}" for name, version in sorted(made.codes.items()))
    known = (("mapping", f"{table}@{made.table.digest}"), ("mapping_version", made.table.version), ("codes", lists),
             ("schema", document.schema))  # fmt: skip
    return tuple((name, value) for name, value in known if value)


def context_of(delivery: Delivery, corridor: Corridor) -> dict[str, str]:
    """What a mapping table may use beside the document. Times are those of receipt, so a translation never changes."""
    entry = delivery.entry
    return {
        "message_id": delivery.message_id,
        "relates_to": delivery.relates_to or "",
        "conversation_id": entry.claims.conversation_id or entry.claims.message_id,
        "sender": corridor.sender,
        "receiver": corridor.receiver,
        "entry_id": str(entry.id),
        "now": entry.received_at.isoformat().replace("+00:00", "Z"),
        "received_at": entry.received_at.isoformat().replace("+00:00", "Z"),
    }


def outgoing_claims(delivery: Delivery, document: Document, receiver: Partner) -> Claims:
    """What our envelope says of itself; the same on every retry."""
    entry = delivery.entry
    return Claims(
        message_id=delivery.message_id,
        action=action_of(document.type),
        to=receiver.address or receiver.endpoint,
        sender=OWN_ID,
        receiver=receiver.id,
        conversation_id=entry.claims.conversation_id or entry.claims.message_id,
        relates_to=delivery.relates_to,
    )


def conclude(delivery: Delivery, error: GatewayError, setup: Setup) -> None:
    """End a delivery that cannot succeed, and tell the sender; a notice about a notice is never made."""
    state = _STATES.get(error.code, State.FAILED)
    notice = None if delivery.entry.sender == OWN_ID else notice_of(delivery, state, error, setup)
    setup.ledger.settle(delivery, state, code=error.code, detail=error.detail, notice=notice)


_STATES: Final = {"delivery.refused": State.REFUSED, "delivery.expired": State.EXPIRED}


def _again(verified: Verified, content_digest: str, answer: Sealed) -> Sealed:
    """A message seen before: the same content gets the same answer, byte for byte, however late (R1, R2)."""
    if content_digest != verified.content_digest:
        raise Conflict("this message id came before with other content", threat="R2")
    return answer


def _says_what_it_is(verified: Verified, document: Document) -> None:
    if verified.claims.action != action_of(document.type):
        raise ActionMismatch(f"the action says {verified.claims.action}, the document is {document.type}", threat="S1")


def _entry(verified: Verified, document: Document, corridors: tuple[Corridor, ...], setup: Setup) -> Entry:
    return Entry(
        id=setup.ids(),
        sender=verified.partner.id,
        claims=verified.claims,
        document=document,
        corridors=tuple(corridor.id for corridor in corridors),
        received_at=verified.wire.received_at,
        priority=min(corridor.priority for corridor in corridors),
        answers=_answered(verified, corridors, setup),
    )


def _answered(verified: Verified, corridors: tuple[Corridor, ...], setup: Setup) -> UUID | None:
    """A reply must name a message of ours that went to this partner, and goes back only to who asked (trap: R6, P1)."""
    if not any(corridor.reply for corridor in corridors):
        return None
    relates_to = verified.claims.relates_to
    asked = setup.ledger.outgoing(relates_to, verified.partner.id) if relates_to else None
    if asked is None or any(corridor.reply and corridor.receiver != asked.sender for corridor in corridors):
        named = f"relates to {relates_to}, which did not go to" if relates_to else "relates to no message that went to"
        raise RelationUnknown(f"{named} {verified.partner.id}", threat="R6")
    if any(corridor.once for corridor in corridors) and setup.ledger.answered(asked.id, verified.partner.id):
        raise AnswerGiven(f"{verified.partner.id} has answered {relates_to} before, by a message of another id")
    return asked.id


def _receipt(entry: Entry, verified: Verified, setup: Setup) -> Sealed:
    word = receipts.write_receipt(verified, entry.id, entry.received_at)
    body, media = setup.twins.write(word, RECEIPT_TYPE, setup.twins.wanted(verified))
    claims = Claims(
        message_id=MessageId(f"urn:uuid:{setup.ids()}"),
        action=action_of(RECEIPT_TYPE),
        to=WSA_ANONYMOUS,
        sender=OWN_ID,
        receiver=verified.partner.id,
        conversation_id=verified.claims.conversation_id,
        relates_to=verified.claims.message_id,
    )
    return seal_answer(
        body,
        claims,
        verified,
        setup.keyring,
        now=setup.clock(),
        nonce=str(setup.ids()),
        status=202 if verified.profile == "rest-gw-1" else 200,
        content_type=media,
        headers=(("location", f"{MESSAGES_PATH}/{entry.id}"),),
        window=setup.window,
    )


def _stale(sealed: Sealed, setup: Setup) -> bool:
    """A kept envelope whose time ran out would be refused everywhere: it is sealed again around the same words."""
    return sealed.expires_at is not None and sealed.expires_at <= setup.clock()
