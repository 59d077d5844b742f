"""A message read by a known frame is read, proven or refused exactly as the long way would."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from lxml import etree

from gateway.envelope.soap import open_soap
from gateway.errors import GatewayError
from gateway.model import DS, SOAP11, SOAP12, MessageId, Verified, Wire
from gateway.seal import frames
from gateway.seal.framed import Framed, open_envelope, verify_envelope
from gateway.seal.soap import verify_soap
from tests.desk import query
from tests.forge import reseal
from tests.oracles import by_xmlsec
from tests.pki import NOW
from tests.soap import CLAIMS, party, sealed, wired
from tests.wrapping import PARTS, forged_seals, harmless, wrapped_messages

_VALUE = re.compile(rb'(?<=>)[^<>\s][^<>]*(?=<)|(?<=Id=")[^"]+|(?<=URI="#)[^"]+')


def _numbered(wire: Wire) -> Wire:
    """The same message with ids as other software makes them: other ones each time."""
    root = etree.fromstring(re.sub(rb'(wsu:Id="|URI="#)id-', rb"\1G-7f3a-", wire.body))
    reseal(root)
    return replace(wire, body=etree.tostring(root, encoding="unicode").encode())


def _listed() -> Wire:
    root = etree.fromstring(query(party("p256")).body)
    reseal(root, prefixes={"#id-body": "#default env", "#id-to": "env wsu"}, info_prefixes="env wsse")
    return replace(wired(query(party("p256"))), body=etree.tostring(root))


SOURCES: dict[str, tuple[str, Callable[[], Wire]]] = {
    "ours, SOAP 1.2": ("p256", lambda: wired(query(party("p256")))),
    "ours, SOAP 1.1": ("p256", lambda: wired(query(party("p256"), soap=SOAP11))),
    "ids with digits": ("p256", lambda: _numbered(wired(query(party("p256"))))),
    "prefix lists": ("p256", _listed),
    "sealed by libxmlsec": ("rsa2048", lambda: by_xmlsec("rsa2048", prefixes="env wsu")),
}


@pytest.fixture(params=SOURCES)
def learned(request: pytest.FixtureRequest) -> Iterator[tuple[str, Wire]]:
    """A sender's kind of key and a message of its; its frame is known and no other."""
    kind, make = SOURCES[request.param]
    wire = make()
    frames.forget()
    assert not by_frame(wire, kind)
    assert by_frame(wire, kind)
    yield kind, wire
    frames.forget()


def by_frame(wire: Wire, kind: str) -> bool:
    """Open and verify; True when a frame was enough to open it."""
    envelope = open_envelope(wire)
    verify_envelope(envelope, party(kind).partners, NOW)
    return isinstance(envelope.parsed, Framed)


def quick(wire: Wire, kind: str) -> Verified | tuple[str, str, str]:
    """What a frame, or the long way after it, says."""
    return _said(lambda: verify_envelope(open_envelope(wire), party(kind).partners, NOW))


def slow(wire: Wire, kind: str) -> Verified | tuple[str, str, str]:
    """What the long way says."""
    return _said(lambda: verify_soap(open_soap(wire), party(kind).partners, NOW))


def _said(desks: Callable[[], Verified]) -> Verified | tuple[str, str, str]:
    try:
        return desks()
    except GatewayError as error:
        return error.code, error.threat, error.detail


def test_both_ways_prove_the_same(learned: tuple[str, Wire]) -> None:
    """The same message: sender, claims, references, payload and digest alike."""
    kind, wire = learned
    assert isinstance(quick(wire, kind), Verified)
    assert quick(wire, kind) == slow(wire, kind)


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_the_next_message_of_a_sender_is_known_by_its_frame(soap: str) -> None:
    """Other values, other times, another payload: the frame is enough, and proves what the long way proves."""
    frames.forget()
    by_frame(wired(sealed(soap=soap)), "p256")
    claims = replace(
        CLAIMS, message_id=MessageId("urn:uuid:2"), conversation_id="другой".encode().hex(), to="https://e/"
    )
    wire = wired(sealed(soap=soap, claims=claims, payload='<p:a xmlns:p="urn:2"> 𠮷 &gt; </p:a>'.encode()))
    assert by_frame(wire, "p256")
    assert quick(wire, "p256") == slow(wire, "p256")


