"""The swift way of a translation and the careful one give the same bytes, or the same findings."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import dense_table, wide_table
from bench.documents import SIZES, declaration
from gateway.errors import Finding, MappingGap
from gateway.mapping import Translation, explain, translate
from gateway.mapping.outcome import Run
from gateway.mapping.run import accepted, bounded
from tests.mapping_samples import CONTEXT, FULL, HEAD, a, translation
from tests.property.test_every_table import LAWS, drawn, every_table
from tests.property.test_mapping_laws import documents as small
from tests.tables import CONTEXT as TABLE_CONTEXT
from tests.tables import cases

Said = bytes | list[Finding]
FULLY = translation(FULL)


def swift(payload: bytes, table: Translation) -> str | None:
    """What the swift way alone gives; None when it leaves the document to the careful one."""
    assert table.swift is not None
    with bounded(table):
        return table.swift.written(payload, Run(CONTEXT, swift=True), lambda: accepted(payload, table))


def said(way: Callable[[], bytes]) -> Said:
    try:
        return way()
    except MappingGap as gap:
        return list(gap.findings)


def both(payload: bytes, table: Translation, context: dict[str, str]) -> Said:
    """The answer of `translate`, which must be that of the careful way (`explain` always goes that way)."""
    answer = said(lambda: translate(payload, table, context))
    assert answer == said(lambda: explain(payload, table, context)[0])
    return answer


@every_table
@LAWS
@given(data=st.data())
def test_both_ways_agree_on_every_table(name: str, data: st.DataObject) -> None:
    """For random valid documents of the message a table takes."""
    both(drawn(name, data), cases()[name].translation, dict(TABLE_CONTEXT))


@settings(deadline=None)
@given(small())
def test_both_ways_agree_on_any_text(document: bytes) -> None:
    """For any Unicode text, with references and white space of every kind."""
    both(document, FULLY, CONTEXT)


@pytest.mark.parametrize("size", ["6 KB", "50 KB"])
def test_both_ways_agree_on_the_measured_documents(size: str) -> None:
    """The documents of the bench, longer than what is cut at once."""
    payload = declaration(SIZES[size])
    assert both(payload, wide_table.translation(), wide_table.CONTEXT) == wide_table.same(payload)
    assert swift(payload, wide_table.translation()) is not None
    both(dense_table.document(3), dense_table.translation(), CONTEXT)


BODY = "<ID>1</ID><Code>K</Code><Amount>1.50</Amount><Text>some text</Text>"
ODD = {
    "comment": "<ID>1<!-- a > b --></ID><Code>K</Code><!-- <ID>2</ID> -->",
    "cdata": "<ID><![CDATA[1 < 2 > 0 & ]]></ID>",
    "greater in text": "<ID>1 > 0</ID><Code>K</Code>",
    "greater in an attribute": "<ID note='>'>1</ID><Code>K</Code>",
    "greater twice, as if a tag": "<ID>1</ID>>ID><Code>K</Code>",
    "element in a leaf": "<ID>1<Code>inner</Code></ID><Code>K</Code>",
    "elements in a leaf": "<Code>K<b><c/></b>tail<b/></Code><ID>1</ID>",
    "closed leaf": "<ID>1</ID><Code/><Text />",
    "spaces in tags": "<ID >1</ID\n><Code\t>K</Code >",
    "unknown subtree": "<ID>1</ID><Else><ID>2</ID><Item><Seq>1</Seq></Item><Deep><Deep/></Deep></Else><Code>K</Code>",
    "other namespace": '<ID>1</ID><ID xmlns="urn:else">2</ID><q:Code xmlns:q="urn:a">Q</q:Code>',
    "default undone": '<ID>1</ID><Item xmlns=""><Seq xmlns="urn:a">9</Seq><Seq>8</Seq></Item>',
    "references": "<ID>&#49;&lt;&amp;&gt;&quot;&apos;&#x4b;</ID><Text>a&#13;&#10;b</Text>",
    "line ends": "<ID>1\r\n2\r3</ID>\r\n<Text>a\r\nb\rc</Text>",
    "blank": "<ID>1</ID><Code>  \n </Code><Text> \t </Text>",
    "twice": "<ID>1</ID><Code>K</Code><Code> </Code><Code>L</Code>",
    "surrogates and marks": "<ID>𠮷\u2028\u200f\u00a0 x</ID><Text>\u00a0\ufeff</Text>",
    "attributes": "<ID>1</ID><Item><Qty unitCode = 'KGM' xml:lang=\"ru\">5</Qty></Item>",
    "attribute with references": '<ID>1</ID><Item><Qty unitCode=" K&#71;M&#10;">5</Qty></Item>',
    "broken": "<ID>1</ID><Amount>12,5</Amount>",
    "items of every kind": "<ID>1</ID><Item/><Item><Seq>1</Seq></Item><Item></Item><Item x='1'> <Seq>2</Seq></Item>",
    "element in a leaf of an item": "<ID>1</ID><Item><Seq>1<b/></Seq></Item><Item><Seq>2<Qty>3</Qty></Seq></Item>",
    "items in an item": "<ID>1</ID><Item><Seq>1</Seq><Item><Seq>2</Seq></Item></Item>",
    "a broken item": "<ID>1</ID><Item><Seq>1</Seq></Item><Item><Seq>x</Seq></Item>",
    "nothing": "",
}


@pytest.mark.parametrize("name", ODD)
def test_both_ways_agree_on_odd_documents(name: str) -> None:
    """However a document is written, it means what the parser says it means."""
    both(a(ODD[name]), FULLY, CONTEXT)
    both(a(ODD[name] + BODY), FULLY, CONTEXT)
    both(b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n' + a(ODD[name]) + b"\n<!-- end -->", FULLY, CONTEXT)


MARKS = st.text(st.sampled_from("ab<>&\"' /=!-\n\r\t]["), max_size=12)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["ID", "Code", "Text", "Item", "Note", "Else"]), MARKS, MARKS), max_size=6))
def test_both_ways_agree_however_text_is_escaped(parts: list[tuple[str, str, str]]) -> None:
    """Raw `>` and quotes in texts and attributes."""
    body = "".join(f"<{name} x='{_raw(mark)}'>{_raw(text)}</{name}>" for name, text, mark in parts)
    both(a(body), FULLY, CONTEXT)


def _raw(text: str) -> str:
    """Escaped no more than XML asks."""
    return escape(text, {"'": "&apos;"}).replace("&gt;", ">").replace("]]>", "")


def test_what_is_remembered_of_tags_is_bounded() -> None:
    """Ten thousand tags never seen before do not stay, and the next message is read as before."""
    table = translation(FULL)
    assert table.swift is not None
    for round_ in range(12):
        many = "".join(f"<Else n='{round_}-{at}'/>" for at in range(1_000))
        assert swift(a(BODY + many), table) == swift(a(BODY), table)


def test_a_broken_document_is_told_in_full() -> None:
    """Every finding with its place, though the swift way ended at the first."""
    table = translation(
        HEAD + "R1,A/ID,B/Number,,yes,,\nR3,A/Amount,B/Sum,decimal,,,\nR4,A/Code,B/Code,code:UNITS,,,\n"
    )
    found = both(a("<Code>nix</Code><Amount>1,5</Amount>"), table, CONTEXT)
    assert len(found) == 3
