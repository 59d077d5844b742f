"""Receives one message and always has an answer: a signed receipt, or a refusal in the sender's own protocol.

A refusal before the seal is proven is answered unsigned; after it, signed, so that the partner can rely on it. Every
refusal leaves one intake record: never the content, always the digest, the time, the peer and the cause.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from gateway import refusal
from gateway.envelope.addressing import action_of
from gateway.errors import GatewayError, SealError
from gateway.model import (
    SOAP11,
    SOAP12,
    WSA_ANONYMOUS,
    Claims,
    DocumentType,
    Envelope,
    Intake,
    MessageId,
    Profile,
    Sealed,
    Verified,
    Wire,
)
from gateway.pipeline import Steps, accept
from gateway.seal.profiles import open_envelope, seal_answer, verify, verify_head
from gateway.setup import OWN_ID, Setup
from gateway.welcome import welcome
from gateway.xml import canonical

_ALARMS: Final = frozenset({"A7", "C4", "R2", "R6"})
_OF_HTTP: Final = frozenset({404, 405, 413, 415})
"""Refusals of the HTTP request rather than of the envelope keep their HTTP status whatever the SOAP version."""
_FAULT: Final = DocumentType("FAULT")
PROBLEM_JSON: Final = "application/problem+json"


@dataclass(slots=True)
class Attempt:
    """One message and how far it came: what it claimed, and what was proven."""

    wire: Wire
    profile: Profile
    envelope: Envelope | None = None
    verified: Verified | None = None


def receive(wire: Wire, profile: Profile, setup: Setup) -> Sealed:
    """The answer to one message; `status`, `headers` and `body` are what goes back. Never raises."""
    attempt = Attempt(wire, profile)
    try:
        steps = Steps()
        prove(attempt, setup, steps)
        return accept(attempt.verified, setup, steps) if attempt.verified else refuse(attempt, GatewayError(), setup)
    except Exception as error:  # noqa: BLE001 - the last desk: whatever happened, the sender gets an answer
        return refuse(attempt, refusal.any_error(error), setup)


def admit(wire: Wire, profile: Profile, setup: Setup) -> Sealed:
    """Whether a long body may come, by its head alone: status 100, or a refusal. Never raises.

    The header `gw-known` in a 100 says that the message came before: its body is only compared. `gw-admitted` is
    the time that counts for its age, `gw-sender` who is proven to send it. Over SOAP the head is the beginning of the
    body, and a body that came before is read again: only canonical form tells whether it is the same.
    """
    attempt = Attempt(wire, profile)
    try:
        attempt.envelope = open_envelope(wire, attempt.profile)
        attempt.verified = verified = verify_head(attempt.envelope, setup.partners, wire.received_at)
        earlier = setup.ledger.recall(verified.partner.id, verified.claims.message_id)
        if earlier is None:
            welcome(verified, setup)
    except Exception as error:  # noqa: BLE001 - as in `receive`
        return refuse(attempt, refusal.any_error(error), setup)
    headers: tuple[tuple[str, str], ...] = (
        ("gw-admitted", wire.received_at.isoformat()), ("gw-sender", verified.partner.id)
    )  # fmt: skip
    headers += (("gw-known", "1"),) if earlier else ()
    return Sealed(body=b"", content_type="", message_id=MessageId(""), references=(), status=100, headers=headers)


def prove(attempt: Attempt, setup: Setup, steps: Steps) -> Verified:
    """From bytes to a proven sender; `attempt` remembers how far it came."""
    wire = attempt.wire
    envelope = steps.run("open", lambda: open_envelope(wire, attempt.profile))
    attempt.envelope = envelope
    attempt.verified = steps.run("verify", lambda: verify(envelope, setup.partners, wire.received_at))
    return attempt.verified


def refuse(attempt: Attempt, error: GatewayError, setup: Setup) -> Sealed:
    """Record a refusal and spell it for the sender."""
    intake = _intake(attempt, error, setup)
    setup.log(
        "refused", incident=str(intake.incident), code=error.code, threat=error.threat, detail=error.detail,
        claimed=intake.claimed, peer=intake.peer, cause=error.__cause__,
    )  # fmt: skip
    if not error.recorded:
        _record(intake, setup)
    spell = _fault if attempt.profile == "soap-gw-1" else _problem
    try:
        return spell(attempt, error, intake, setup)
    except GatewayError as failure:  # no key to seal it with: an unsigned refusal is better than none
        setup.log("refusal-not-sealed", incident=str(intake.incident), detail=failure.detail)
        return spell(replace(attempt, verified=None), error, intake, setup)


def _record(intake: Intake, setup: Setup) -> None:
    """A refusal that cannot be recorded is still a refusal, whatever the database says; the log has it."""
    try:
        setup.ledger.refuse(intake)
    except Exception as failure:  # noqa: BLE001 - what was wrong with the message matters more to its sender
        setup.log("intake-not-recorded", incident=str(intake.incident), detail=str(failure), cause=failure)


def _intake(attempt: Attempt, error: GatewayError, setup: Setup) -> Intake:
    known = attempt.verified or attempt.envelope
    mark = "" if attempt.verified else " (unverified)"
    return Intake(
        incident=setup.ids(),
        at=attempt.wire.received_at,
        peer=attempt.wire.peer,
        claimed=f"{known.claims.sender} {known.claims.message_id}{mark}" if known else "",
        size=attempt.wire.size,
        digest=attempt.wire.digest,
        code=error.code,
        threat=error.threat,
        detail=error.detail[:2000],
        findings=tuple(refusal.finding_members(finding) for finding in error.findings[: refusal.CAP]),
        alarm=error.threat in _ALARMS,
    )


def _claims(intake: Intake, verified: Verified) -> Claims:
    return Claims(
        message_id=MessageId(f"urn:uuid:{intake.incident}"),
        action=action_of(_FAULT),
        to=WSA_ANONYMOUS,
        sender=OWN_ID,
        receiver=verified.partner.id,
        conversation_id=verified.claims.conversation_id,
        relates_to=verified.claims.message_id,
    )


def _fault(attempt: Attempt, error: GatewayError, intake: Intake, setup: Setup) -> Sealed:
    soap = attempt.envelope.soap if attempt.envelope else _soap_of(attempt.wire)
    status = error.status if error.status in _OF_HTTP else refusal.fault_status(error, soap)
    if attempt.verified is not None and not isinstance(error, SealError):
        element = refusal.fault_element(error, intake.incident, soap)
        return _sealed(attempt.verified, canonical(element), intake, setup, status=status)
    relates_to = attempt.envelope.claims.message_id if attempt.envelope else ""
    body = refusal.fault(error, intake.incident, soap, relates_to)
    media = "application/soap+xml; charset=utf-8" if soap == SOAP12 else "text/xml; charset=utf-8"
    return _plain(body, media, status, intake)


def _soap_of(wire: Wire) -> str:
    """The SOAP version to answer in when the envelope could not be read."""
    return SOAP11 if wire.content_type.lower().startswith("text/xml") else SOAP12


def _problem(attempt: Attempt, error: GatewayError, intake: Intake, setup: Setup) -> Sealed:
    body = json.dumps(refusal.problem(error, intake.incident), ensure_ascii=False).encode()
    if attempt.verified is not None and not isinstance(error, SealError):
        return _sealed(attempt.verified, body, intake, setup, status=error.status)
    return _plain(body, PROBLEM_JSON, error.status, intake)


def _sealed(verified: Verified, body: bytes, intake: Intake, setup: Setup, *, status: int) -> Sealed:
    return seal_answer(
        body, _claims(intake, verified), verified, setup.keyring, now=setup.clock(), nonce=str(setup.ids()),
        status=status, content_type=PROBLEM_JSON, window=setup.window,
    )  # fmt: skip


def _plain(body: bytes, content_type: str, status: int, intake: Intake) -> Sealed:
    return Sealed(
        body=body, content_type=content_type, message_id=MessageId(f"urn:uuid:{intake.incident}"), references=(),
        status=status,
    )  # fmt: skip