@pytest.mark.parametrize(
    "to", ["https://a/?x=1&y=2", "https://a/>", "https://a/\r\n/b", "https://a/<", "https://ү/𠮷", "https://a/\n\tb"]
)
def test_values_that_canonical_form_writes_otherwise_are_read_alike(to: str) -> None:
    """Characters that need escaping: the claims are what was meant, not how it is written."""
    frames.forget()
    by_frame(wired(sealed()), "p256")
    wire = wired(sealed(claims=replace(CLAIMS, to=to)))
    proven = quick(wire, "p256")
    assert isinstance(proven, Verified)
    assert proven.claims.to == to
    assert proven == slow(wire, "p256")


def test_every_value_of_a_head_bites(learned: tuple[str, Wire]) -> None:
    """One character more in any address, id, time, digest, token or signature: refused in the words of the long way."""
    kind, wire = learned
    head = wire.body.index(b"Body", wire.body.index(b"</ds:Signature"))
    places = [found.end() for found in _VALUE.finditer(wire.body, 0, wire.body.index(b">", head))]
    assert len(places) > 20
    for at in places:
        for more in (b"A", b"\n", b"&#65;", b"<!-- -->", b""):
            spoilt = replace(wire, body=wire.body[:at] + more + wire.body[at:])
            assert quick(spoilt, kind) == slow(spoilt, kind), (at, more)
        spoilt = replace(wire, body=wire.body[: at - 1] + wire.body[at:])
        assert quick(spoilt, kind) == slow(spoilt, kind), at


def test_two_values_that_change_places_are_refused(learned: tuple[str, Wire]) -> None:
    """Digests swapped, ids swapped, one id for two parts: as the long way says."""
    kind, wire = learned
    body = wire.body
    found = [match.span() for match in _VALUE.finditer(body, 0, body.index(b"<ds:SignatureValue"))]
    for (start, stop), (begin, end) in pairwise(found):
        one, other = body[start:stop], body[begin:end]
        swapped = body[:start] + other + body[stop:begin] + one + body[end:]
        twice = body[:begin] + one + body[end:]
        for spoilt in (replace(wire, body=swapped), replace(wire, body=twice)):
            assert quick(spoilt, kind) == slow(spoilt, kind)


@pytest.mark.parametrize("ids", ["fixed", "new each time"])
def test_an_unsigned_header_cannot_take_the_id_of_a_part(ids: str) -> None:
    """A relay's header had an id of its own when the frame was learned; now it repeats that of a signed part."""
    plain = wired(sealed())
    wire = plain if ids == "fixed" else _numbered(plain)
    hop = b'<r:Hop xmlns:r="urn:relay" Id="%b"></r:Hop><wsse:Security'
    frames.forget()
    first, second = (
        replace(wire, body=wire.body.replace(b"<wsse:Security", hop % name, 1))
        for name in (b"relay-1", b"id-to" if ids == "fixed" else b"G-7f3a-to")
    )
    by_frame(first, "p256")
    assert by_frame(first, "p256")
    assert quick(second, "p256") == slow(second, "p256") == ("seal.invalid", "W2", "an id stands twice")


@pytest.mark.parametrize("part", PARTS)
def test_wrapped_messages_are_judged_alike(learned: tuple[str, Wire], part: str) -> None:
    """No forged part passes a frame that the long way would refuse."""
    kind, wire = learned
    for name, body in islice(wrapped_messages(wire.body, part), 0, None, 29):
        assert quick(replace(wire, body=body), kind) == slow(replace(wire, body=body), kind), name


