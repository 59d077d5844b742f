"""Laws of the REST seal: wrap and open are each other's undoing, and no covered octet can change."""

from __future__ import annotations

from dataclasses import replace

import http_sf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, SealError
from gateway.model import Claims, MessageId, PartnerId, Wire
from gateway.seal.http_fields import read_signature, write_input
from tests.pki import NOW
from tests.rest import BODY, CLAIMS, Town, make_town, signed, with_header

TOWN = make_town()
WIRE = signed(TOWN.key)
COVERED = [name for name, _ in read_signature(WIRE, "gw").components if not name.startswith("@")]
IDS = st.text("ABCxyz019:._|+=@-", min_size=1, max_size=300)
PRINTABLE = st.text([chr(code) for code in range(0x20, 0x7F)], min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_changed_octet_of_the_body_breaks_the_seal(place: int, flip: int) -> None:
    """Also where the XML would say the same."""
    body = bytearray(BODY)
    body[place] ^= flip
    with pytest.raises(GatewayError):
        TOWN.verify(replace(WIRE, body=bytes(body)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*COVERED, "signature", "signature-input"]), st.data())
def test_any_changed_octet_of_a_covered_header_breaks_the_seal(name: str, data: st.DataObject) -> None:
    """Changed, dropped or inserted; the signature and its input guard themselves."""
    value = WIRE.header(name) or ""
    place = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.characters(max_codepoint=0x7F).filter(lambda c: c != value[place]))
    how = data.draw(st.sampled_from(["replace", "insert", "drop"]))
    rest = value[place + (how != "insert") :]
    changed = value[:place] + (letter if how != "drop" else "") + rest
    if _same(name, value, changed):
        return
    wire = with_header(WIRE, name, changed)
    if name == "content-type":
        wire = replace(wire, content_type=changed)
    with pytest.raises(GatewayError):
        TOWN.verify(wire)


def _same(name: str, old: str, new: str) -> bool:
    """Optional spaces around a structured field or inside its list mean nothing (RFC 9651 4.2)."""
    if name not in {"signature-input", "signature", "content-digest", "content-type"}:
        return False
    if old.strip(" \t") == new.strip(" \t"):
        return True
    try:
        parsed = [http_sf.parse(text.strip(" \t").encode(), tltype="dictionary") for text in (old, new)]
    except (http_sf.StructuredFieldError, ValueError):
        return False
    return name == "signature-input" and bool(parsed[0] == parsed[1])


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=80), st.sampled_from(["signature", "signature-input", "content-digest"]))
def test_noise_in_a_header_is_a_refusal_and_nothing_else(noise: bytes, name: str) -> None:
    """No value of a header ends in an accident."""
    with pytest.raises(SealError):
        TOWN.verify(with_header(WIRE, name, noise.decode("latin-1")))


@settings(max_examples=100, deadline=None)
@given(
    IDS,
    IDS,
    st.one_of(st.none(), IDS),
    st.sampled_from(["", "LPCO_QUERY", "HEALTH_PERMIT_QUERY"]),
    st.binary(max_size=30),
)
def test_what_was_sealed_is_what_is_proven(
    message: str, conversation: str, relates: str | None, action: str, noise: bytes
) -> None:
    """Claims and payload come out as they went in."""
    claims = Claims(
        message_id=MessageId(message), action=f"urn:swgw:action:{action}" if action else "", to="gateway.example",
        sender=CLAIMS.sender, receiver=PartnerId("customs_kz"), conversation_id=conversation,
        relates_to=MessageId(relates) if relates else None,
    )  # fmt: skip
    body = b"<a>" + noise.hex().encode() + b"</a>"
    verified = TOWN.verify(signed(TOWN.key, body=body, claims=claims))
    assert replace(verified.claims, created_at=None, expires_at=None) == claims
    assert verified.payload == body


@settings(max_examples=100, deadline=None)
@given(
    PRINTABLE, st.integers(0, 999_999_999_999_999), st.lists(st.tuples(IDS.map(str.lower), st.booleans()), max_size=5)
)
def test_our_writing_of_an_input_is_the_standard_one(nonce: str, created: int, names: list[tuple[str, bool]]) -> None:
    """The signature input we write is what a general serialiser of RFC 9651 writes."""
    given = {"created": created, "nonce": nonce}
    items = [(name, {"req": True} if flag else {}) for name, flag in names]
    assert write_input(names, given) == http_sf.ser([(items, given)])


def test_desks_do_not_change_their_input() -> None:
    """The same wire twice gives the same proof."""
    town: Town = TOWN
    wire: Wire = WIRE
    assert town.verify(wire) == town.verify(wire)
    assert wire.received_at == NOW
