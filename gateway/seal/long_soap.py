"""Opens and verifies a SOAP envelope that is too long for a tree: its head as any other, its Body while it is read.

The head is all that comes before the content of the document; it holds the signature and, in it, the digest of the
Body. So the sender is proven before the Body is here (`verify_head`), and the Body when it is (`verify_whole`). Only
what the streaming pass proves goes on: the octets of the document as they stand in the Body.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import BinaryIO, Final
from xml.parsers import expat

from gateway.envelope.addressing import content_digest_of
from gateway.envelope.soap import Parts, media_type, read_soap
from gateway.errors import EnvelopeMalformed, InternalError, SealBroken, SealInvalid
from gateway.joined import Stretch, joined
from gateway.model import Envelope, Large, Partner, PartnerId, Reference, Verified, Wire
from gateway.seal.body import Body, read_body, sha256_of
from gateway.seal.shape import ID, ids_of
from gateway.seal.soap import Signed, proven_parts, signed_by, timed
from gateway.seal.xmldsig import DIGESTS, Expected
from gateway.xml import parse

LONGEST_HEAD: Final = 65_536
"""Octets in which the start tag of the document ends."""
_TAG = re.compile(rb"<([^\s<>/=\"']+)(?:\s+[^\s<>/=\"']+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*\s*/?>")


def open_long(wire: Wire) -> Envelope:
    """As `gateway.envelope.soap.open_soap`, from the first `LONGEST_HEAD` octets. Raises as that does."""
    promised = media_type(wire)
    head = _head(_first(wire))
    envelope = read_soap(replace(wire, body=head, large=None), parse(head), promised)
    return replace(envelope, wire=wire)


def verify_head(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """The claimed sender signed this head and the digest of a Body that has not come and proves nothing yet.

    Raises as `gateway.seal.soap.verify_soap`.
    """
    parts = _parts(envelope)
    signed = signed_by(envelope, parts, partners, at)
    return _verified(envelope, parts, signed, _references(signed, parts), None)


def verify_whole(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """The claimed sender signed all of it; `large` of what is proven is the document. Raises as `verify_head`."""
    parts = _parts(envelope)
    signed = signed_by(envelope, parts, partners, at)
    references = _references(signed, parts)
    (expected, value), large = _of_body(signed, parts), _large(envelope.wire)
    with closing(_open(large)) as source:
        body = read_body(source, expected.prefixes, DIGESTS[expected.algorithm], frozenset(filter(None, ids_of(parts))))
    if base64.b64encode(body.digest) != _plain(value):
        raise SealBroken("digest of Body differs", threat="W9")
    return _verified(envelope, parts, signed, references, body)


def _verified(
    envelope: Envelope, parts: Parts, signed: Signed, references: tuple[Reference, ...], body: Body | None
) -> Verified:
    claims = timed(envelope.claims, signed.timestamp)
    return Verified(
        wire=envelope.wire,
        profile="soap-gw-1",
        claims=claims,
        partner=signed.partner,
        certificate=signed.certificate,
        algorithm=signed.shape.algorithm,
        references=references,
        payload=b"",
        content_digest=content_digest_of(claims, body.payload) if body else "",
        soap=envelope.soap,
        payload_at=parts.payload_at,
        large=_document(_large(envelope.wire), body) if body else None,
    )


def _document(large: Large, body: Body) -> Large:
    """The document as a stretch of what came."""
    assert large.source is not None  # noqa: S101 - it was read from there
    found = replace(large, at=body.at, size=body.size, begins=body.begins, source=partial(_stretch, large, body))
    with closing(_open(found)) as source:
        return replace(found, digests={"sha256": sha256_of(source)})


def _stretch(large: Large, body: Body) -> BinaryIO:
    return joined(Stretch(_open(large), body.at, body.size))


# --- what the head says -----------------------------------------------------------------------------------------------
def _of_body(signed: Signed, parts: Parts) -> tuple[Expected, bytes]:
    """The one reference to the Body and its digest as written. Raises SealBroken (W4), SealInvalid (W5)."""
    pairs = zip(signed.shape.references, signed.shape.digests, strict=True)
    found = [pair for pair in pairs if pair[0].part == parts.body.get(ID)]
    if not found:
        raise SealBroken("required part unsigned: Body", threat="W4")
    if len(found) > 1:
        raise SealInvalid("Body is referenced twice", threat="W5")
    return found[0]


def _references(signed: Signed, parts: Parts) -> tuple[Reference, ...]:
    """What is signed, in its order: every part of the head is proven here, the Body only told."""
    body, told = _of_body(signed, parts)
    shape = signed.shape
    others = [pair for pair in zip(shape.references, shape.digests, strict=True) if pair[0] is not body]
    head = replace(shape, references=tuple(one for one, _ in others), digests=tuple(one for _, one in others))
    named = {part: one for part, one in signed.named.items() if part != body.part}
    proven = proven_parts(replace(signed, shape=head, named=named))
    by_part = {reference.part: reference for reference, _ in proven.values()}
    by_part["#" + body.part] = Reference(part="#" + body.part, algorithm=body.uri, digest=_plain(told).decode())
    return tuple(by_part["#" + one.part] for one in shape.references)


def _plain(value: bytes) -> bytes:
    """A digest value without white space."""
    return b"".join(value.replace(b"&#xD;", b"").split())


def _parts(envelope: Envelope) -> Parts:
    if not isinstance(envelope.parsed, Parts):
        raise SealInvalid("not a SOAP envelope")
    return envelope.parsed


# --- where the head ends ----------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Tags:
    """Where the start tags of Envelope, Body and document begin."""

    found: list[int]
    depth: int = 0
    child: int = 0


def _head(octets: bytes) -> bytes:
    """The envelope with a document of nothing but its start tag; what the parser says of it is true of the whole.

    Raises EnvelopeMalformed where Envelope, Body and document do not all begin in these octets.
    """
    tags = [_TAG.match(octets, at) for at in _starts(octets)]
    if len(tags) != 3 or None in tags:  # noqa: PLR2004 - Envelope, Body, document
        raise EnvelopeMalformed(
            f"the document of a long envelope begins in its first {LONGEST_HEAD} octets", threat="W3"
        )
    envelope, body, document = (tag for tag in tags if tag is not None)
    start = octets[: document.end()].removesuffix(b">").removesuffix(b"/")
    return start + b"/></" + body[1] + b"></" + envelope[1] + b">"


def _starts(octets: bytes) -> list[int]:
    tags = _Tags([])
    parser = expat.ParserCreate()

    def start(_name: str, _attributes: dict[str, str]) -> None:
        tags.depth += 1
        tags.child += tags.depth == 2  # noqa: PLR2004 - Header, then Body
        if tags.depth == 1 or (tags.child == 2 and len(tags.found) == tags.depth - 1):  # noqa: PLR2004
            tags.found.append(parser.CurrentByteIndex)

    def end(_name: str) -> None:
        tags.depth -= 1

    def doctype(*_told: object) -> None:
        raise EnvelopeMalformed("a document type declaration is not accepted", threat="X1")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(octets, False)
    except expat.ExpatError as error:
        if len(tags.found) < 3:  # noqa: PLR2004 - else it is behind the head
            reason = (
                f"not well-formed at line {error.lineno}, column {error.offset + 1}: {expat.ErrorString(error.code)}"
            )
            raise EnvelopeMalformed(reason, threat="X8") from None
    return tags.found[:3]


def _first(wire: Wire) -> bytes:
    with closing(_open(_large(wire))) as source:
        return source.read(LONGEST_HEAD)


def _large(wire: Wire) -> Large:
    if wire.large is None:
        raise InternalError("not a long message")
    return wire.large


def _open(large: Large) -> BinaryIO:
    if large.source is None:
        raise InternalError("a long message that is not at hand")
    return large.source()
