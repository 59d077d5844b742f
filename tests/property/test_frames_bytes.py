"""Octets changed at random, then signed anew as a frame reads them: no frame says yes where the long way says no."""

from __future__ import annotations

import random
import re
from base64 import b64encode
from dataclasses import replace

import pytest
from lxml import etree

from gateway.errors import GatewayError
from gateway.model import SOAP11, SOAP12, WSA, Verified, Wire
from gateway.seal import frames
from gateway.seal.xmldsig import DIGESTS, octets_of
from gateway.xml import LIMITS, canonical, parse
from tests.forge import reseal
from tests.property.test_frames import SOURCES, by_frame, quick, slow
from tests.soap import party, sealed, wired

PIECES = [
    b"<", b">", b"&amp;", b"&#13;", b"&#10;", b"\r\n", b"\r", b"\n", b"\t", b'"', b"'", b"\x00", b"\x7f", b"\xff", b" ",
    b"\xef\xbb\xbf", b"<!-- -->", b"<?pi?>", b"<![CDATA[x]]>", b"<![CDATA[]]>", b"]]>", b' Id="a1"', b' xml:id="id-to"',
    b' wsu:Id="id-to"', b' xmlns="urn:x"', b' xmlns:wsu="urn:x"', b' xmlns:env="urn:x"', b"<x/>", b'<x xmlns="">',
    b"</env:Body>", b"</env:Body><env:Body>", b"</env:Header><env:Header>", b"\xe2\x80\xa8", b"\xc2\x85", b"\xc2\xa0",
    b"%", b"%b", b"slot0001", b"id-to", b"G-7f3a-to", b"a\nb1", b"&lt;", b"&x;", b"<!DOCTYPE a>", b"=", b"A", b"",
    b"\xed\xa0\x80", b"\xf0\xa0\xae\xb7",
]  # fmt: skip


def signed_by_frame(wire: Wire, kind: str) -> Wire | None:
    """With the digests and the signature that its sender would make who reads it as the frame does."""
    soap = SOAP11 if SOAP11.encode() in wire.body[:200] else SOAP12
    match = frames.known(wire.body, soap, answer=False)
    if match is None:
        return None
    frame, values, who = match.frame, list(match.values), party(kind)
    start = len(frame.start) + sum(map(len, values)) + sum(size for _, _, size in frame.rest)
    try:
        root = parse(match.without_header(wire.body))
    except GatewayError:
        return None
    for part in frame.parts:
        octets = octets_of(root[0], frame.body_prefixes) if part.form is None else part.form.fill(values)
        values[part.digest] = b64encode(DIGESTS[part.algorithm](octets).digest())
    values[frame.value] = b64encode(who.signer.own_key(who.algorithm).sign(frame.signed_info.fill(values)))
    head = b"".join(value + after for value, (_, after, _) in zip(values, frame.rest, strict=True))
    return replace(wire, body=frame.start + head + wire.body[start:])


def changed(dice: random.Random, octets: bytes, edges: list[int]) -> bytes:
    """A piece put in, a span left out or repeated, an octet replaced; three times in five beside a tag or a quote."""
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        at = dice.choice(edges) + dice.choice([-1, 0, 1]) if dice.random() < 0.6 else dice.randrange(len(octets))
        at, size = min(at, len(octets)), dice.choice([1, 2, 5, 20, 200])
        match dice.randrange(6):
            case 0:
                octets = octets[:at] + octets[at + size :]
            case 1:
                there = dice.randrange(len(octets))
                octets = octets[:there] + octets[at : at + size] + octets[there:]
            case 2:
                octets = octets[:at] + bytes([dice.randrange(256)]) + octets[at + 1 :]
            case _:
                octets = octets[:at] + dice.choice(PIECES) + octets[at:]
    return octets


@pytest.mark.parametrize("source", SOURCES)
def test_octets_changed_at_random_are_judged_alike(source: str) -> None:
    """Hundreds of spoilt messages a sender, as they are and signed anew: the verdict and the words are the same."""
    kind, make = SOURCES[source]
    wire, dice, good = make(), random.Random(source), 0
    edges = [found.start() for found in re.finditer(rb'[<>"]', wire.body)]
    frames.forget()
    by_frame(wire, kind)
    for _ in range(300):
        spoilt = replace(wire, body=changed(dice, wire.body, edges))
        for one in (spoilt, signed_by_frame(spoilt, kind)):
            if one is not None:
                said = quick(one, kind)
                assert said == slow(one, kind), one.body
                good += isinstance(said, Verified)
    assert good > 5
    frames.forget()


def _with(text: str) -> Wire:
    """A message with a foreign header that is not signed."""
    plain = wired(sealed())
    return replace(plain, body=plain.body.replace(b"<wsse:Security", text.encode() + b"<wsse:Security", 1))


@pytest.mark.parametrize("value", ["a<1", "a\n1", "&1", "a 1", ""])
@pytest.mark.parametrize("name", ["r:Id", "URI"])
def test_no_attribute_of_a_head_goes_unseen(name: str, value: str) -> None:
    """One that looks like an id and is none: what makes the message no XML is not taken, by whatever way."""
    mark = "#" if name == "URI" else ""
    hop = '<r:Hop xmlns:r="urn:relay" {}="{}"></r:Hop>'
    frames.forget()
    for _ in range(2):
        by_frame(_with(hop.format(name, f"{mark}h1")), "p256")
    spoilt = _with(hop.format(name, mark + value))
    assert quick(spoilt, "p256") == slow(spoilt, "p256")


def test_a_signed_attribute_is_digested_as_xml_reads_it() -> None:
    """A sender whose digest is over a line feed where XML sees a blank: nobody else could prove that seal."""
    root = etree.fromstring(sealed().body)
    next(root.iter(f"{{{WSA}}}To")).set("{urn:x}Id", "o1")
    reseal(root)
    wire = replace(wired(sealed()), body=etree.tostring(root, encoding="unicode").encode())
    frames.forget()
    by_frame(wire, "p256")
    spoilt = replace(wire, body=wire.body.replace(b'Id="o1"', b'Id="o\n1"'))
    hostile = signed_by_frame(spoilt, "p256") or spoilt
    assert quick(hostile, "p256") == slow(hostile, "p256")


def test_the_nodes_of_the_head_count_too() -> None:
    """At the limit of nodes both ways say the same, though one of them parses no head."""
    frames.forget()
    by_frame(wired(sealed()), "p256")
    for below in (3, 20, 2_000):
        leaves = "<b/>" * (LIMITS.nodes - below)
        wire = wired(sealed(payload=canonical(etree.fromstring(f'<a xmlns="urn:1">{leaves}</a>'))))
        assert isinstance(quick(wire, "p256"), Verified) is isinstance(slow(wire, "p256"), Verified), below
