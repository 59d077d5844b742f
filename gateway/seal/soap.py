"""Verifies the seal of a soap-gw-1 envelope: who signed exactly which parts.

WSS 1.1.1 X.509 Token Profile; all parts of the profile must be covered, each found by position, and only they are
handed on. Order: shape (cheap), token and partner, signature value, digests, so that a hostile message stays cheap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.envelope.addressing import content_digest, instant
from gateway.envelope.soap import Parts
from gateway.errors import SealBroken, SealExpired, SealInvalid, SealToken, WeakAlgorithm
from gateway.model import BASE64, WSU, X509V3, Claims, Envelope, Partner, PartnerId, Reference, Verified
from gateway.seal.keys import verify_octets
from gateway.seal.shape import ID, named_parts, no_second_meaning, payload_octets, security_of
from gateway.seal.trust import bind
from gateway.seal.xmldsig import SignatureShape, check_digests, read_signature, strict_base64, strict_octets
from gateway.xml import Element, tag_of, text_of

WINDOW: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=60)
_MOST_TOKENS: Final = 1024
_LONGEST_KEPT: Final = 16_384


@dataclass(frozen=True, slots=True)
class Token:
    """The certificate in a BinarySecurityToken, DER, and its SHA-256."""

    der: bytes
    sha256: str


_tokens: dict[bytes, Token] = {}
"""Tokens of registered partners by their text, so that they are decoded once."""


def verify_soap(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """Prove who signed this envelope and that every part of the profile is covered.

    `at` is the time of receipt. Freshness is a question of its own: see `fresh`. Raises the SealError family.
    """
    parts = envelope.parsed
    if not isinstance(parts, Parts):
        raise SealInvalid("not a SOAP envelope")
    signed = signed_by(envelope, parts, partners, at)
    proven = proven_parts(signed)
    no_second_meaning(parts.envelope, parts.body, proven["Body"][1])
    claims = timed(envelope.claims, signed.timestamp)
    payload = payload_octets(parts.body, parts.payload, proven["Body"][1])
    return Verified(
        wire=envelope.wire,
        profile="soap-gw-1",
        claims=claims,
        partner=signed.partner,
        certificate=signed.certificate,
        algorithm=signed.shape.algorithm,
        references=tuple(reference for reference, _ in proven.values()),
        payload=payload,
        content_digest=content_digest(claims, payload),
        soap=envelope.soap,
        payload_at=parts.payload_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A SignedInfo that a partner signed, and what its digests must be of."""

    partner: Partner
    certificate: str
    shape: SignatureShape
    named: dict[str, tuple[str, Element]]
    """Id -> (name, element) of every part that the profile wants."""
    timestamp: Element


def signed_by(envelope: Envelope, parts: Parts, partners: Mapping[PartnerId, Partner], at: datetime) -> Signed:
    """Who signed the SignedInfo of this head; not yet, of what its digests are. Raises the SealError family."""
    security = security_of(parts)
    named = named_parts(parts, security)
    shape = read_signature(security.signature)
    certificate = _token(security.token, shape)
    partner, public_key = bind(certificate.der, envelope.claims.sender, partners, at, sha256=certificate.sha256)
    allowed(shape.algorithm, {expected.algorithm for expected in shape.references}, partner)
    verify_octets(shape.algorithm, public_key, shape.value, shape.octets)
    return Signed(
        partner=partner, certificate=certificate.sha256, shape=shape, named=named, timestamp=security.timestamp
    )


def proven_parts(signed: Signed) -> dict[str, tuple[Reference, bytes]]:
    """Every wanted part by its name: its reference and canonical octets, of which that is the digest.

    Raises SealBroken for a digest that differs (W9) and for a part that nothing refers to (W4).
    """
    proven = check_digests(signed.shape, signed.named)
    missing = {name for name, _ in signed.named.values()} - proven.keys()
    if missing:
        raise SealBroken(f"required part unsigned: {', '.join(sorted(missing))}", threat="W4")
    return proven


def fresh(verified: Verified, now: datetime, window: timedelta = WINDOW, skew: timedelta = SKEW) -> None:
    """The message is of now: created at most `skew` ahead, not expired, its window at most `window` (threat R4)."""
    created, expires = verified.claims.created_at, verified.claims.expires_at
    if created is None or expires is None:
        raise SealExpired("no creation or expiry time", threat="R4")
    if expires <= created or expires - created > window:
        raise SealExpired(f"the window from created to expires must be above 0 and at most {window}", threat="R4")
    if created > now + skew:
        raise SealExpired("created in the future", threat="R4")
    if expires <= now:
        raise SealExpired("expired", threat="R4")


def _token(token: Element, shape: SignatureShape) -> Token:
    if token.get("ValueType") != X509V3 or token.get("EncodingType", BASE64) != BASE64:
        raise SealToken("the BinarySecurityToken is not an X.509 v3 certificate in base64", threat="C7")
    if token.get(ID) != shape.token_id:
        raise SealToken("KeyInfo points to another token", threat="C7")
    der = strict_base64(token, SealToken("the BinarySecurityToken is not base64", threat="C8"))
    return Token(der, hashlib.sha256(der).hexdigest())


def token_of(text: bytes) -> Token:
    """The certificate in the text of a token. Raises SealToken (C8)."""
    known = _tokens.get(text)
    if known is not None:
        return known
    der = strict_octets(text, SealToken("the BinarySecurityToken is not base64", threat="C8"))
    return Token(der, hashlib.sha256(der).hexdigest())


def keep_token(text: bytes, token: Token) -> None:
    """Remember the token of a registered partner, so that strangers cannot fill the memory."""
    if text not in _tokens and len(text) <= _LONGEST_KEPT:
        if len(_tokens) >= _MOST_TOKENS:
            _tokens.clear()
        _tokens[text] = token


def allowed(algorithm: str, methods: Set[str], partner: Partner) -> None:
    """The partner agreed to this signature algorithm and these digest methods. Raises WeakAlgorithm (A7)."""
    if algorithm not in partner.algorithms:
        raise WeakAlgorithm(f"{algorithm} is not agreed with {partner.id}", threat="A7")
    if not methods <= partner.digests:
        raise WeakAlgorithm(f"{', '.join(methods)} is not agreed with {partner.id}", threat="A7")


def timed(claims: Claims, timestamp: Element) -> Claims:
    """The claims with Created then Expires, and nothing else, of a Timestamp (BSP R3203, R3221, R3222, R3224)."""
    names = [tag_of(child) for child in timestamp]
    if names != [f"{{{WSU}}}Created", f"{{{WSU}}}Expires"] or any(len(child) for child in timestamp):
        raise SealInvalid("Timestamp holds exactly one Created and one Expires", threat="R4")
    created, expires = (instant(text_of(child).strip(" \t\r\n")) for child in timestamp)
    return replace(claims, created_at=created, expires_at=expires)
