"""Laws of the SOAP door: any bytes get an answer that blames the sender; no flipped bit gives another payload."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.model import SOAP11, SOAP12, MessageId, PartnerId, Wire
from gateway.xml import canonical
from tests.desk import QUERY, Desk, make_desk, posted, query, read_fault
from tests.soap import CLAIMS, NAMESPACES, sealed, verified, wired

SOAPS = {soap: wired(query(soap=soap)) for soap in (SOAP11, SOAP12)}
IDS = st.text("ABCxyz019:._|+=@-", min_size=1, max_size=80)
XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=60)


def taken(soap: str) -> Desk:
    """A gateway that has taken the original: only the same content is answered with 200 again."""
    desk = make_desk()
    assert desk.post(SOAPS[soap]).status == 200
    return desk


DESKS = {soap: taken(soap) for soap in SOAPS}


def answered(soap: str, wire: Wire) -> str:
    """`read` for the original content, else the code of the refusal, whose Fault must blame the sender."""
    desk = DESKS[soap]
    answer = desk.post(wire)
    assert len(desk.ledger.messages) == 1
    if answer.status == 200:
        return "read"
    refusal = desk.ledger.intakes.pop()
    assert refusal.code not in ("internal", "message.conflict"), (refusal, desk.said[-1])
    fault = read_fault(answer, SOAP11 if wire.content_type.startswith("text/xml") else SOAP12)
    understood = fault.code[1] == "MustUnderstand"
    assert answer.status in ({500, 415} if soap == SOAP11 or understood else {400, 415})
    assert understood or fault.code[1] != "Receiver"
    assert fault.code[1] != "Server"
    return refusal.code


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(SOAPS)), st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_any_bytes_get_an_answer(soap: str, noise: bytes) -> None:
    """Noise is refused, never an accident."""
    assert answered(soap, replace(SOAPS[soap], body=noise)) != "read"


FRAGMENTS = st.sampled_from(
    [b"<", b">", b"&", b'"', b"/", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x?>", b"&#0;", b"&lt;", b"\x00", b"\xff",
     b" ", b' Id="id-body"', b' xml:id="id-to"', b"<!DOCTYPE a>", b"xmlns:env", b"<x/>", b"env:", b"wsu:", b"=",
     b"\xef\xbb\xbf"]
)  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(list(SOAPS)), st.data())
def test_any_mutation_is_refused_or_means_nothing(soap: str, data: st.DataObject) -> None:
    """Cut, doubled, swapped or sprinkled with markup: refused, or read with the original content."""
    body = SOAPS[soap].body
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body) - 1))
        end = min(len(body), start + data.draw(st.integers(0, 200)))
        how = data.draw(st.sampled_from(["cut", "double", "insert", "move"]))
        middle = body[start:end]
        if how == "cut":
            body = body[:start] + body[end:]
        elif how == "double":
            body = body[:end] + middle + body[end:]
        elif how == "insert":
            body = body[:start] + data.draw(FRAGMENTS) + body[start:]
        else:
            rest = body[:start] + body[end:]
            place = data.draw(st.integers(0, len(rest)))
            body = rest[:place] + middle + rest[place:]
        body = body or b" "
    answered(soap, replace(SOAPS[soap], body=body))


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(list(SOAPS)), st.data())
def test_no_flipped_bit_is_read_as_something_else(soap: str, data: st.DataObject) -> None:
    """Any one octet of the message: what is still accepted has the original content."""
    body = bytearray(SOAPS[soap].body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    answered(soap, replace(SOAPS[soap], body=bytes(body)))


def test_every_octet_of_the_document_is_guarded() -> None:
    """Each octet of the payload in turn, changed by its lowest bit: always refused."""
    wire = SOAPS[SOAP12]
    start = wire.body.index(QUERY)
    for place in range(start, start + len(QUERY)):
        body = bytearray(wire.body)
        body[place] ^= 1
        assert answered(SOAP12, replace(wire, body=bytes(body))) != "read", place


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(SOAPS)), st.text(max_size=80), st.sampled_from(["", "text/xml", "application/soap+xml"]))
def test_any_content_type_gets_an_answer(soap: str, noise: str, media: str) -> None:
    """Parameters of any kind."""
    wire = replace(SOAPS[soap], content_type=media + noise)
    desk = DESKS[soap]
    answer = desk.post(wire)
    assert answer.status in (200, 400, 415, 500)
    assert all(said.get("code") != "internal" for said in desk.said[-1:])


@settings(max_examples=150, deadline=None)
@given(IDS, IDS, st.one_of(st.none(), IDS), XML_TEXT, XML_TEXT)
def test_what_was_sealed_is_what_is_proven(
    message: str, conversation: str, relates: str | None, value: str, text: str
) -> None:
    """Claims and payload come out as they went in, and each signed part was written in canonical form."""
    claims = replace(
        CLAIMS, message_id=MessageId(message), conversation_id=conversation, receiver=PartnerId("health_kz"),
        relates_to=MessageId(relates) if relates else None,
    )  # fmt: skip
    root = etree.Element("{urn:test:1}Құжат", {"мән": value}, nsmap={"т": "urn:test:1"})
    etree.SubElement(root, "Ішкі").text = text
    payload = canonical(root)
    message_sealed = sealed(claims=claims, payload=payload)
    proven = verified(wired(message_sealed))
    assert proven.payload == payload
    assert replace(proven.claims, created_at=None, expires_at=None) == claims
    for part in etree.fromstring(message_sealed.body).xpath("//*[@wsu:Id]", namespaces=NAMESPACES):
        assert canonical(part) in message_sealed.body


@pytest.mark.parametrize("soap", list(SOAPS))
def test_a_refusal_that_cannot_be_sealed_leaves_unsealed(soap: str) -> None:
    """A partner to be answered with a key we do not hold: an answer all the same, and a line in the log."""
    desk = make_desk(sign_with="ed25519")
    answer = desk.post(SOAPS[soap])
    assert (answer.status, answer.references) == (500, ())
    assert read_fault(answer, soap).code[1] in ("Receiver", "Server")
    assert [said["event"] for said in desk.said] == ["refused", "refusal-not-sealed"]
    assert not desk.ledger.messages


@pytest.mark.parametrize("soap", list(SOAPS))
def test_the_original_is_read(soap: str) -> None:
    """The laws above are about messages that would otherwise be taken."""
    assert answered(soap, posted(SOAPS[soap].body, soap=soap)) == "read"
