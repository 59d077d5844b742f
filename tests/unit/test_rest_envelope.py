"""Opening REST messages: one media type, each header once, ids that cannot hide anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.envelope.rest import gateway_fields, open_rest, read_action, write_claims
from gateway.errors import AddressingInvalid, EnvelopeMalformed, GatewayError, MediaTypeUnknown, MethodNotAllowed
from gateway.model import Claims, MessageId, PartnerId, Wire
from tests.pki import NOW
from tests.rest import BODY, CLAIMS, also_header, with_header

WIRE = Wire(
    body=BODY, content_type="application/xml", peer="192.0.2.7", received_at=NOW, authority="gateway.example",
    target="/api/v1/messages?lane=b", headers=(("content-type", "application/xml"), *write_claims(CLAIMS)),
)  # fmt: skip


def test_claims_are_read_from_the_headers() -> None:
    """What write_claims says, open_rest reads; times are left to the seal."""
    envelope = open_rest(WIRE)
    assert envelope.profile == "rest-gw-1"
    assert envelope.claims == CLAIMS
    assert envelope.wire is WIRE
    assert envelope.soap == ""


def test_every_claim_survives_the_way_over_the_wire() -> None:
    """All optional headers present, and none present."""
    full = replace(CLAIMS, relates_to=MessageId("urn:uuid:1"))
    bare = Claims(message_id=MessageId("m"), action="", to="gateway.example", sender=PartnerId("mra_cn"))
    for claims in (full, bare):
        wire = replace(WIRE, headers=write_claims(claims))
        assert open_rest(wire).claims == claims


@pytest.mark.parametrize(
    "content_type",
    [
        "application/xml",
        "application/xml; charset=utf-8",
        'application/xml;charset="UTF-8"',
        "application/json",
        'application/json; profile="urn:swgw:twin:LPCOQuery:1.0"; charset=utf-8',
        "Application/XML ; charset=UTF-8",
    ],
)
def test_spellings_of_the_media_types(content_type: str) -> None:
    """Case and quotes do not matter (RFC 9110 8.3)."""
    open_rest(replace(WIRE, content_type=content_type))


@pytest.mark.threat("S3")
@pytest.mark.parametrize(
    "content_type",
    ["", "text/xml", "application/soap+xml", "application/xml; charset=utf-16", "application/json5",
     "application/xml; charset=utf-8; charset=utf-16", "application/xml, text/xml", "application/xml; x=y",
     "multipart/related; boundary=x", "application/jose", "application/xml\n", "application/json; charset=utf-16",
     "application/json; x=y", 'application/json; profile="a"; profile="b"', "application/problem+json"],
)  # fmt: skip
def test_other_media_types_are_refused(content_type: str) -> None:
    """Everything else is 415, whatever the body is."""
    with pytest.raises(MediaTypeUnknown):
        open_rest(replace(WIRE, content_type=content_type))


@pytest.mark.threat("S8")
@pytest.mark.parametrize("coding", ["gzip", "identity", "gzip, gzip", "", "aes128gcm"])
def test_content_codings_are_refused(coding: str) -> None:
    """A body is what it is: nothing is unpacked."""
    with pytest.raises(MediaTypeUnknown):
        open_rest(also_header(WIRE, "content-encoding", coding))


@pytest.mark.threat("S3")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD", "OPTIONS", "post", "TRACE", "", "POST "])
def test_other_methods_are_refused(method: str) -> None:
    """Only POST, GET and DELETE mean something here."""
    with pytest.raises(MethodNotAllowed):
        open_rest(replace(WIRE, method=method))


@pytest.mark.threat("S3")
def test_body_and_method_must_fit() -> None:
    """POST has a body, GET and DELETE have none."""
    open_rest(replace(WIRE, method="GET", body=b"", content_type=""))
    open_rest(replace(WIRE, method="DELETE", body=b"", content_type=""))
    for wire in (replace(WIRE, body=b""), replace(WIRE, method="GET"), replace(WIRE, method="DELETE", body=b" ")):
        with pytest.raises(EnvelopeMalformed):
            open_rest(wire)


@pytest.mark.threat("S4")
@pytest.mark.parametrize("name", ["gw-message-id", "gw-partner"])
def test_missing_claims_are_refused(name: str) -> None:
    """A message says who sends it and what it is called."""
    with pytest.raises(AddressingInvalid):
        open_rest(with_header(WIRE, name, None))


@pytest.mark.threat("S4")
@pytest.mark.parametrize(
    "name", ["gw-message-id", "gw-partner", "gw-receiver", "gw-conversation-id", "gw-relates-to", "gw-action", "gw-x"]
)
def test_doubled_and_hostile_claims_are_refused(name: str) -> None:
    """Twice, empty, huge, folded, with slash, quote, control or non-ASCII characters."""
    wire = with_header(WIRE, name, "LPCO_QUERY" if name == "gw-action" else "health_kz")
    with pytest.raises(AddressingInvalid) as doubled:
        open_rest(also_header(wire, name, "x"))
    assert doubled.value.threat == "J9"
    for value in ("", " ", "a\r\n b", "a\nb", "x" * 10_000, "é", "😀", "\x00", "a\x1b[31m", " a", "a "):
        with pytest.raises(AddressingInvalid):
            open_rest(with_header(WIRE, name, value))
    if name != "gw-x":
        for value in ("x" * 301, "../../etc/passwd", "a/b", 'a"b', "a'b", "<a>", "a b", "' or '1'='1"):
            with pytest.raises(AddressingInvalid):
                open_rest(with_header(WIRE, name, value))


@pytest.mark.threat("J9")
@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
def test_a_method_override_is_refused(name: str) -> None:
    """One method, the one of the request line."""
    with pytest.raises(EnvelopeMalformed):
        open_rest(also_header(WIRE, name, "DELETE"))


@pytest.mark.threat("J9")
@pytest.mark.parametrize(
    "target", ["", "*", "http://a/b", "//", "/a b", "/a#b", "/\u00e9", "/a\n", "/" + "x" * 3000, '/a"b']
)
def test_odd_request_targets_are_refused(target: str) -> None:
    """Origin form only: a path and a query in ASCII."""
    if target == "//":
        open_rest(replace(WIRE, target=target))
        return
    with pytest.raises(EnvelopeMalformed):
        open_rest(replace(WIRE, target=target))


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "X1"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a"><a/>', "X1"),
        (b"<a><?xml-stylesheet href='x'?></a>", "X4"),
        (b"<?xml-stylesheet href='x'?><a/>", "X4"),
        (b"<?xml version='1.0'?><a/><?x y?>", "X4"),
        (b"<a>" * 101 + b"</a>" * 101, "X5"),
        ("<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16"), "X7"),
        (b"<?xml version='1.0' encoding='utf-7'?><a/>", "X7"),
        (b"<a>\xff</a>", "X8"),
        (b"<a/><a/>", "X8"),
        (b"<a/>x", "X8"),
        (b"<a>", "X8"),
        (b"{}", "X8"),
    ],
)
@pytest.mark.threat("X1")
@pytest.mark.threat("X4")
@pytest.mark.threat("X5")
@pytest.mark.threat("X7")
@pytest.mark.threat("X8")
def test_hostile_xml_is_refused_when_opened(body: bytes, row: str) -> None:
    """The REST door refuses what the parser refuses, before any signature is looked at."""
    with pytest.raises(GatewayError) as refusal:
        open_rest(replace(WIRE, body=body))
    assert refusal.value.threat == row
    assert refusal.value.status in {400, 415}


def test_actions_are_message_names() -> None:
    """The short header and the long SOAP action say the same."""
    assert read_action("LPCO_QUERY") == "urn:swgw:action:LPCO_QUERY"
    assert dict(write_claims(CLAIMS))["gw-action"] == "LPCO_QUERY"
    for name in ("urn:swgw:action:LPCO_QUERY", "1", "", "A" * 65, "A-B"):
        with pytest.raises(AddressingInvalid):
            read_action(name)


def test_fields_are_only_ours_and_cannot_be_changed() -> None:
    """Other headers are not claims."""
    fields = gateway_fields(also_header(WIRE, "x-gw-partner", "mra_cn"))
    assert set(fields) == {name for name, _ in write_claims(CLAIMS)}
    with pytest.raises(TypeError):
        fields["gw-partner"] = "x"  # type: ignore[index]
