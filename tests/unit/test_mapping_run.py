"""A translation writes what its table says, as canonical text, and says everything that is missing."""

from __future__ import annotations

import pytest

from gateway.errors import MappingGap
from gateway.mapping import read_codes, translate
from gateway.mapping.outcome import MOST_TURNS
from gateway.model import Converter
from gateway.xml import canonical, parse
from tests.mapping_samples import CONTEXT, FULL, a, b, schema, translation

OK = "R1,A/ID,B/Number,,,,\n"
DOCUMENT = a(
    '<ID> KZ<!-- c -->1 </ID><Code>x</Code><When>20261123</When><Amount currencyID="KZT">010.50</Amount>'
    "<Note>one</Note><Note>two</Note><Text> a  b\n</Text>"
    '<Item><Seq>01</Seq><Qty unitCode="TNE">1.5</Qty><Document><Type>853</Type><No>P1</No></Document>'
    "<Document><Type>1</Type><No>D1</No></Document></Item><Item><Seq>2</Seq></Item>"
)


def run(rows: str, document: bytes = DOCUMENT) -> bytes:
    return translate(document, translation(rows), CONTEXT)


def gaps(rows: str, document: bytes = DOCUMENT) -> list[tuple[str, str, str]]:
    with pytest.raises(MappingGap) as caught:
        run(rows, document)
    return [(f.rule.removeprefix("mapping."), f.path, f.value) for f in caught.value.findings]


def test_a_document_is_rewritten_in_the_order_of_the_target_schema() -> None:
    shuffled = "\n".join(reversed(FULL.strip().splitlines()[1:])) + "\n"
    expected = b(
        '<Number>KZ1</Number><Code>KZ-x</Code><Day>23.11.2026</Day><Sum currencyID="KZT">10.5</Sum><Free> a  b\n</Free>'
        "<Remark>one</Remark><Remark>two</Remark>"
        '<Line><Pos>1</Pos><Quantity unitCode="168">1500</Quantity><Paper><No>P1</No></Paper>'
        "<Paper><No>D1</No></Paper></Line>"
        "<Line><Pos>2</Pos></Line>"
    )
    assert run(FULL) == run(shuffled) == expected


def test_empty_elements_and_what_is_only_blank_are_left_out() -> None:
    assert run(FULL, a("<ID>1</ID><Code/><Amount> \n</Amount><Note> </Note><Text>\t</Text>")) == b("<Number>1</Number>")


def test_names_are_matched_by_namespace_not_by_prefix() -> None:
    other = b'<q:A xmlns:q="urn:a" xmlns="urn:z"><ID>no</ID><q:ID>yes</q:ID></q:A>'
    assert run(OK, other) == b("<Number>yes</Number>")


def test_a_foreign_namespace_is_declared_where_it_is_used() -> None:
    found = run(OK + "R2,A/Code,B/Foreign/Inner,,,,\nR3,A/When,B/Day,,,,\n")
    assert found == b('<Number>KZ1</Number><Day>20261123</Day><Foreign xmlns="urn:other"><Inner>x</Inner></Foreign>')
    assert canonical(parse(found)) == found


def test_a_group_over_a_document_sees_the_item_that_holds_it() -> None:
    rows = OK + "G1,A/Item,B/Line,each,,,\nG2,A/Item/Seq,B/Line/Pos,,,,\nG3,A/ID,B/Line/@nr,,,,\n"
    rows += "G4,A/Item/Document,B/Line/Paper,each,,A/Item/Document/Type != '853',\n"
    rows += "G5,A/Item/Document/No,B/Line/Paper/No,,,,\nG6,A/Item/Seq,B/Line/Paper/Pos,,,,\n"
    assert run(rows) == b(
        '<Number>KZ1</Number><Line nr="KZ1"><Pos>01</Pos><Paper><No>D1</No><Pos>01</Pos></Paper></Line>'
        '<Line nr="KZ1"><Pos>2</Pos></Line>'
    )


def test_a_flat_group_reads_the_parent_of_each_occurrence() -> None:
    rows = (
        OK
        + "G1,A/Item/Document,B/Line,each,,,\nG2,A/Item/Seq,B/Line/Pos,,,,\nG3,A/Item/Document/No,B/Line/Permit,,,,\n"
    )
    lines = "<Line><Pos>01</Pos><Permit>P1</Permit></Line><Line><Pos>01</Pos><Permit>D1</Permit></Line>"
    assert run(rows) == b(f"<Number>KZ1</Number>{lines}")


