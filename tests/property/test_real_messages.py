"""Every real message is valid or refused with words; none, whole or damaged, makes an error of ours."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import GatewayError
from gateway.model import DocumentType, Profile, Sealed, Wire
from gateway.pipeline import prepare
from gateway.reception import receive
from gateway.schema import validate_bare
from gateway.testing import World, make_world
from tests.real import NEEDS_SAMPLES, SAMPLES, TYPES, Sample
from tests.real_line import CUSTOMS, HEALTH, NOW, STYLES, posted, rules

pytestmark = NEEDS_SAMPLES
NAMES = sorted(path.stem for path in SAMPLES.glob("*.xml"))
VALID = [name for name in NAMES if not name.startswith("trap-")]
ACTIONS = ("DEC_LODGED", "DEC_AMENDED", "DEC_WITHDRAWN", "DEC_RELEASED", "DEC_RESPONSE")
ODD = (
    "", " ", "0", "-1", "0000000000", "KZ991240999802", "57505/191126/0000123", "KGM#G", "GBP", "#ABCD", "DTN#Z", "LPA",
    "1234567", "99999", "HS", "01", "081", "CO", "1.0000001", "４", "Ғ𝄞", "霍尔果斯", "\u202e", "24КZ", "a" * 600,
)  # fmt: skip
NUMBERS = count(1)


def content_of(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


@pytest.mark.parametrize("name", VALID)
def test_a_real_message_is_valid_by_our_schemas(name: str) -> None:
    found = validate_bare(content_of(name), rules().schemas)
    assert not isinstance(found, tuple), [(one.rule, one.path) for one in found]
    wanted = TYPES.get(name, "DEC_RESPONSE")
    assert found.type == wanted
    assert found.keys


def test_all_declarations_are_swept() -> None:
    """A sample that is added to the folder must be added to the list."""
    assert {name for name in NAMES if name.startswith("dec-")} == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_a_real_declaration_becomes_a_valid_notice(name: str) -> None:
    """Translated and checked by the ministry's own schema, in memory."""
    world = make_world(rules(), NOW, profiles={CUSTOMS: "rest-gw-1"})
    _, wire = posted(world, content_of(name), Sample(name).type, "rest-gw-1", name)
    receive(wire, "rest-gw-1", world.setup)
    (delivery,) = world.ledger.due(HEALTH)
    notice = prepare(delivery, world.setup)
    assert notice.type == "HEALTH_DEC_NOTICE"
    assert ("lrn", Sample(name).reference) in notice.keys


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_no_real_message_makes_an_error_of_ours(name: str, action: str, style: Profile) -> None:
    """Whatever it is said to be, it is taken or refused, over both seals."""
    world = make_world(rules(), NOW, profiles={CUSTOMS: style})
    try:
        _, wire = posted(world, content_of(name), DocumentType(action), style, f"{name}-{action}")
    except etree.C14NError:
        assert (name, style) == ("trap-colons-stripped-TT_IM222a", "soap-gw-1")
        return
    answered(world, wire, style)


def answered(world: World, wire: Wire, style: Profile) -> Sealed:
    """What the door says: never a failure of ours."""
    answer = receive(wire, style, world.setup)
    assert answer.status < 500, answer.body.decode()
    assert not world.causes
    return answer


@st.composite
def damaged(draw: st.DrawFn) -> tuple[DocumentType, bytes]:
    """A real declaration with elements taken away, doubled or moved, and texts and attributes replaced."""
    name = draw(st.sampled_from(sorted(TYPES)))
    root = etree.fromstring(content_of(name))
    for _ in range(draw(st.integers(1, 6))):
        nodes = list(root.iterdescendants("{*}*"))
        if not nodes:
            break
        _damage(draw, draw(st.sampled_from(nodes)))
    return Sample(name).type, etree.tostring(root, encoding="UTF-8")


def _damage(draw: st.DrawFn, node: etree._Element) -> None:
    parent, kind = node.getparent(), draw(st.sampled_from(("text", "attribute", "remove", "double")))
    assert parent is not None
    if kind == "remove":
        parent.remove(node)
    elif kind == "double":
        node.addnext(etree.fromstring(etree.tostring(node, with_tail=False)))
    elif kind == "attribute" and node.attrib:
        node.set(draw(st.sampled_from(sorted(map(str, node.attrib)))), draw(st.sampled_from(ODD)))
    elif not len(node):
        node.text = draw(st.sampled_from(ODD))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(damaged())
def test_a_damaged_declaration_is_refused_taken_or_told_as_a_gap(case: tuple[DocumentType, bytes]) -> None:
    """What was taken becomes a valid notice or names its gaps; it never becomes a document that is not ours to send."""
    kind, payload = case
    world = make_world(rules(), NOW, profiles={CUSTOMS: "rest-gw-1"})
    _, wire = posted(world, payload, kind, "rest-gw-1", f"damaged-{next(NUMBERS)}")
    if answered(world, wire, "rest-gw-1").status != 202:
        return
    for delivery in world.ledger.due(HEALTH):
        try:
            prepare(delivery, world.setup)
        except GatewayError as error:
            assert error.code == "mapping.gap", (error.code, error.findings)
            assert error.findings


@pytest.mark.parametrize("name", TYPES)
def test_a_real_message_cut_short_or_flipped_is_refused(name: str) -> None:
    """Bytes that changed after the seal, at every hundredth place."""
    world = make_world(rules(), NOW, profiles={CUSTOMS: "rest-gw-1"})
    _, wire = posted(world, content_of(name), Sample(name).type, "rest-gw-1", name)
    for at in range(0, len(wire.body), max(1, len(wire.body) // 25)):
        flipped = wire.body[:at] + bytes([wire.body[at] ^ 0x20]) + wire.body[at + 1 :]
        for body in (wire.body[:at], flipped):
            assert answered(world, replace(wire, body=body), "rest-gw-1").status in range(400, 500)
    assert not world.ledger.messages
