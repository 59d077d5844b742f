"""Verifies the seal of a soap-gw-1 envelope: who signed exactly which parts.

WSS 1.1.1 X.509 Token Profile; all parts of the profile must be covered, each found by position, and only they are
handed on. Order: shape (cheap), token and partner, signature value, digests, so that a hostile message stays cheap.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from gateway.envelope.addressing import content_digest, instant
from gateway.envelope.soap import Parts
from gateway.errors import SealBroken, SealExpired, SealInvalid, SealToken, WeakAlgorithm
from gateway.model import BASE64, DS, WSSE, WSU, X509V3, Envelope, Partner, PartnerId, Verified
from gateway.seal.keys import verify_octets
from gateway.seal.trust import bind
from gateway.seal.xmldsig import SignatureShape, check_digests, read_signature, strict_base64
from gateway.xml import Element, canonical, tag_of, text_of

ID: Final = f"{{{WSU}}}Id"
WINDOW: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=60)
_IDS = etree.XPath(".//@wsu:Id | .//@Id | .//@ID | .//@xml:id", namespaces={"wsu": WSU}, smart_strings=False)
_SECURITY_TAGS: Final = (f"{{{DS}}}Signature", f"{{{DS}}}Manifest", f"{{{DS}}}Object", f"{{{WSSE}}}Security")
_ID_ATTRIBUTES: Final = (b'Id="', b' ID="', b':id="')
_ENCRYPTION: Final = "{http://www.w3.org/2001/04/xmlenc#"
_SECURITY_NAMESPACES: Final = (DS.encode(), WSSE.encode())
_XMLNS = rb' xmlns:([A-Za-z0-9_.-]+)="[^"]*"'
_START_TAG = re.compile(rb"<([A-Za-z0-9_.-]+):Body" + _XMLNS + _XMLNS + rb'(?: (?!xmlns)[^ =]+="[^"]*")*>')


@dataclass(frozen=True, slots=True)
class SecurityHeader:
    """The three children of a Security header."""

    token: Element
    timestamp: Element
    signature: Element


def verify_soap(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """Prove who signed this envelope and that every part of the profile is covered.

    `at` is the time of receipt. Freshness is a question of its own: see `fresh`. Raises the SealError family.
    """
    parts = envelope.parsed
    if not isinstance(parts, Parts):
        raise SealInvalid("not a SOAP envelope")
    security = _security(parts)
    named = _named_parts(parts, security)
    shape = read_signature(security.signature)
    certificate = _token(security.token, shape)
    partner, public_key = bind(certificate.der, envelope.claims.sender, partners, at)
    _allowed(shape, partner)
    verify_octets(shape.algorithm, public_key, shape.value, shape.octets)
    proven = check_digests(shape, named)
    missing = {name for name, _ in named.values()} - proven.keys()
    if missing:
        raise SealBroken(f"required part unsigned: {', '.join(sorted(missing))}", threat="W4")
    _no_second_meaning(parts, proven["Body"][1])
    created, expires = _timestamp(security.timestamp)
    claims = replace(envelope.claims, created_at=created, expires_at=expires)
    payload = _payload(parts, proven["Body"][1])
    return Verified(
        wire=envelope.wire,
        profile="soap-gw-1",
        claims=claims,
        partner=partner,
        certificate=certificate.sha256,
        algorithm=shape.algorithm,
        references=tuple(reference for reference, _ in proven.values()),
        payload=payload,
        content_digest=content_digest(claims, payload),
        soap=envelope.soap,
        payload_at=parts.payload_at,
    )


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


@dataclass(frozen=True, slots=True)
class _Token:
    der: bytes
    sha256: str


def _security(parts: Parts) -> SecurityHeader:
    if sum(1 for _ in parts.header.iter(*_SECURITY_TAGS)) != 2:  # noqa: PLR2004 - one Security, one Signature
        raise SealInvalid("more than one Security header, Signature, Object or Manifest", threat="W5")
    given = dict(parts.security.attrib)
    if given.pop(f"{{{etree.QName(parts.envelope).namespace}}}mustUnderstand", "") not in ("1", "true") or given:
        raise SealInvalid("Security needs mustUnderstand and no role", threat="W5")
    found = {tag_of(child): child for child in parts.security}
    names = [tag_of(child) for child in parts.security]
    if any(name.startswith(_ENCRYPTION) for name in names):
        raise WeakAlgorithm("XML Encryption is not agreed with anybody", threat="S8")
    token, stamp, signature = f"{{{WSSE}}}BinarySecurityToken", f"{{{WSU}}}Timestamp", f"{{{DS}}}Signature"
    if names.count(token) > 1 or (token not in names and signature in names):
        raise SealToken("exactly one BinarySecurityToken is accepted", threat="C7")
    if sorted(names) != sorted((token, stamp, signature)) or names.index(token) > names.index(signature):
        raise SealInvalid("Security holds BinarySecurityToken, Timestamp and Signature, token first", threat="W5")
    return SecurityHeader(found[token], found[stamp], found[signature])


def _named_parts(parts: Parts, security: SecurityHeader) -> dict[str, tuple[str, Element]]:
    """Every part the profile wants signed, by its id. Ids must be unique over all id attributes of the message."""
    ids = [*_IDS(parts.header), parts.body.get(ID)]
    if len(ids) != len(set(ids)):
        raise SealInvalid("an id stands twice", threat="W2")
    wanted = {
        "Body": parts.body, "Timestamp": security.timestamp, "BinarySecurityToken": security.token, **parts.headers,
    }  # fmt: skip
    unnamed = [name for name, element in wanted.items() if element.get(ID) is None]
    if unnamed:
        raise SealBroken(f"required part unsigned: {', '.join(unnamed)}", threat="W4")
    return {element.get(ID, ""): (name, element) for name, element in wanted.items()}


def _no_second_meaning(parts: Parts, body: bytes) -> None:
    """Nothing in the Body repeats an id or is a security element, so no other verifier can read it differently.

    Canonical octets show every id attribute as ` name="` and declare every namespace in use: where the searches find
    nothing there is nothing, and the tree is walked only where they do.
    """
    start = body.index(b">")
    if any(body.find(mark, start) >= 0 for mark in _ID_ATTRIBUTES):
        ids = _IDS(parts.envelope)
        if len(ids) != len(set(ids)):
            raise SealInvalid("an id stands twice", threat="W2")
    if any(namespace in body for namespace in _SECURITY_NAMESPACES) and any(
        True for _ in parts.body.iter(*_SECURITY_TAGS)
    ):
        raise SealInvalid("a signature or security element inside the Body", threat="W5")


def _token(token: Element, shape: SignatureShape) -> _Token:
    if token.get("ValueType") != X509V3 or token.get("EncodingType", BASE64) != BASE64:
        raise SealToken("the BinarySecurityToken is not an X.509 v3 certificate in base64", threat="C7")
    if token.get(ID) != shape.token_id:
        raise SealToken("KeyInfo points to another token", threat="C7")
    der = strict_base64(token, SealToken("the BinarySecurityToken is not base64", threat="C8"))
    return _Token(der, hashlib.sha256(der).hexdigest())


def _allowed(shape: SignatureShape, partner: Partner) -> None:
    if shape.algorithm not in partner.algorithms:
        raise WeakAlgorithm(f"{shape.algorithm} is not agreed with {partner.id}", threat="A7")
    methods = {expected.algorithm for expected in shape.references}
    if not methods <= partner.digests:
        raise WeakAlgorithm(f"{', '.join(methods)} is not agreed with {partner.id}", threat="A7")


def _timestamp(timestamp: Element) -> tuple[datetime, datetime]:
    """Created then Expires and nothing else (BSP R3203, R3221, R3222, R3224)."""
    names = [tag_of(child) for child in timestamp]
    if names != [f"{{{WSU}}}Created", f"{{{WSU}}}Expires"] or any(len(child) for child in timestamp):
        raise SealInvalid("Timestamp holds exactly one Created and one Expires", threat="R4")
    created, expires = (instant(text_of(child).strip(" \t\r\n")) for child in timestamp)
    return created, expires


def _payload(parts: Parts, body: bytes) -> bytes:
    """The payload's own canonical octets, cut from the digested Body where that is the same thing.

    It is when the Body's start tag declares its own two prefixes and no more. A payload that leans on one of these two
    is then not well-formed by itself and is refused when it is parsed: no document of ours is in those namespaces. A
    Fault, which an answer may hold, is, and is never cut.
    """
    match = _START_TAG.match(body)
    fault = tag_of(parts.payload).partition("}")[0] == tag_of(parts.body).partition("}")[0]
    if match is None or fault or match[1] not in (match[2], match[3]):
        return canonical(parts.payload)
    return body[match.end() : body.rindex(b"</")].strip(b" \t\r\n")
