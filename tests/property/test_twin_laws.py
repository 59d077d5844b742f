"""Laws of the JSON twin: there and back again for any document and any twin; hostile JSON is refused, no more."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import EnvelopeMalformed, GatewayError, SchemaViolation
from gateway.facts import Fact, FactTable
from gateway.outline import Outline, qualified
from gateway.twin import from_json, to_json
from gateway.xml import canonical, parse
from tests.schemas import GOLDEN
from tests.twins import facts_of, fixtures, plain, registry

DOCUMENTS = sorted(registry().records)
CARRIED = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
TEXT = st.text(CARRIED | st.sampled_from("\t\n\r&<>\"']\u2028\u200f𠮷İ"), max_size=12)
TEXTS = [
    "", " ", "007", "0012.500", "Қазақстан әғқңөұүһі", "테스트제약", "𠮷野家", "a\u2028b", "x ]]> y", "a\rb\tc\nd",
    "&amp;lt;",
    "1e400", "NaN", "null", "\ufeff", "\U0010ffff", "\x7f\x85", "{{7*7}}", "\u1112\u1161\u11ab",
]  # fmt: skip
OUTLINES = {name: Outline(facts_of(name)) for name in DOCUMENTS}


class Grower:
    """Writes a random document of a message: any subset of its elements, in order, with any text."""

    def __init__(self, facts: FactTable, outline: Outline, dice: random.Random, texts: list[str]) -> None:
        self._facts, self._outline, self._dice, self._texts = facts, outline, dice, texts
        self._left = 120

    def document(self) -> bytes:
        root = next(iter(self._outline.elements("").values()))
        element = etree.Element(qualified(root), nsmap={None: root.namespace})
        self._fill(element, root)
        return canonical(element)

    def _fill(self, element: Any, fact: Fact) -> None:
        for attribute in self._outline.attributes(fact.path).values():
            if self._dice.random() < 0.3:
                element.set(qualified(attribute), self._dice.choice(self._texts))
        if not self._outline.container(fact):
            element.text = self._dice.choice(self._texts)
            return
        children = self._outline.elements(fact.path)
        chance = min(0.9, 6 / max(len(children), 1))
        for child in children.values():
            times = self._dice.randint(1, 3) if child.max != 1 else 1
            for _ in range(times if self._dice.random() < chance else 0):
                if self._left > 0:
                    self._left -= 1
                    self._fill(etree.SubElement(element, qualified(child), nsmap={None: child.namespace}), child)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(DOCUMENTS), st.integers(0, 2**32), st.lists(TEXT, max_size=4))
def test_any_document_comes_back(name: str, seed: int, texts: list[str]) -> None:
    """XML to JSON to XML to JSON, for every message: nothing is lost, nothing is made up, bytes are canonical."""
    facts = facts_of(name)
    payload = Grower(facts, OUTLINES[name], random.Random(seed), TEXTS + texts).document()
    there = to_json(payload, facts)
    back = from_json(there, facts)
    assert plain(back) == plain(payload)
    assert to_json(back, facts) == there
    assert canonical(parse(back)) == back


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(DOCUMENTS), st.integers(0, 2**32), st.randoms())
def test_any_twin_comes_back(name: str, seed: int, dice: random.Random) -> None:
    """JSON to XML to JSON: equal as JSON, whatever the order of its members and however its strings are escaped."""
    facts = facts_of(name)
    payload = Grower(facts, OUTLINES[name], random.Random(seed), TEXTS).document()
    twin = json.loads(to_json(payload, facts))
    stirred = json.dumps(_stirred(twin, dice), ensure_ascii=dice.random() < 0.5, indent=dice.choice([None, 2]))
    assert json.loads(to_json(from_json(stirred.encode(), facts), facts)) == twin


def _stirred(value: Any, dice: random.Random) -> Any:
    if isinstance(value, list):
        return [_stirred(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    dice.shuffle(names)
    return {name: _stirred(value[name], dice) for name in names}


NAMES = st.sampled_from(
    ["LPCOQuery", "Importer", "ID", "Holder", "#", "@unitCode", "GovernmentAgencyGoodsItem", "WriteOffQuantity", "a/b"]
)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
QUERY = facts_of("LPCO_QUERY")


@settings(max_examples=200)
@given(HOSTILE)
@example({"LPCOQuery": {"Importer": {"ID": float("nan")}}})
@pytest.mark.threat("J5")
def test_any_json_is_a_document_or_a_refusal(value: Any) -> None:
    _taken_or_refused(json.dumps({"LPCOQuery": value}).encode())
    _taken_or_refused(json.dumps(value).encode())


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('{}[]",:\\u0#@ \n1eE-+NaIDtrue', max_size=40).map(str.encode))
@pytest.mark.threat("J5")
def test_any_bytes_are_a_document_or_a_refusal(octets: bytes) -> None:
    _taken_or_refused(octets)


SOME = [
    to_json(sample.payload, sample.facts)
    for sample in fixtures()
    if sample.case["expect"] == "delivered" and sample.record.document == "LPCO_QUERY"
][:8]


@settings(max_examples=300)
@given(st.sampled_from(SOME), st.integers(0, 2000), st.binary(min_size=0, max_size=3), st.integers(0, 6))
@pytest.mark.threat("J5")
def test_a_real_twin_spoilt_anywhere_is_a_document_or_a_refusal(twin: bytes, at: int, put: bytes, cut: int) -> None:
    at %= len(twin)
    _taken_or_refused(twin[:at] + put + twin[at + cut :])


def _taken_or_refused(octets: bytes) -> None:
    try:
        made = from_json(octets, QUERY)
    except (EnvelopeMalformed, SchemaViolation) as refusal:
        assert refusal.findings
        for finding in refusal.findings:
            assert finding.path.encode() is not None  # no half surrogate pair gets into a log
            assert "".join(finding.params.values()).encode() is not None
        return
    assert canonical(parse(made)) == made
    assert from_json(to_json(made, QUERY), QUERY) == made


@settings(max_examples=100)
@given(st.sampled_from(sorted(GOLDEN.glob("*.xml"))), st.sampled_from(DOCUMENTS))
def test_no_document_makes_anything_but_a_twin_or_a_refusal(file: Any, name: str) -> None:
    """A document read by the facts of another message: refused, never another exception."""
    try:
        to_json(file.read_bytes(), facts_of(name))
    except GatewayError as refusal:
        assert refusal.code in ("schema.violation", "envelope.malformed", "envelope.media-type")
