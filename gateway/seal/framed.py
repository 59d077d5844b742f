"""Opens and verifies a SOAP envelope whose frame is known, without walking its head; every other goes the long way.

The Body and its limits of shape, its canonical form, every digest, the signature, the partner, its algorithms, the
certificate path and the claims are checked as on the long way. What is spared is parsing the head, finding the parts
again and making their canonical octets anew, since a known frame has them (`gateway.seal.frames`). Whatever is not
found good here is judged anew the long way, which alone refuses, so that refusals read the same.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from gateway.envelope import addressing
from gateway.envelope.addressing import content_digest, instant
from gateway.envelope.soap import Parts, check_action, media_type, payload_of, read_soap
from gateway.errors import AddressingInvalid, EnvelopeMalformed, GatewayError, SealBroken, SealInvalid
from gateway.model import WSA_ANONYMOUS, Claims, Envelope, Partner, PartnerId, Reference, Verified, Wire
from gateway.seal import frames
from gateway.seal.frame import Frame, Match, Values
from gateway.seal.keys import check_octets
from gateway.seal.shape import may_have_ids, no_security_below, payload_octets
from gateway.seal.soap import allowed, keep_token, token_of, verify_soap
from gateway.seal.trust import bind
from gateway.seal.xmldsig import DIGESTS, octets_of, strict_octets
from gateway.xml import LIMITS, Element, may_have_many_nodes, parse

_SPACE: Final = " \t\r\n"
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class Framed:
    """An envelope with a known frame; lives only between opening and the seal desk."""

    frame: Frame
    values: Values
    body: Element
    payload: Element
    promised: tuple[str, str]


def open_envelope(wire: Wire, *, answer: bool = False) -> Envelope:
    """As `gateway.envelope.soap.open_soap`."""
    promised = media_type(wire)
    match = frames.known(wire.body, promised[0], answer=answer)
    if match is not None:
        try:
            return _open(wire, match, promised)
        except GatewayError:
            pass  # the long way says why
    return read_soap(wire, parse(wire.body), promised, answer=answer)


def verify_envelope(
    envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime, *, answer: bool = False
) -> Verified:
    """As `gateway.seal.soap.verify_soap`, and what was proven the long way is learned from."""
    framed = envelope.parsed
    if isinstance(framed, Framed):
        try:
            return _verify(envelope, framed, partners, at)
        except GatewayError:
            pass  # the long way says why
        envelope = read_soap(envelope.wire, parse(envelope.wire.body), framed.promised, answer=answer)
    verified = verify_soap(envelope, partners, at)
    if isinstance(envelope.parsed, Parts):
        frames.learn(envelope.wire.body, envelope.parsed, envelope.soap, verified.partner.id, answer=answer)
    return verified


def _open(wire: Wire, match: Match, promised: tuple[str, str]) -> Envelope:
    version, http_action = promised
    frame, values, _ = match
    root = parse(match.without_header(wire.body))
    if len(root) != 1:
        raise EnvelopeMalformed("something beside the Body", threat="W3")
    if may_have_many_nodes(wire.body) and _nodes(root) + 2 * wire.body.count(b"<", 0, match.body_at) > LIMITS.nodes:
        raise EnvelopeMalformed("perhaps too many nodes with those of the head", threat="X5")
    body = root[0]
    payload = payload_of(body, version, answer=frame.answer)
    claims = _claims({name: values[at].decode().strip(_SPACE) for name, at in frame.claims.items()})
    check_action(http_action, claims.action)
    framed = Framed(frame, values, body, payload, promised)
    return Envelope(wire=wire, profile="soap-gw-1", claims=claims, parsed=framed, soap=version)


def _nodes(root: Element) -> int:
    return int(root.xpath("count(//node())"))


def _claims(said: dict[str, str]) -> Claims:
    """The claims of a head by the rules of the envelope desk. Raises AddressingInvalid."""
    for text in said.values():
        if not 0 < len(text) <= _LONGEST:
            raise AddressingInvalid("empty or too long", threat="S4")
    receiver, conversation, relates_to = said.get("Receiver"), said.get("ConversationID"), said.get("RelatesTo")
    return Claims(
        message_id=addressing.message_id(said["MessageID"]),
        action=said["Action"],
        to=said["To"],
        sender=addressing.partner_of(said["From"]),
        receiver=addressing.partner_id(receiver) if receiver else None,
        conversation_id=addressing.message_id(conversation) if conversation else "",
        relates_to=addressing.message_id(relates_to) if relates_to else None,
        reply_to=said.get("ReplyTo") or WSA_ANONYMOUS,
    )


def _verify(envelope: Envelope, framed: Framed, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    frame, values = framed.frame, framed.values
    text = values[frame.token]
    token = token_of(text)
    partner, key = bind(token.der, envelope.claims.sender, partners, at, sha256=token.sha256)
    keep_token(text, token)
    allowed(frame.algorithm, frame.methods, partner)
    value = strict_octets(values[frame.value], SealInvalid("SignatureValue is not base64", threat="W7"))
    check_octets(frame.algorithm, key, value, frame.signed_info.fill(values))
    body = octets_of(framed.body, frame.body_prefixes)
    references = _digested(frame, values, body)
    if may_have_ids(body):
        raise SealInvalid("ids inside the Body", threat="W2")
    no_security_below(framed.body, body)
    payload = payload_octets(framed.body, framed.payload, body)
    claims = _timed(envelope.claims, values[frame.created], values[frame.expires])
    frames.used(partner.id)
    return Verified(
        wire=envelope.wire,
        profile="soap-gw-1",
        claims=claims,
        partner=partner,
        certificate=token.sha256,
        algorithm=frame.algorithm,
        references=references,
        payload=payload,
        content_digest=content_digest(claims, payload),
        soap=envelope.soap,
        payload_at=(1, 0),
    )


def _digested(frame: Frame, values: Values, body: bytes) -> tuple[Reference, ...]:
    """Every reference of the frame, each found to be that of its part. Raises SealBroken (W9)."""
    found = []
    for part in frame.parts:
        octets = body if part.form is None else part.form.fill(values)
        digest = b2a_base64(DIGESTS[part.algorithm](octets).digest(), newline=False)
        value = values[part.digest]
        if digest != value and digest != b"".join(value.split()):
            raise SealBroken(f"digest of {part.name} differs", threat="W9")
        named = part.label or "#" + part.id.fill(values).decode()
        found.append(_reference(named, part.uri, digest))
    return tuple(found)


@lru_cache(maxsize=4096)
def _reference(part: str, uri: str, digest: bytes) -> Reference:
    """Addresses, actions and tokens repeat from message to message, and so do their references."""
    return Reference(part=part, algorithm=uri, digest=digest.decode())


def _timed(claims: Claims, created: bytes, expires: bytes) -> Claims:
    return Claims(
        message_id=claims.message_id,
        action=claims.action,
        to=claims.to,
        sender=claims.sender,
        receiver=claims.receiver,
        conversation_id=claims.conversation_id,
        relates_to=claims.relates_to,
        reply_to=claims.reply_to,
        created_at=instant(created.decode().strip(_SPACE)),
        expires_at=instant(expires.decode().strip(_SPACE)),
    )