def test_when_selects_one_of_many() -> None:
    rows = OK + "G1,A/Item,B/Line,each,,,\nG2,A/Item/Seq,B/Line/Pos,,,,\n"
    rows += "G3,A/Item/Document/No,B/Line/Permit,,,A/Item/Document/Type = '853',\n"
    expected = "<Line><Pos>01</Pos><Permit>P1</Permit></Line><Line><Pos>2</Pos></Line>"
    assert run(rows) == b(f"<Number>KZ1</Number>{expected}")


def test_when_that_leaves_several_values_is_a_finding() -> None:
    row = "R2,A/Item/Document/No,B/Code,,,\"A/Item/Document/Type in ('853','1')\",\n"
    assert gaps(OK + row) == [("several", "B/Code", "P1, D1")]


def test_combiners_take_all_occurrences() -> None:
    rows = OK + "R2,A/Item/Document/No,B/Code,join(;),,,\nR3,A/Item,B/Day,count,,,\nR4,A/Item/Seq,B/Sum,sum,,,\n"
    rows += "R5,A/Note,B/Free,first,,,\n"
    assert run(rows) == b("<Number>KZ1</Number><Code>P1;D1</Code><Day>2</Day><Sum>3</Sum><Free>one</Free>")


def test_joined_sources_leave_out_what_is_empty() -> None:
    row = "R2,A/Name/First + A/Name/Last + $sender,B/Code,join(' '),,,\n"
    assert run(OK + row, a("<ID>1</ID><Name><Last>L</Last></Name>")) == b("<Number>1</Number><Code>L customs_kz</Code>")


def test_the_first_row_that_yields_a_value_wins() -> None:
    rows = OK + "R2,A/Name/First,B/Code,,,,\nR3,A/Code,B/Code,,,A/ID = 'no',\nR4,,B/Code,const:last,,,\n"
    assert run(rows) == b("<Number>KZ1</Number><Code>last</Code>")


def test_numbered_targets_make_several_fixed_elements() -> None:
    rows = "R3,A/When,B/Info[2]/Value,,,,\nR2,,B/Info[2]/Kind,const:day,,,\nR4,A/Code,B/Info[1]/Value,,,,\n" + OK
    expected = "<Number>KZ1</Number><Info><Value>x</Value></Info><Info><Kind>day</Kind><Value>20261123</Value></Info>"
    assert run(rows) == b(expected)


def test_two_groups_feed_one_target_in_the_order_of_their_rows() -> None:
    rows = OK + "G1,A/Item,B/Info,each,,,\nG2,A/Note,B/Info,each,,,\n"
    rows += "V1,A/Item/Seq,B/Info/Value,,,,\nV2,A/Note,B/Info/Value,,,,\nV3,,B/Info/Kind,const:k,,,\n"
    values = "".join(f"<Info><Kind>k</Kind><Value>{v}</Value></Info>" for v in ("01", "2", "one", "two"))
    assert run(rows) == b(f"<Number>KZ1</Number>{values}")


def test_all_gaps_are_reported_with_their_places() -> None:
    broken = DOCUMENT.replace(b"20261123", b"20260230").replace(b"TNE", b"LTR").replace(b"<Seq>2</Seq>", b"<Seq></Seq>")
    with pytest.raises(MappingGap) as caught:
        translate(broken.replace(b"10.50", b"1e400"), translation(FULL), CONTEXT)
    found = [(f.rule, f.path, f.params["source"], f.value, f.params["rule"]) for f in caught.value.findings]
    assert found == [
        ("mapping.convert", "B/Day", "A/When", "20260230", "R2"),
        ("mapping.convert", "B/Sum", "A/Amount", "01e400", "R3"),
        ("mapping.code", "B/Line/Quantity", "A/Item[1]/Qty + A/Item[1]/Qty/@unitCode", "1.5 + LTR", "G1b"),
        ("mapping.code", "B/Line/Quantity/@unitCode", "A/Item[1]/Qty/@unitCode", "LTR", "G1c"),
        ("mapping.required", "B/Line/Pos", "A/Item[2]/Seq", "", "G1a"),
    ]


