"""Streaming: the same octets and findings as in memory, refusals with a reason, and memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigurationError, EnvelopeMalformed, Finding, MappingGap, MediaTypeUnknown
from gateway.mapping import Streamed, Translation, explain, streamable, translate, translate_stream
from tests.mapping_samples import CONTEXT, FULL, HEAD, a, b, translation
from tests.property.test_every_table import LAWS, drawn, every_table
from tests.property.test_mapping_laws import documents
from tests.tables import CONTEXT as TABLE_CONTEXT
from tests.tables import cases

FULLY = translation(FULL)
ITEM = "<Item><Seq>{0}</Seq><Qty unitCode='KGM'>{0}.50</Qty><Document><Type>1</Type><No>N{0}</No></Document></Item>"
TOTALS = HEAD + "R1,A/ID,B/Number,,yes,,\nG1,A/Item,B/Line,each,,,\nG1a,A/Item/Seq,B/Line/Pos,,yes,,\n"


def streamed(payload: bytes, table: Translation, context: dict[str, str] | None = None) -> tuple[Streamed, bytes]:
    out = BytesIO()
    told = translate_stream(table, BytesIO(payload), out, context or CONTEXT)
    return told, out.getvalue()


def same(payload: bytes, table: Translation, context: dict[str, str] | None = None) -> None:
    """Both ways give the same octets, or the same findings in whatever order."""
    try:
        whole = translate(payload, table, context or CONTEXT)
    except MappingGap as gap:
        with pytest.raises(MappingGap) as streaming:
            streamed(payload, table, context)
        assert sorted(streaming.value.findings, key=repr) == sorted(gap.findings, key=repr)
        return
    told, out = streamed(payload, table, context)
    assert out == whole
    assert told.octets == len(whole)


def reasons(table: Translation) -> list[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as refused:
        streamable(table)
    return [(finding.params["rule"], finding.params["reason"]) for finding in refused.value.findings]


@settings(deadline=None)
@given(documents())
def test_streaming_gives_the_same_octets(document: bytes) -> None:
    """For random documents of a small table."""
    same(document, FULLY)


@every_table
@LAWS
@given(data=st.data())
def test_every_table_streams_or_says_why_not(name: str, data: st.DataObject) -> None:
    """Same octets for random valid documents; a table that cannot stream names the row or the lack of one."""
    table = cases()[name].translation
    try:
        streamable(table)
    except ConfigurationError as refused:
        assert all(finding.params["reason"] for finding in refused.findings)
        return
    document = drawn(name, data)
    try:
        whole = translate(document, table, dict(TABLE_CONTEXT))
    except MappingGap as gap:
        with pytest.raises(MappingGap) as streaming:
            streamed(document, table, dict(TABLE_CONTEXT))
        assert kinds(streaming.value.findings) == kinds(gap.findings)
    else:
        assert streamed(document, table, dict(TABLE_CONTEXT))[1] == whole


def kinds(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return sorted((finding.rule, finding.path, finding.value) for finding in findings)


def test_what_stands_behind_the_items_is_known_before_them() -> None:
    """The first reading collects everything that is not an item."""
    payload = a("".join(ITEM.format(n) for n in range(1, 400)) + "<Code>K</Code><ID>77</ID>")
    told, out = streamed(payload, FULLY)
    assert told == Streamed(rule="G1", items=399, octets=len(out))
    assert out == translate(payload, FULLY, CONTEXT)
    assert b"<Number>77</Number><Code>KZ-K</Code>" in out


def test_a_document_without_items_is_as_in_memory() -> None:
    """Nothing is written around items that are not there."""
    same(a("<ID>1</ID>"), FULLY)
    only = translation(
        HEAD + "R1,A/ID,B/Number,,,,\nG1,A/Item,B/Line,each,,A/Item/Seq = '9',\nG1a,A/Item/Seq,B/Line/Pos,,,,\n"
    )
    same(a("<ID>1</ID>" + ITEM.format(1)), only)
    same(a("<ID>1</ID>" + ITEM.format(9) + ITEM.format(1)), only)


def test_findings_name_the_item_among_all() -> None:
    """`A/Item[702]`, though all the items before it are forgotten."""
    items = [ITEM.format(n) for n in range(1, 801)]
    items[701] = items[701].replace("702.50", "7,5").replace("<Seq>702", "<Seq>x")
    same(a("<ID>1</ID>" + "".join(items)), FULLY)
    with pytest.raises(MappingGap) as gap:
        streamed(a("<ID>1</ID>" + "".join(items)), FULLY)
    assert {"A/Item[702]/Seq"} < {finding.params["source"] for finding in gap.value.findings}


def test_findings_of_head_and_items_come_together() -> None:
    """What is wrong outside the items is told as well; one item alone has no number."""
    same(a("<Amount>1,5</Amount><ID>1</ID>" + ITEM.format("x")), FULLY)
    same(a(ITEM.format("x") + ITEM.format(1)), FULLY)
    same(a("<Item/>"), FULLY)


def test_no_more_than_a_thousand_findings_are_kept() -> None:
    """Then nobody reads on."""
    with pytest.raises(MappingGap) as gap:
        streamed(a("<ID>1</ID>" + "<Item><Seq>x</Seq></Item>" * 1_500), FULLY)
    assert len(gap.value.findings) == 1_000


@pytest.mark.parametrize(
    "row",
    [
        "R9,A/Item/Seq,B/Free,count,,,",
        "R9,A/Text,B/Free,,,A/Item/Seq = '1',",
        "G9,A/Item,B/Remark,each,,,\nG9a,A/Item/Seq,B/Remark,,,,",
    ],
)
def test_a_rule_that_needs_all_items_at_once_cannot_stream(row: str) -> None:
    """It is named, with what it reads."""
    (rule, reason), *_ = reasons(translation(TOTALS + row))
    assert rule in ("R9", "G1", "G9")
    assert "reads A/Item" in reason


def test_a_table_without_a_group_cannot_stream() -> None:
    """There is nothing to go through one by one."""
    [(rule, reason)] = reasons(translation(HEAD + "R1,A/ID,B/Number,,yes,,\n"))
    assert rule == ""
    assert "no group row" in reason


@pytest.mark.parametrize(
    ("payload", "error", "threat"),
    [
        (a("<ID>1</ID><Item>"), EnvelopeMalformed, "X8"),
        (b"", EnvelopeMalformed, "X8"),
        (b"<!DOCTYPE A [<!ENTITY e 'x'>]>" + a("<ID>&e;</ID>"), EnvelopeMalformed, "X1"),
        (a("<ID>1</ID><?do it?><Item><Seq>1</Seq></Item>"), EnvelopeMalformed, "X4"),
        (a("<ID>1</ID>" + "<Note>n</Note>" * 60_000), EnvelopeMalformed, "X5"),
        (a("<ID>1</ID>").decode().encode("utf-16"), MediaTypeUnknown, "X7"),
        (b"<?xml version='1.0' encoding='KOI8-R'?>" + a("<ID>1</ID>"), MediaTypeUnknown, "X7"),
        (b("<Number>1</Number>"), MappingGap, ""),
    ],
)
def test_what_the_parser_refuses_is_refused(payload: bytes, error: type[Exception], threat: str) -> None:
    """As in memory, with the row of the threat table."""
    with pytest.raises(error) as refused:
        streamed(payload, FULLY)
    assert getattr(refused.value, "threat", "") == threat
    with pytest.raises(error):
        translate(payload, FULLY, CONTEXT)


def test_comments_and_other_elements_of_the_same_name_do_no_harm() -> None:
    """Only what stands at the place of the items is one."""
    odd = "<Else><Item><Seq>5</Seq></Item></Else><!-- <Item> --><Item xmlns='urn:else'/>"
    same(a("<ID>1<!-- x -->2</ID>" + odd + ITEM.format(1) + "<!-- y -->" + odd + ITEM.format(2) + odd), FULLY)
    assert explain(a("<ID>1</ID>"), FULLY, CONTEXT)


def test_memory_does_not_grow_with_the_items() -> None:
    """10,000 goods items of a declaration (17 MB) rise the peak by no more than 1,000; the long form: bench.stream."""
    few, many = (_peak(items) for items in (1_000, 10_000))
    assert many < few + 4
    assert many < 8


def _peak(items: int) -> float:
    """MiB by which the peak rose, in a process of its own."""
    command = [sys.executable, "-m", "bench.stream", str(items)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.split()[-1])
