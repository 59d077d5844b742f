"""The SOAP seal: what we seal verifies, what is altered does not, and only signed octets come out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from gateway.errors import ActionMismatch, GatewayError, MediaTypeUnknown, PartnerUnknown, SealBroken, SealExpired
from gateway.model import SOAP11, SOAP12
from gateway.seal.soap import fresh
from gateway.xml import canonical, parse
from tests.pki import NOW
from tests.soap import CLAIMS, KINDS, NAMESPACES, PAYLOAD, find, sealed, spoilt, verified, wired


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("kind", KINDS)
def test_what_we_seal_verifies_and_says_what_it_said(kind: str, soap: str) -> None:
    proven = verified(wired(sealed(kind, soap=soap)), kind)
    assert proven.payload == PAYLOAD
    assert proven.algorithm == KINDS[kind]
    assert replace(proven.claims, created_at=None, expires_at=None) == CLAIMS
    assert proven.claims.created_at == NOW


def test_every_part_of_the_profile_is_signed_and_repeated_as_sent() -> None:
    message = sealed()
    proven = verified(wired(message))
    assert set(proven.references) == set(message.references)
    parts = {reference.part for reference in proven.references}
    names = ("body", "ts", "bst", "to", "from", "replyto", "messageid", "action", "relatesto", "routing")
    assert parts == {f"#id-{name}" for name in names}


def test_the_envelope_is_written_in_canonical_form() -> None:
    """Canonicalising each signed part of what left changes nothing."""
    body = sealed().body
    for part in parse(body).xpath("//*[@wsu:Id]", namespaces=NAMESPACES):
        assert canonical(part) in body


def test_an_envelope_under_another_prefix_means_the_same() -> None:
    """A parse and a plain serialisation by another stack keep what is signed."""
    assert verified(spoilt(lambda _root: None)).payload == PAYLOAD


@pytest.mark.parametrize(
    "path",
    [
        "//wsa:To", "//wsa:MessageID", "//wsa:Action", "//wsa:RelatesTo", "//wsa:From/wsa:Address",
        "//wsa:ReplyTo/wsa:Address", "//*[local-name()='Receiver']", "//*[local-name()='ConversationID']",
    ],
)  # fmt: skip
def test_changing_a_signed_header_breaks_the_seal(path: str) -> None:
    def change(root: etree._Element) -> None:
        element = find(root, path)
        element.text = (element.text or "")[:-1] + "9"

    with pytest.raises(GatewayError) as refused:
        verified(spoilt(change))
    assert isinstance(refused.value, SealBroken | PartnerUnknown | ActionMismatch)


def test_changing_one_character_of_the_body_breaks_the_seal() -> None:
    message = sealed()
    with pytest.raises(SealBroken):
        verified(wired(message, message.body.replace(b"12000.000", b"12000.001")))


def test_taking_a_signed_header_away_is_refused() -> None:
    def change(root: etree._Element) -> None:
        header = find(root, "//wsa:RelatesTo")
        header.getparent().remove(header)

    with pytest.raises(SealBroken) as refused:
        verified(spoilt(change))
    assert refused.value.threat == "W1"


@pytest.mark.parametrize(
    ("later", "fine"),
    [(-61, False), (-60, True), (0, True), (299, True), (300, False), (3600, False)],
)
def test_a_message_is_fresh_for_five_minutes(later: int, *, fine: bool) -> None:
    proven = verified(wired(sealed()))
    now = NOW + timedelta(seconds=later)
    if fine:
        fresh(proven, now)
    else:
        with pytest.raises(SealExpired):
            fresh(proven, now)


def test_the_action_of_the_http_request_must_agree() -> None:
    wire = wired(sealed(soap=SOAP11))
    with pytest.raises(ActionMismatch):
        verified(replace(wire, headers=(("soapaction", '"urn:swgw:action:LPCO_DEBIT"'),)))


def test_other_media_types_are_refused() -> None:
    with pytest.raises(MediaTypeUnknown):
        verified(replace(wired(sealed()), content_type="text/plain"))


def test_sealing_again_keeps_the_content_digest_and_other_content_changes_it() -> None:
    one, two = verified(wired(sealed())), verified(wired(sealed("rsa2048")), "rsa2048")
    assert one.content_digest == two.content_digest
    other = verified(wired(sealed(payload=PAYLOAD.replace(b"12000", b"12001"))))
    assert other.content_digest != one.content_digest