def test_forged_seals_and_harmless_changes_are_judged_alike(learned: tuple[str, Wire]) -> None:
    """Seals of somebody else, and what other software does to a message on the way."""
    kind, wire = learned
    for make in (forged_seals, harmless):
        for name, body in make(wire.body):
            assert quick(replace(wire, body=body), kind) == slow(replace(wire, body=body), kind), name


@pytest.mark.parametrize(
    "tail",
    [
        b"<evil/>{end}", b"{end}{end}", b"</env:Body><env:Body><evil/>{end}", b"<!-- {end} -->{end}", b"text{end}",
        b"</env:Body><!-- --><env:Body>{end}", b"</env:Body> </env:Envelope><!-- </env:Body></env:Envelope> -->",
        b"</env:Body>text</env:Envelope>", b"<?pi {end}?>{end}", b"<![CDATA[{end}]]>{end}",
    ],
)  # fmt: skip
def test_the_end_of_a_message_is_as_bound_as_its_head(tail: bytes) -> None:
    """Whatever is put after the payload, beside the Body or behind the Envelope."""
    wire = wired(sealed())
    frames.forget()
    by_frame(wire, "p256")
    end = b"</env:Body></env:Envelope>"
    spoilt = replace(wire, body=wire.body.removesuffix(end) + tail.replace(b"{end}", end))
    assert quick(spoilt, "p256") == slow(spoilt, "p256")


@pytest.mark.parametrize("inner", ["Id='id-to'", 'ID="id-ts"', 'xml:id="id-body"', 'a:Id="id-to" xmlns:a="urn:a"'])
def test_a_second_id_in_the_payload_is_seen(inner: str) -> None:
    """The sender itself repeats an id of the head below the Body: refused by both."""
    wire = wired(sealed(payload=etree.tostring(etree.fromstring(f'<a xmlns="urn:1"><b {inner}/></a>'), method="c14n")))
    frames.forget()
    by_frame(wired(sealed()), "p256")
    assert quick(wire, "p256") == slow(wire, "p256")


@pytest.mark.parametrize(("name", "known"), [("Reference", True), ("Signature", False), ("Object", False)])
def test_a_payload_may_speak_of_digests_but_not_of_signatures(name: str, *, known: bool) -> None:
    """A receipt repeats references and its frame is enough for it; a signature below the Body is refused by both."""
    frames.forget()
    by_frame(wired(sealed()), "p256")
    payload = f'<a xmlns="urn:1"><ds:{name} xmlns:ds="{DS}"></ds:{name}></a>'
    wire = wired(sealed(payload=payload.encode()))
    assert quick(wire, "p256") == slow(wire, "p256")
    assert isinstance(quick(wire, "p256"), Verified) is known


def test_the_partner_is_asked_each_time() -> None:
    """A certificate retired, or an algorithm struck off, after the frame was learned: refused."""
    wire, who = wired(sealed()), party("p256")
    frames.forget()
    by_frame(wire, "p256")
    (partner,) = who.partners.values()
    retired = tuple(replace(one, retired=True) for one in partner.certificates)
    for changed in (
        {"certificates": retired},
        {"algorithms": frozenset({"ed25519"})},
        {"digests": frozenset({"sha512"})},
    ):
        known = {partner.id: replace(partner, **changed)}
        refused = _said(lambda known=known: verify_envelope(open_envelope(wire), known, NOW))  # type: ignore[misc]
        assert refused == _said(lambda known=known: verify_soap(open_soap(wire), known, NOW))  # type: ignore[misc]
        assert not isinstance(refused, Verified)


def test_heads_that_never_repeat_are_soon_not_learned_any_more() -> None:
    """A sender whose every head differs costs the learning a few times only."""
    frames.forget()
    wires = [
        wired(sealed(), sealed().body.replace(b"><wsa:To", b">" + b" " * at + b"<wsa:To", 1)) for at in range(1, 20)
    ]
    for wire in wires:
        by_frame(wire, "p256")
    assert [by_frame(wire, "p256") for wire in reversed(wires)][:5] == [False] * 5
