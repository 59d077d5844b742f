"""Laws of the mapping desk: canonical output, untouched input, there and back again, any Unicode."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mapping import compile_table, explain, reverse, translate
from gateway.mapping.converters import collapsed, core_converter
from gateway.mapping.numbers import canonical_decimal
from gateway.xml import canonical, parse
from tests.mapping_samples import CONTEXT, FULL, SOURCE, TARGET, UNITS, a, translation

THERE = translation(FULL)
KEPT = translation("\n".join(line for line in FULL.splitlines() if not line.startswith("G2")) + "\n")
BACK = compile_table(reverse(KEPT.table, TARGET, {}, {"UNITS": UNITS}).table, TARGET, SOURCE, {}, {"UNITS": UNITS})
CARRIED = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
LEGAL = st.text(CARRIED | st.sampled_from("\t\n\r&<>\"']"))
TOKEN = LEGAL.map(collapsed)
ONLY_BMP = LEGAL.filter(lambda text: text.strip(" \t\r\n"))
NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12)
AWKWARD = [
    "Қазақстан Республикасы әғқңөұүһі", "中华人民共和国海关总署", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "İstanbul ıI",
    "𠮷野家", "a\u2028b", "\u200fאבג", "x ]]> y", "{{7*7}} ${7*7} <%= 1 %>", "\"q\" 'a' & < >", "a\rb\tc\nd",
    "&amp;lt;", "<!-- no -->", "=cmd|' /C calc'!A0", "\ufeffbom", "e\u0301", "\U0010ffff", "\x7f\x85\x9f",
]  # fmt: skip


def element(name: str, text: str, attributes: str = "") -> str:
    return f"<{name}{attributes}>{escape(text, {chr(13): '&#13;'})}</{name}>" if text else ""


def attribute(name: str, text: str) -> str:
    return f" {name}={quoteattr(text, {chr(13): '&#13;'})}" if text else ""


def day(moment: date) -> str:
    return f"{moment.year:04}{moment.month:02}{moment.day:02}"


@st.composite
def items(draw: st.DrawFn) -> str:
    unit = draw(st.sampled_from(["KGM", "TNE"]))
    number = canonical_decimal(format(draw(NUMBER), "f"))
    papers = "".join(
        f"<Document><Type>{kind}</Type>{element('No', number)}</Document>"
        for kind, number in draw(st.lists(st.tuples(st.just("1"), TOKEN.filter(bool)), max_size=2))
    )
    quantity = element("Qty", number, attribute("unitCode", unit))
    return f"<Item><Seq>{draw(st.integers(0, 99999))}</Seq>{quantity}{papers}</Item>"


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    money = canonical_decimal(format(draw(NUMBER), "f"))
    return a(
        element("ID", draw(TOKEN.filter(bool)))
        + element("Code", draw(TOKEN))
        + element("When", day(draw(st.dates())))
        + element("Amount", money, attribute("currencyID", draw(TOKEN)))
        + "".join(element("Note", note) for note in draw(st.lists(ONLY_BMP, max_size=3)))
        + element("Text", draw(ONLY_BMP))
        + "".join(draw(st.lists(items(), max_size=3)))
    )


@given(documents())
def test_the_output_is_its_own_canonical_form_and_the_input_stays(document: bytes) -> None:
    before = bytes(bytearray(document))
    out = translate(document, THERE, CONTEXT)
    assert canonical(parse(out)) == out
    assert document == before
    assert explain(document, THERE, CONTEXT)[0] == out
    assert translate(document, THERE, CONTEXT) == out


@given(documents())
def test_there_and_back_again(document: bytes) -> None:
    """Everything returns but the document types, which the table does not carry."""
    returned = translate(translate(document, THERE, CONTEXT), BACK, CONTEXT)
    assert returned == canonical(parse(without_papers(document)))


def without_papers(document: bytes) -> bytes:
    root = parse(document)
    for item in root.findall("{urn:a}Item"):
        for paper in item.findall("{urn:a}Document"):
            item.remove(paper)
    return canonical(root)


@pytest.mark.parametrize("text", AWKWARD)
@pytest.mark.threat("M1")
def test_awkward_text_is_escaped_once_and_survives(text: str) -> None:
    document = a(element("ID", "1") + element("Note", text) + element("Amount", "1", attribute("currencyID", text)))
    root = parse(translate(document, THERE, CONTEXT))
    note, money = root.find("{urn:b}Remark"), root.find("{urn:b}Sum")
    assert note is not None and note.text == text
    assert money is not None and money.get("currencyID") == collapsed(text)


@given(NUMBER, st.integers(-6, 6))
def test_scale_is_exact_both_ways(number: Decimal, power: int) -> None:
    converter = core_converter("scale", format(Decimal(1).scaleb(power), "f"))
    assert converter is not None and converter.back is not None
    text = canonical_decimal(format(number, "f"))
    assert converter.back(converter.there(text)) == text


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_times_keep_their_instant(moment: datetime, zone: int) -> None:
    sign, (hours, minutes) = "-" if zone < 0 else "+", divmod(abs(zone), 60)
    offset = f"{sign}{hours:02}:{minutes:02}" if zone else "Z"
    text = f"{moment.isoformat(timespec='seconds')}{offset}"
    converter = core_converter("date", "iso,304")
    assert converter is not None and converter.back is not None
    assert converter.back(converter.there(text)) == text


@given(st.text(max_size=20))
def test_no_converter_takes_what_it_does_not_know(text: str) -> None:
    """Refusal or a canonical result: never another exception."""
    for name, args in (("date", "102,dmy"), ("date", "304,iso"), ("decimal", ""), ("scale", "3"), ("round", "2")):
        converter = core_converter(name, args)
        assert converter is not None
        try:
            result = converter.there(text)
        except ValueError:
            continue
        assert result.isascii()
