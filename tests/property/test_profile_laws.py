"""Laws of our profiles: the XSD says what the table says, of any document; every pattern means what it says.

More documents: `GATEWAY_TEST_EXAMPLES=500 pytest tests/property/test_profile_laws.py`.
"""

from __future__ import annotations

import os
import random
import re
from functools import cache
from xml.sax.saxutils import quoteattr

import pytest
from lxml import etree

from gateway.twin import from_json, to_json
from gateway.xml import parse
from tests.conformance.wco_documents import spoil
from tests.fact_verdict import taken
from tests.generated import Hopes, generate
from tests.patterns import matching
from tests.profiles import MESSAGES, record, sample
from tests.schemas import ROOT
from tests.twins import facts_of, known, plain

EXAMPLES = int(os.environ.get("GATEWAY_TEST_EXAMPLES", "24"))
FULL = (0.02, 0.1, 0.4, 0.0)
every = pytest.mark.parametrize("message", MESSAGES)


@cache
def xsd(message: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(ROOT / record(message).path))


@every
def test_random_documents_are_valid_and_have_a_twin(message: str) -> None:
    """Made from the facts alone: both take it, and it comes back from JSON as it went."""
    for seed in range(EXAMPLES // 4):
        document = generate(facts_of(message), Hopes(), seed=seed, full=FULL[seed % len(FULL)])
        assert xsd(message).validate(parse(document)), xsd(message).error_log.last_error
        assert taken(parse(document), facts_of(message))
        twin = to_json(document, facts_of(message))
        assert plain(from_json(twin, facts_of(message))) == plain(document)


@every
def test_the_xsd_says_what_the_table_says(message: str) -> None:
    """Of samples and random documents spoilt in every way: dropped, doubled, moved, lengthened, retyped, renamed."""
    dice, verdicts = random.Random(message), []
    for number in range(EXAMPLES):
        seed = generate(facts_of(message), Hopes(), seed=number, full=FULL[number % len(FULL)])
        source = parse(sample(message) if number % 3 == 0 else seed)
        root, done = spoil(source, dice)
        document = parse(etree.tostring(root, encoding="UTF-8"))
        verdicts.append(xsd(message).validate(document))
        assert taken(document, facts_of(message)) == verdicts[-1], f"{number} {done}: {xsd(message).error_log}"
    assert False in verdicts


PATTERNS = sorted(
    {
        fact.pattern
        for name, one in known().items()
        if one.namespace.startswith("urn:") and not one.official
        for fact in facts_of(name).facts.values()
        if fact.pattern and "\\p{" not in fact.pattern and "\\P{" not in fact.pattern
    }
)


def judging(pattern: str) -> etree.XMLSchema:
    return etree.XMLSchema(
        etree.fromstring(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:simpleType>'
            f'<xs:restriction base="xs:string"><xs:pattern value={quoteattr(pattern)}/></xs:restriction>'
            "</xs:simpleType></xs:element></xs:schema>"
        )
    )


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_to_libxml2_what_it_says(pattern: str) -> None:
    """libxml2 takes nineteen digits for `[0-9]{8}|[0-9]{10}`: counted runs that begin alike share their counters."""
    schema, dice, asked = judging(pattern), random.Random(pattern), etree.Element("a")
    for _ in range(30):
        text = matching(pattern, dice, ["A", "b", "1"], ["x"])
        for _ in range(8):
            asked.text = text
            assert schema.validate(asked) == (re.fullmatch(pattern, text) is not None), text
            at = dice.randrange(len(text) + 1)
            text = dice.choice((text[:at] + text[at : at + 1] * 2 + text[at + 1 :], text + text[-3:], text[:at]))


def test_the_law_of_patterns_sees_the_fault() -> None:
    """The very pattern that once let offices of nine digits pass."""
    asked = etree.Element("a")
    asked.text = "000291986"
    assert judging("[0-9]{2}|[0-9]{5}|[0-9]{8}").validate(asked)
    assert not judging("[0-9]{2}([0-9]{3}([0-9]{3})?)?").validate(asked)
