"""Where the seal of an envelope and the parts it must cover stand, and that nothing in the Body can stand for them.

By position, as the envelope desk found them; ids are only compared, never looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from gateway.envelope.soap import Parts
from gateway.errors import SealBroken, SealInvalid, SealToken, WeakAlgorithm
from gateway.model import DS, WSSE, WSU
from gateway.xml import Element, canonical, tag_of

ID: Final = f"{{{WSU}}}Id"
_TOKEN, _STAMP, _SIGNATURE = f"{{{WSSE}}}BinarySecurityToken", f"{{{WSU}}}Timestamp", f"{{{DS}}}Signature"
_IDS = etree.XPath(".//@wsu:Id | .//@Id | .//@ID | .//@xml:id", namespaces={"wsu": WSU}, smart_strings=False)
_SECURITY_TAGS: Final = (_SIGNATURE, f"{{{DS}}}Manifest", f"{{{DS}}}Object", f"{{{WSSE}}}Security")
_ID_ATTRIBUTES: Final = frozenset({b" Id=", b":Id=", b" ID=", b":id="})
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


def security_of(parts: Parts) -> SecurityHeader:
    """The one Security header's children. Raises SealInvalid, SealToken, WeakAlgorithm (W5, C7, S8)."""
    if sum(1 for _ in parts.header.iter(*_SECURITY_TAGS)) != 2:  # noqa: PLR2004 - one Security, one Signature
        raise SealInvalid("more than one Security header, Signature, Object or Manifest", threat="W5")
    given = dict(parts.security.attrib)
    if given.pop(f"{{{etree.QName(parts.envelope).namespace}}}mustUnderstand", "") not in ("1", "true") or given:
        raise SealInvalid("Security needs mustUnderstand and no role", threat="W5")
    found = {tag_of(child): child for child in parts.security}
    names = [tag_of(child) for child in parts.security]
    if any(name.startswith(_ENCRYPTION) for name in names):
        raise WeakAlgorithm("XML Encryption is not agreed with anybody", threat="S8")
    if names.count(_TOKEN) > 1 or (_TOKEN not in names and _SIGNATURE in names):
        raise SealToken("exactly one BinarySecurityToken is accepted", threat="C7")
    if sorted(names) != sorted((_TOKEN, _STAMP, _SIGNATURE)) or names.index(_TOKEN) > names.index(_SIGNATURE):
        raise SealInvalid("Security holds BinarySecurityToken, Timestamp and Signature, token first", threat="W5")
    return SecurityHeader(found[_TOKEN], found[_STAMP], found[_SIGNATURE])


def ids_of(parts: Parts) -> list[str | None]:
    """Every id attribute of the Header and of the Body itself, whatever its name."""
    return [*_IDS(parts.header), parts.body.get(ID)]


def named_parts(parts: Parts, security: SecurityHeader) -> dict[str, tuple[str, Element]]:
    """Every part the profile wants signed, by its id. Ids must be unique over all id attributes of the message."""
    ids = ids_of(parts)
    if len(ids) != len(set(ids)):
        raise SealInvalid("an id stands twice", threat="W2")
    wanted = {
        "Body": parts.body, "Timestamp": security.timestamp, "BinarySecurityToken": security.token, **parts.headers,
    }  # fmt: skip
    unnamed = [name for name, element in wanted.items() if element.get(ID) is None]
    if unnamed:
        raise SealBroken(f"required part unsigned: {', '.join(unnamed)}", threat="W4")
    return {element.get(ID, ""): (name, element) for name, element in wanted.items()}


def no_second_meaning(envelope: Element, body: Element, octets: bytes) -> None:
    """Nothing in the Body repeats an id or is a security element, so no other verifier can read it differently.

    `octets` is the Body in canonical form: it shows every id attribute as ` name="` and declares every namespace in
    use. Where these searches find nothing there is nothing, and the tree is walked only where they do. The Body's own
    start tag is not searched. Raises SealInvalid (W2, W5).
    """
    if may_have_ids(octets):
        ids = _IDS(envelope)
        if len(ids) != len(set(ids)):
            raise SealInvalid("an id stands twice", threat="W2")
    no_security_below(body, octets)


def no_security_below(body: Element, octets: bytes) -> None:
    """No signature and no security element inside the Body, of which `octets` is the canonical form (W5)."""
    if any(namespace in octets for namespace in _SECURITY_NAMESPACES) and any(True for _ in body.iter(*_SECURITY_TAGS)):
        raise SealInvalid("a signature or security element inside the Body", threat="W5")


def may_have_ids(octets: bytes) -> bool:
    """False when nothing below a start tag, in canonical form, has an id attribute of any name."""
    ends = {piece[-4:] for piece in octets[octets.index(b">") :].split(b'"')}
    return not ends.isdisjoint(_ID_ATTRIBUTES)


def payload_octets(body: Element, payload: Element, octets: bytes) -> bytes:
    """The payload's own canonical octets, cut from the digested Body where that is the same thing.

    It is when the Body's start tag declares its own two prefixes and no more. A payload that leans on one of these two
    is then not well-formed by itself and is refused when it is parsed: no document of ours is in those namespaces. A
    Fault, which an answer may hold, is, and is never cut.
    """
    match = _START_TAG.match(octets)
    fault = tag_of(payload).partition("}")[0] == tag_of(body).partition("}")[0]
    if match is None or fault or match[1] not in (match[2], match[3]):
        return canonical(payload)
    return octets[match.end() : octets.rindex(b"</")].strip(b" \t\r\n")
