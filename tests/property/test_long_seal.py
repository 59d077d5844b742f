"""An envelope read in a stream is proven or refused as one read as a tree; what is proven is the same document."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.envelope.soap import open_soap
from gateway.errors import GatewayError
from gateway.model import SOAP11, SOAP12, Large, Verified, Wire
from gateway.seal.long_soap import open_long, verify_head, verify_whole
from gateway.seal.soap import verify_soap
from gateway.seal.soap_sign import seal_long_soap
from gateway.xml import canonical, parse
from tests.desk import query
from tests.forge import reseal
from tests.oracles import by_xmlsec
from tests.pki import NOW
from tests.property.test_canonical_streamed import elements
from tests.soap import CLAIMS, party, sealed, wired
from tests.wrapping import PARTS, forged_seals, harmless, wrapped_messages

EVERY = 7
"""One mutation in so many is tried here; all of them are in `test_wrapping`."""
STRICTER = {"S6": "declares its namespaces itself", "X5": "too many ids", "W2": "an id stands twice"}
"""What only a long envelope is refused for."""


def _listed() -> Wire:
    root = etree.fromstring(query(party("p256")).body)
    reseal(root, prefixes={"#id-body": "#default env", "#id-to": "env wsu"}, info_prefixes="env wsse")
    return replace(wired(query(party("p256"))), body=etree.tostring(root))


SOURCES: dict[str, tuple[str, Callable[[], Wire]]] = {
    "ours, SOAP 1.2": ("p256", lambda: wired(query(party("p256")))),
    "ours, SOAP 1.1": ("p256", lambda: wired(query(party("p256"), soap=SOAP11))),
    "other letters": ("p256", lambda: wired(sealed())),
    "prefix lists": ("p256", _listed),
    "sealed by libxmlsec": ("rsa2048", lambda: by_xmlsec("rsa2048", prefixes="env wsu")),
}
Said = Verified | tuple[str, str]


def _said(desks: Callable[[], Verified]) -> Said:
    try:
        return desks()
    except GatewayError as refusal:
        return refusal.threat, refusal.detail


def as_tree(wire: Wire, kind: str) -> Said:
    """What the usual way says."""
    return _said(lambda: verify_soap(open_soap(wire), party(kind).partners, NOW))


def as_stream(wire: Wire, kind: str) -> Said:
    """What the way of long messages says."""
    long = lengthened(wire)
    return _said(lambda: verify_whole(open_long(long), party(kind).partners, NOW))


def lengthened(wire: Wire) -> Wire:
    """The same message as one that lies on the spool."""
    octets = wire.body
    large = Large(size=len(octets), digests={"sha256": wire.digest}, source=lambda: BytesIO(octets))
    return replace(wire, body=b"", large=large)


def same(tree: Said, stream: Said, wire: Wire, name: str) -> str:
    """`read`, `refused` or `stricter`; anything else fails."""
    if isinstance(tree, tuple):
        assert isinstance(stream, tuple), f"{name}: a tree is refused by {tree}, a stream is read"
        return "refused"
    if isinstance(stream, tuple):
        threat, detail = stream
        assert threat in STRICTER and STRICTER[threat] in detail, f"{name}: only the stream is refused, by {stream}"
        return "stricter"
    assert (stream.claims, stream.references, stream.partner) == (tree.claims, tree.references, tree.partner), name
    assert stream.content_digest == tree.content_digest, name
    found = stream.large
    assert found is not None and found.source is not None
    with closing(found.source()) as source:
        document = source.read()
    assert document == wire.body[found.at : found.at + found.size]
    assert canonical(parse(document)) == tree.payload, name
    before = wire.body[: found.at].decode()
    assert found.begins == (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
    return "read"


@pytest.mark.parametrize("source", SOURCES)
def test_the_original_is_read(source: str) -> None:
    """By whoever sealed it; and its head alone tells who sends it and what the Body must be."""
    kind, make = SOURCES[source]
    wire = make()
    assert same(as_tree(wire, kind), as_stream(wire, kind), wire, source) == "read"
    head = verify_head(open_long(lengthened(wire)), party(kind).partners, NOW)
    whole = verify_whole(open_long(lengthened(wire)), party(kind).partners, NOW)
    assert (head.references, head.claims, head.large) == (whole.references, whole.claims, None)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("source", ["ours, SOAP 1.2", "prefix lists", "sealed by libxmlsec"])
def test_no_wrapping_makes_a_difference(source: str, part: str) -> None:
    """What is refused as a tree is refused as a stream, and the other way round."""
    kind, make = SOURCES[source]
    original, seen = make(), Counter[str]()
    for name, body in islice(wrapped_messages(original.body, part), len(source) % EVERY, None, EVERY):
        wire = replace(original, body=body)
        seen[same(as_tree(wire, kind), as_stream(wire, kind), wire, f"{source}, {name}")] += 1
    assert seen["refused"]


def test_neither_do_forged_seals_and_harmless_changes() -> None:
    """Seals of strangers, and what only travels badly."""
    original, seen = wired(query(party("p256"))), Counter[str]()
    for name, body in (*forged_seals(original.body), *harmless(original.body)):
        wire = replace(original, body=body)
        seen[same(as_tree(wire, "p256"), as_stream(wire, "p256"), wire, name)] += 1
    assert seen["refused"] and seen["read"], seen


PIECES = st.sampled_from(
    [b"<", b">", b"&", b'"', b"/", b"<!-- -->", b"<![CDATA[", b"]]>", b"<?x?>", b"&#13;", b"&lt;", b"\x00", b"\xff",
     b" ", b"\r\n", b' Id="id-body"', b' xml:id="id-to"', b"<!DOCTYPE a>", b' xmlns:env="urn:x"', b"<x/>", b"env:",
     b"=", b"\t", b' xmlns=""', b"</env:Body>", b"<env:Body>", b"<ds:Object/>", b"\xd2\x9a"]
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(list(SOURCES)), st.integers(0, 10_000), st.integers(0, 12), PIECES)
def test_no_change_makes_a_difference(source: str, at: int, less: int, more: bytes) -> None:
    """Anything put in at any place, with or without what stood there: the two ways agree."""
    kind, make = SOURCES[source]
    original = ORIGINALS.setdefault(source, make())
    at %= len(original.body)
    wire = replace(original, body=original.body[:at] + more + original.body[at + less :])
    same(as_tree(wire, kind), as_stream(wire, kind), wire, f"{source}, {more!r} at {at} for {less}")


ORIGINALS: dict[str, Wire] = {}


@settings(max_examples=300, deadline=None)
@given(
    elements(),
    st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>\n', "<!-- before -->\n  "]),
    st.sampled_from(["", "\n", "<!-- after -->"]),
    st.sampled_from([SOAP11, SOAP12]),
)
def test_a_long_document_is_sealed_as_a_short_one(document: str, before: str, after: str, soap: str) -> None:
    """The same parts are signed; what leaves is the document as it is, and is read as any other."""
    document = document.replace("Id=", "m=")  # an id twice is refused, and that is another matter
    octets = f"{before}{document}{after}".encode()
    who, large = party("p256"), Large(size=len(octets), digests={"sha256": hashlib.sha256(octets).hexdigest()})
    long = seal_long_soap(large, BytesIO(octets), CLAIMS, who.signer.own_key(who.algorithm), NOW, soap=soap)
    assert long.large is not None
    mine = octets[long.large.at : long.large.at + long.large.size]
    assert mine == document.encode()
    assert long.large.digests == {"sha256": hashlib.sha256(mine).hexdigest()}
    short = sealed(payload=canonical(parse(octets)), soap=soap)
    assert (long.references, long.headers, long.content_type) == (short.references, short.headers, short.content_type)
    wire = wired(long, long.body[: long.split] + mine + long.body[long.split :])
    read = as_tree(wire, "p256")
    assert isinstance(read, Verified), read
    assert read.payload == as_tree(wired(short), "p256").payload  # type: ignore[union-attr]
