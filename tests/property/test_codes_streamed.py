"""The code check says the same of a document that is read in a stream as of its tree, wherever comments stand."""

from __future__ import annotations

import gc
import random
import tracemalloc
from copy import deepcopy
from datetime import UTC, date, datetime
from io import BytesIO
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.codes.check import Desk, astana_day
from gateway.codes.desks import CodeDesks
from gateway.codes.lists import CodeLists, read_code_lists
from gateway.codes.streamed import MOST, streamed_findings
from gateway.errors import EnvelopeMalformed, Finding
from gateway.facts import FactTable, read_facts
from gateway.model import Document, DocumentType
from gateway.schema.explain import Received
from gateway.xml import Element, parse
from tests.schemas import ROOT
from tests.twins import fixtures

REAL = read_code_lists({file.name: file.read_text("utf-8") for file in (ROOT / "xsd" / "codes").glob("*.csv")})
OTHERWISE = astana_day(datetime(2026, 11, 23, 6, tzinfo=UTC))
TEXTS = [
    "", " ", "CN", " CN\n", "KZ", "b", "b", "XX", "BGN", "CNY", "991240999802", "991240999803", "KZ", "2025-12-31",
    "20261123",
    "31.12.2025", "a", "b", "ab", "aa", "a\u2003", "\u00a0b", "c d", "ÇN", "СNY", "𠮷", "<&>", "]]>", "KZ991240999803",
]  # fmt: skip

# --- an invented message that has every kind of place -----------------------------------------------------------------
NAMESPACE = "urn:t"
FACTS = read_facts(
    """# title: T
# namespace: urn:t
# prefix: t
# root: R
# version: 1
# status: official
path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note
R,1,1,class,,,,,,,
R/G,0,*,class,,,,,,,
R/G/@u,0,1,string,KZ1,U,,,,,
R/G/A,0,*,string,KZ2,A,,,,,
R/G/A/@w,0,1,string,KZ3,W,,,,,
R/G/B,0,*,string,KZ4,B,,,,,
R/G/P,0,*,class,,,,,,,
R/G/P/Q,0,*,string,KZ5,Q,,,,,
R/G/V,0,*,string,KZ6,V,,,,,
R/G/M,0,*,class,KZ7,M,,,,,
R/G/M/N,0,*,string,KZ8,N,,,,,
R/G/T,0,*,class,D011,T,,,,,
R/G/T/Y,0,*,string,D011,Y,,,,,
R/D,0,*,string,KZ111,D,,,,,
"""
)
CODES = "code,name_en,name_ru,name_kk,valid_from,valid_to,source\na,a,b,c,,2025-12-31,s\nb,a,b,c,2027-01-01,,s\n"
CODES += "aa,a,b,c,,2026-11-22,s\nab,a,b,c,,,s\nKZ,a,b,c,,,s\n"
INDEX = """# day: KZ111 D011
root,path,remark,list,join,also,note
R,R/G/@u,*,known,B,,
R,R/G/A,*,known,B,c,
R,R/G/A/@w,*,known,P/Q,,
R,R/G/B,*,known,,,
R,R/G/V,*,check:tin,P/Q,,
R,R/G/M,*,known,M/N,,
R,R/G/M/N,*,known,,,
R,R/G/P/Q,*,advise:bin,,,
"""
LISTS = read_code_lists(
    {"index": INDEX, "known": f"# title: known\n# version: 1\n# complete: yes\n{CODES}"},
)


def invented(dice: random.Random) -> Element:
    """A document of the invented message in no order, with strangers, other namespaces and texts anywhere."""
    root = etree.Element(f"{{{NAMESPACE}}}R", nsmap={None: NAMESPACE})
    left = 60
    nodes = [(root, "R")]
    while left:
        left -= 1
        parent, path = dice.choice(nodes)
        names = [fact.name for fact in FACTS.children(path) if not fact.attribute] or ["X"]
        name = dice.choice([*names, *names, dice.choice("GABPQVMNTDX")])
        space = dice.choice([NAMESPACE] * 12 + ["urn:o", ""])
        child = etree.SubElement(parent, f"{{{space}}}{name}" if space else name)
        child.text = dice.choice(TEXTS)
        child.tail = dice.choice(["", "\n", dice.choice(TEXTS)])
        for key in "uw":
            if dice.random() < 0.3:
                child.set(key, dice.choice(TEXTS))
        nodes.append((child, f"{path}/{name}"))
    return root