def test_what_the_schema_requires_is_required_once_its_parent_is_there() -> None:
    rows = (
        OK + "G1,A/Item,B/Line,each,,,\nG2,A/Item/Document/Type,B/Line/Pos,first,,,\nG3,A/Item/Seq,B/Line/Permit,,,,\n"
    )
    assert gaps(rows) == [("required", "B/Line/Pos", "")]
    assert gaps(FULL, a("<Code>1</Code>")) == [("required", "B/Number", "")]


def test_a_document_that_gives_nothing_is_a_gap() -> None:
    assert gaps("R1,A/ID,B/Number,,,,\n", a("")) == [("required", "B", "")]


def test_required_counts_for_the_target_whatever_the_conditions_say() -> None:
    rows = OK + "R2,A/Code,B/Code,,yes,A/ID = 'other',\n"
    assert gaps(rows) == [("required", "B/Code", "")]


def test_another_root_is_refused() -> None:
    assert gaps(FULL, b'<A xmlns="urn:b"/>') == [("root", "/", "")]


def test_codes_hold_on_the_day_the_message_came() -> None:
    codes = read_codes("from,to,valid_from,valid_to\nx,old,,2026-11-22\nx,new,2026-11-23,\n*,other,,\n", "C")
    compiled = translation(OK + "R2,A/Code,B/Code,code:C,,,\n", codes={"C": codes})
    days = {"2026-11-22T23:59:59Z": "old", "2026-11-23T00:00:00Z": "new"}
    for day, expected in days.items():
        assert translate(DOCUMENT, compiled, {"received_at": day, "now": "2030-01-01"}) == b(
            f"<Number>KZ1</Number><Code>{expected}</Code>"
        )
    assert b"<Code>new</Code>" in translate(DOCUMENT, compiled, {"now": "2030-01-01T00:00:00Z"})
    assert b"<Code>other</Code>" in translate(DOCUMENT, compiled, {})


def test_an_agency_converter_may_refuse_and_may_not_write_what_xml_cannot_carry() -> None:
    def refuse(text: str) -> str:
        raise ValueError("not today")

    own = {"no": Converter(there=refuse), "bad": Converter(there=lambda text: text + "\x00")}
    compiled = translation(OK + "R2,A/Code,B/Code,no,,,\nR3,A/Code,B/Day,bad,,,\n", converters=own)
    with pytest.raises(MappingGap) as caught:
        translate(DOCUMENT, compiled, CONTEXT)
    reasons = [finding.params["reason"] for finding in caught.value.findings]
    assert reasons == ["not today", "the result holds a character that XML cannot carry"]


def test_a_context_value_is_text_and_nothing_else() -> None:
    compiled = translation(OK + "R2,$message_id,B/Code,,,,\n")
    found = translate(DOCUMENT, compiled, {"message_id": "</Code><x a='\x00'/>"})
    assert found == b("<Number>KZ1</Number><Code>&lt;/Code&gt;&lt;x a='\ufffd'/&gt;</Code>")


def test_groups_that_multiply_are_stopped() -> None:
    """Threat row M3: a table and a message together cannot ask for endless work."""
    rows = OK + "G1,A/Item,B/Line,each,,,\nG2,A/Item/Seq,B/Line/Pos,,,,\n"
    rows += "G3,A/Note,B/Line/Paper,each,,,\nG4,A/Note,B/Line/Paper/No,,,,\n"
    many = int(MOST_TURNS**0.5) + 1
    assert gaps(rows, a("<ID>1</ID>" + "<Note>n</Note>" * many + "<Item><Seq>1</Seq></Item>" * many)) == [
        ("size", "", "")
    ]


def test_white_space_of_a_text_is_collapsed_for_a_token() -> None:
    assert run(OK + "R2,A/Text,B/Code,,,,\n") == b("<Number>KZ1</Number><Code>a b</Code>")


def test_an_attribute_of_a_container_is_content() -> None:
    target = schema("B", "urn:b", "B 1 1 class\nB/Box 0 1 class\nB/Box/@kind 0 1 string\nB/Box/In 0 1 code")
    rows = "R1,A/Code,B/Box/@kind,,,,\nR2,A/Name/First,B/Box/In,,,,\n"
    assert translate(DOCUMENT, translation(rows, target=target), CONTEXT) == b('<Box kind="x"></Box>')
