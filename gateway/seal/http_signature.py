"""The seal of profile rest-gw-1: an HTTP message signature that covers method, target, digest and every `gw-` header.

Sources: RFC 9421 (sections 2.4, 3, 7), RFC 9530. Label `gw`, tag `gw-1`, keyid = x5t#S256 of the signer's certificate.
There is no JWS profile: a message without these two headers is not sealed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from gateway.envelope import rest
from gateway.errors import PartnerUnknown, SealExpired, SealInvalid, WeakAlgorithm
from gateway.model import Claims, Envelope, MessageId, Partner, PartnerId, Reference, Sealed, Verified, Wire
from gateway.seal import http_fields as fields
from gateway.seal import keys, trust
from gateway.seal.http_fields import CONTENT_DIGEST, Component, HttpSignature

LABEL: Final = "gw"
TAG: Final = "gw-1"
LIFETIME: Final = timedelta(seconds=300)
AHEAD: Final = timedelta(seconds=60)
CONTENT_TYPE: Final = "content-type"
TARGET: Final = ("@method", "@authority", "@path", "@query")
OF_REQUEST: Final = ("@method", "@path", CONTENT_DIGEST, rest.MESSAGE_ID)
_MANDATORY: Final = ("created", "expires", "nonce", "keyid", "tag")
_LONGEST_NONCE: Final = 200
_LATEST: Final = 253_402_300_799
"""The last second of year 9999: what a datetime can say."""


def verify_request(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """The claimed sender signed this request: method, target, body and every `gw-` header.

    `at` is the time of receipt, for the certificate's dates; how old the message is, `fresh` says. Raises SealInvalid
    (J4, J7, J9), SealBroken (A5, J8), WeakAlgorithm (A1-A4, A7), SealToken (C8), PartnerUnknown (C1-C6, C10, J2).
    """
    wire = envelope.wire
    return _prove(_covered(wire), (wire, None), envelope.claims, partners, at)


def verify_head(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """The claimed sender signed this head and the digest of a body that has not come and proves nothing yet.

    Raises as `verify_request`.
    """
    wire = envelope.wire
    signature = _covered(wire)
    return _prove(signature, (wire, None), envelope.claims, partners, at, come=False)


def verify_response(
    wire: Wire, request: Sealed, partner: Partner, at: datetime, *, url: str = "", method: str = "POST"
) -> Verified:
    """This partner signed this answer, and it answers this request of ours.

    `request` is what we sent to `url` (the partner's endpoint when empty) with `method`. `claims.relates_to` names our
    message. Raises as `verify_request`, also for an answer without a seal (S7).
    """
    asked = as_wire(request, url or partner.endpoint, method)
    signature = fields.read_signature(wire, LABEL)
    required: list[Component] = [("@status", False), (CONTENT_DIGEST, False)]
    _check_coverage(signature, required + [(name, True) for name in OF_REQUEST], wire)
    claims = _answer_claims(rest.gateway_fields(wire), request.message_id, partner.id)
    return _prove(signature, (wire, asked), claims, {partner.id: partner}, at)


def fresh(verified: Verified, now: datetime, window: timedelta = LIFETIME, skew: timedelta = AHEAD) -> None:
    """The seal was made at most `window` ago, at most `skew` ahead, not run out. Raises SealExpired (J7, R4)."""
    created, expires = verified.claims.created_at, verified.claims.expires_at
    if created is None or expires is None:
        raise SealExpired("the seal says no time", threat="J7")
    if not timedelta(0) < expires - created <= window:
        raise SealExpired("expires must follow created within the agreed window", threat="R4")
    if created - now > skew:
        raise SealExpired("the seal is from the future", threat="J7")
    if now - created > window or now >= expires:
        raise SealExpired("the seal is too old", threat="J7")


def _covered(wire: Wire) -> HttpSignature:
    """The signature of a request, over all that a request must have signed."""
    signature = fields.read_signature(wire, LABEL)
    required = (*TARGET, CONTENT_DIGEST, rest.MESSAGE_ID, rest.PARTNER)
    _check_coverage(signature, [(name, False) for name in required], wire)
    return signature


def _check_coverage(signature: HttpSignature, required: list[Component], wire: Wire) -> None:
    """Every part that means something is covered: the required ones, a body's type, and each `gw-` header sent."""
    wanted = set(required) | {(name, False) for name in rest.gateway_fields(wire)}
    if wire.size or wire.content_type:
        wanted.add((CONTENT_TYPE, False))
    missing = sorted(name for name, _ in wanted.difference(signature.components))
    if missing:
        raise SealInvalid(f"not covered by the signature: {', '.join(missing)}", threat="J7")
    absent = [name for name in _MANDATORY if name not in signature.parameters]
    if absent or signature.parameters["tag"] != TAG:
        raise SealInvalid(f"signature parameters missing or of another tag: {', '.join(absent)}", threat="J7")
    if not 0 < len(str(signature.parameters["nonce"])) <= _LONGEST_NONCE:
        raise SealInvalid("the nonce is empty or too long", threat="J7")


def _prove(
    signature: HttpSignature,
    exchange: tuple[Wire, Wire | None],
    claims: Claims,
    partners: Mapping[PartnerId, Partner],
    at: datetime,
    *,
    come: bool = True,
) -> Verified:
    wire, request = exchange
    certificate = _certificate(str(signature.parameters["keyid"]), claims.sender, partners)
    partner, key = trust.bind(certificate, claims.sender, partners, at)
    algorithm = _algorithm(signature.parameters.get("alg"), partner, key)
    base = fields.signature_base(signature, wire, request)
    keys.verify_octets(algorithm, key, signature.value, base)
    said = fields.check_content_digest if come else _announced
    digests = said(wire, partner.digests)
    return Verified(
        wire=wire,
        profile="rest-gw-1",
        claims=_timed(claims, signature.parameters),
        partner=partner,
        certificate=hashlib.sha256(certificate).hexdigest(),
        algorithm=algorithm,
        references=references(digests, base),
        payload=wire.body,
        content_digest=_content_digest(wire, request),
        large=wire.large,
    )


def _announced(wire: Wire, allowed: frozenset[str]) -> tuple[tuple[str, bytes], ...]:
    return tuple((fields.DIGESTS[key], value) for key, value in fields.read_content_digest(wire, allowed).items())


def _certificate(keyid: str, claimed: PartnerId, partners: Mapping[PartnerId, Partner]) -> bytes:
    """The registered certificate that keyid names, looked up by value: nothing is fetched or opened (J2)."""
    mine = partners.get(claimed)
    if mine is None:
        raise PartnerUnknown("the claimed sender is not a partner", threat="C1")
    for partner in (mine, *partners.values()):
        for entry in partner.certificates:
            if fields.base64url(bytes.fromhex(entry.sha256)) == keyid:
                return entry.der
    raise PartnerUnknown("keyid names no registered certificate", threat="J2")


def _algorithm(named: int | str | None, partner: Partner, key: keys.PublicKey) -> str:
    """The one algorithm that key, partner's record and parameter `alg` agree on (J1, A4, A7)."""
    if named is not None and named not in keys.HTTP_SIGNATURE:
        raise WeakAlgorithm(f"algorithm {str(named)[:40]!r} is not accepted", threat="A1")
    possible = keys.http_names(key)
    if named is not None and named not in possible:
        raise WeakAlgorithm("the algorithm is not one of this key", threat="A4")
    shorts = [keys.HTTP_SIGNATURE[name] for name in possible if named in (None, name)]
    agreed = [short for short in shorts if short in partner.algorithms]
    if len(agreed) != 1:
        raise WeakAlgorithm("the algorithm is not the one agreed with this partner", threat="A7")
    return agreed[0]


def _timed(claims: Claims, parameters: Mapping[str, int | str]) -> Claims:
    seconds = [int(parameters[name]) for name in ("created", "expires")]
    if not all(0 <= value <= _LATEST for value in seconds):
        raise SealInvalid("created or expires is not a time", threat="R4")
    created, expires = (datetime.fromtimestamp(value, UTC) for value in seconds)
    return replace(claims, created_at=created, expires_at=expires)


def references(digests: Iterable[tuple[str, bytes]], base: bytes) -> tuple[Reference, ...]:
    """What a receipt repeats: each digest of the body, and that of the signature base, which binds all the rest."""
    parts = [(CONTENT_DIGEST, name, value) for name, value in digests]
    parts.append(("signature-base", "sha256", hashlib.sha256(base).digest()))
    return tuple(
        Reference(part=part, algorithm=keys.XMLDSIG_DIGEST_URI[name], digest=base64.b64encode(value).decode())
        for part, name, value in parts
    )


def _content_digest(wire: Wire, request: Wire | None) -> str:
    """Of what makes a message this message: body, method, target, `gw-` headers; not of times, nonce or signature."""
    source = request or wire
    lines = [wire.digest, str(wire.status or ""), source.method, source.target]
    lines += [f"{name}: {value}" for name, value in sorted(rest.gateway_fields(wire).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _answer_claims(gw: Mapping[str, str], asked: MessageId, partner: PartnerId) -> Claims:
    if gw.get(rest.PARTNER, partner) != partner:
        raise PartnerUnknown("the answer names another party", threat="C6")
    return Claims(
        message_id=MessageId(gw.get(rest.MESSAGE_ID, "")),
        action=rest.read_action(gw[rest.ACTION_NAME]) if rest.ACTION_NAME in gw else "",
        to="",
        sender=partner,
        receiver=PartnerId(gw[rest.RECEIVER]) if rest.RECEIVER in gw else None,
        conversation_id=gw.get(rest.CONVERSATION_ID, ""),
        relates_to=MessageId(gw.get(rest.RELATES_TO, asked)),
    )


def as_wire(sealed: Sealed, url: str, method: str) -> Wire:
    """What leaves, seen as the other side sees it. A default port is left out (RFC 9421 2.2.3)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    host = host.removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, ""))
    query = f"?{parts.query}" if parts.query else ""
    return Wire(
        body=sealed.body, content_type=sealed.content_type, peer="", received_at=datetime.min.replace(tzinfo=UTC),
        method=method, authority=host, target=(parts.path or "/") + query, headers=sealed.headers,
        large=sealed.large,
    )  # fmt: skip