# --- documents of the tree, spoiled -----------------------------------------------------------------------------------
SAMPLES = {sample.name: sample for sample in fixtures() if Desk(sample.facts, REAL).bound}


def spoiled(payload: bytes, dice: random.Random) -> Element:
    """The same with other values, elements twice, gone, or in another order."""
    root = parse(payload)
    for _ in range(dice.randint(1, 12)):
        element = dice.choice([one for one in root.iter("{*}*") if one is not root] or [etree.SubElement(root, "x")])
        parent = element.getparent()
        assert parent is not None
        act = dice.randrange(6)
        if act == 0:
            parent.remove(element)
        elif act == 1:
            parent.insert(dice.randrange(len(parent) + 1), deepcopy(element))
        elif act == 2:
            parent.insert(dice.randrange(len(parent)), element)
        elif act == 3 and element.attrib:
            element.set(dice.choice(list(element.attrib)), dice.choice(TEXTS))
        elif not len(element):
            element.text = dice.choice(TEXTS)
    return root


def written(element: Element, dice: random.Random) -> bytes:
    """The document as octets, its texts cut by comments, instructions, CDATA sections and references."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', noise(dice)]
    _write(element, dice, parts, "")
    return "".join([*parts, noise(dice)]).encode()


def _write(element: Element, dice: random.Random, parts: list[str], inherited: str) -> None:
    name = etree.QName(element)
    space = name.namespace or ""
    told = f" xmlns={quoteattr(space)}" if space != inherited else ""
    given = ""
    for key, value in element.attrib.items():
        attribute = etree.QName(key)
        prefix = "n:" if attribute.namespace else ""
        given += f" xmlns:n={quoteattr(attribute.namespace)}" if attribute.namespace and "xmlns:n" not in given else ""
        given += f" {prefix}{attribute.localname}{dice.choice(['=', ' = ', '=' + chr(10)])}{quoteattr(value)}"
    parts.append(f"<{name.localname}{told}{given}>")
    _say(element.text or "", dice, parts)
    for child in element.iterchildren("{*}*"):
        _write(child, dice, parts, space)
        _say(child.tail or "", dice, parts)
    parts.append(f"</{name.localname}{dice.choice(['', ' ', chr(10)])}>")


def _say(text: str, dice: random.Random, parts: list[str]) -> None:
    while text:
        cut = dice.randint(1, len(text))
        piece, text = text[:cut], text[cut:]
        way = dice.randrange(5)
        if way == 0 and "]]>" not in piece:
            parts.append(f"<![CDATA[{piece}]]>")
        elif way == 1:
            parts.append("".join(f"&#{ord(letter)};" for letter in piece))
        else:
            parts.append(escape(piece))
        parts.append(noise(dice) if dice.random() < 0.3 else "")


def noise(dice: random.Random) -> str:
    """What is no part of any value."""
    return dice.choice(["", "<!-- <A>x</A> -->", "<?go on?>", "<!--" + "ж" * dice.choice([1, 70_000]) + "-->"])


# --- both verdicts ----------------------------------------------------------------------------------------------------
def of_tree(octets: bytes, facts: FactTable, lists: CodeLists) -> tuple[Finding, ...]:
    """What the line says of a short document."""
    desks = CodeDesks({(DocumentType("T"), "1"): Desk(facts, lists)})
    document = Document(type=DocumentType("T"), version="1", payload=octets, schema="")
    return desks.findings(document, Received(octets=octets), OTHERWISE)


def of_stream(octets: bytes, facts: FactTable, lists: CodeLists, otherwise: date = OTHERWISE) -> tuple[Finding, ...]:
    """What it says of a long one."""
    return streamed_findings(Desk(facts, lists), BytesIO(octets), otherwise)


LAWS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@LAWS
@given(seed=st.integers(0, 2**32))
def test_an_invented_document_is_judged_alike(seed: int) -> None:
    """Every finding with its rule, words, path, line, column, value and WCO names."""
    dice = random.Random(seed)
    octets = written(invented(dice), dice)
    assert of_stream(octets, FACTS, LISTS) == of_tree(octets, FACTS, LISTS)[:MOST]


@LAWS
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(SAMPLES)))
def test_a_spoiled_document_is_judged_alike(seed: int, name: str) -> None:
    """All messages of the tree, by the lists of the tree."""
    dice, facts = random.Random(seed), SAMPLES[name].facts
    octets = written(spoiled(SAMPLES[name].payload, dice), dice)
    assert of_stream(octets, facts, REAL) == of_tree(octets, facts, REAL)[:MOST]


def test_the_laws_are_about_something() -> None:
    """The documents that are made do break rules: of every kind, of attributes, of what is joined."""
    found: list[Finding] = []
    for seed in range(60):
        dice = random.Random(seed)
        found += of_stream(written(invented(dice), dice), FACTS, LISTS)
    assert {one.rule for one in found} >= {"code.unknown", "code.expired", "code.not-yet", "id.form"}
    assert {one.path.rpartition("/")[2].partition("[")[0] for one in found} >= {"@u", "@w", "A", "V", "M", "N"}


@pytest.mark.parametrize("where", ["head", "tail"])
@pytest.mark.parametrize("day", ["2025-12-31", "2026-01-01"])
def test_the_day_may_be_told_after_everything_it_judges(where: str, day: str) -> None:
    """Two million letters later, and the values are judged by it."""
    item, pad = "<G><B>a</B></G>", f"<!--{'x' * 1_100_000}-->"
    told = f"<D>{day}</D>"
    inside = told + item + pad if where == "head" else item + pad + told
    octets = f'<R xmlns="{NAMESPACE}">{inside}</R>'.encode()
    found = of_stream(octets, FACTS, LISTS)
    assert found == of_tree(octets, FACTS, LISTS)
    assert [one.rule for one in found] == (["code.expired"] if day == "2026-01-01" else [])


def test_only_the_first_findings_are_told() -> None:
    """As many as of a schema; those that stand first, though what they are joined with comes later."""
    items = "".join(f"<A>x{n}</A>" for n in range(300))
    octets = f'<R xmlns="{NAMESPACE}"><G>{items}<B>ab</B></G><G><B>x</B></G></R>'.encode()
    found = of_stream(octets, FACTS, LISTS)
    assert found == of_tree(octets, FACTS, LISTS)[:MOST]
    assert found[-1].value == "abx99"


def test_of_two_that_tell_the_day_the_one_that_begins_first_does() -> None:
    """Though the one inside it ends before it."""
    told = "<T>31.12.2025 <Y>2026-12-01</Y></T>"
    octets = f'<R xmlns="{NAMESPACE}"><G><B>a</B>{told}</G><G>{"<T>x</T>" * 2}</G></R>'.encode()
    assert of_stream(octets, FACTS, LISTS) == of_tree(octets, FACTS, LISTS) == ()


def test_many_texts_are_not_one_long_one() -> None:
    """Only a single text is bounded: two million letters in all are taken."""
    item = "<B>" + " " * 999 + "ab</B>"
    octets = f'<R xmlns="{NAMESPACE}"><G>{item * 2000}</G></R>'.encode()
    assert of_stream(octets, FACTS, LISTS) == ()


def test_what_waits_is_bounded() -> None:
    """Values that come before what stands beside them, more than any message of ours has: refused, not held."""
    octets = f'<R xmlns="{NAMESPACE}"><G>{"<A>x</A>" * 6000}<B>ab</B></G></R>'.encode()
    with pytest.raises(EnvelopeMalformed, match="too many values"):
        of_stream(octets, FACTS, LISTS)


def test_memory_does_not_grow_with_the_values() -> None:
    """Ever other values, all of them right, told before their day: more of them cost the same."""

    def cost(number: int) -> int:
        items = "".join(f"<G><B>ab</B><P><Q>DE</Q></P><V>{n:09d}</V></G>" for n in range(number))
        pad = f"<!--{'x' * 1_100_000}-->"
        source = BytesIO(f'<R xmlns="{NAMESPACE}">{items}{pad}<D>2025-12-31</D></R>'.encode())
        gc.collect()
        tracemalloc.start()
        try:
            assert streamed_findings(Desk(FACTS, LISTS), source, OTHERWISE) == ()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = cost(5_500), cost(10_500)
    assert many < few + 500_000, (few, many)
    assert many < 6_000_000
