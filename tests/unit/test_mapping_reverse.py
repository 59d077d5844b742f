"""A table can be turned round where nothing is lost, and says what is."""

from __future__ import annotations

from gateway.mapping import compile_table, losses, read_codes, read_table, reverse, translate
from tests.mapping_samples import CONTEXT, FULL, HEAD, SOURCE, TARGET, UNITS, a, translation

CODES = {"UNITS": UNITS}


def back_of(rows: str, document: bytes) -> bytes:
    there = translation(rows)
    back = compile_table(reverse(there.table, TARGET, {}, CODES).table, TARGET, SOURCE, {}, CODES)
    return translate(translate(document, there, CONTEXT), back, CONTEXT)


def test_what_went_there_comes_back() -> None:
    document = a(
        '<ID>1</ID><Code>x</Code><When>20261123</When><Amount currencyID="KZT">10.5</Amount>'
        "<Note>one</Note><Note>two</Note>"
        '<Text> a </Text><Item><Seq>1</Seq><Qty unitCode="TNE">1.5</Qty></Item><Item><Seq>2</Seq></Item>'
    )
    assert back_of(FULL.replace("G2", "#G2"), document) == document


def test_joined_values_come_apart_and_parts_come_together() -> None:
    rows = HEAD + 'R1,A/ID,B/Number,,,,\nR2,A/Name/First + A/Name/Last,B/Code,"join(/)",,,\n'
    rows += 'R3,A/When,B/Day,"split(-,1,2)",,,\nR4,A/When,B/Free,"split(-,2,2)",,,\n'
    document = a("<ID>1</ID><When>a-b</When><Name><First>F</First><Last>L</Last></Name>")
    assert back_of(rows, document) == document


def test_the_one_element_of_a_repeatable_name_comes_back() -> None:
    rows = HEAD + "R1,A/ID,B/Number,,,,\nR2,A/Code,B/Info/Kind,prefix(x),,,\n"
    document = a("<ID>1</ID><Code>c</Code>")
    assert back_of(rows, document) == document


def test_what_a_condition_demanded_comes_back_with_the_value() -> None:
    rows = HEAD + "R1,A/ID,B/Number,,,,\nG1,A/Item,B/Line,each,,,\nG2,A/Item/Seq,B/Line/Pos,,,,\n"
    rows += "G3,A/Item/Document/No,B/Line/Permit,,,A/Item/Document/Type = '853',\n"
    document = a("<ID>1</ID><Item><Seq>1</Seq><Document><Type>853</Type><No>P1</No></Document></Item>")
    assert back_of(rows, document) == document


def test_what_does_not_come_back_is_listed_with_its_reason() -> None:
    rows = HEAD + "R1,A/ID,B/Number,,,,\nR2,,B/Code,const:1,,,\nR3,A/Text,B/Free,upper,,,\nR4,$sender,B/Day,,,,\n"
    rows += (
        "R5,A/Item,B/Sum,count,,,\nR6,A/ID,B/Info/Kind,,,,\nR7,A/Code,B/Info[2]/Value,,,,\nR8,A/Note,,drop,,,private\n"
    )
    lost = {entry.rule: entry.reason for entry in reverse(read_table(rows, "t.csv"), TARGET, {}, CODES).lost}
    assert set(lost) == {"R2", "R3", "R4", "R5", "R7", "R8"}
    assert lost["R3"] == "small and capital letters become one"


def test_a_source_read_from_two_groups_comes_back_by_the_first() -> None:
    rows = (
        HEAD
        + "R1,A/ID,B/Number,,,,\nG1,A/Item,B/Line,each,,,\nG2,A/Item/Seq,B/Line/Pos,,,,\nG3,A/ID,B/Line/Permit,,,,\n"
    )
    lost = {entry.rule: entry.reason for entry in reverse(read_table(rows, "t.csv"), TARGET, {}, CODES).lost}
    assert lost == {"G3": "the source comes back by R1 already"}


def test_a_source_in_two_places_comes_back_from_whichever_is_there() -> None:
    """Also when a rule before it has no way back."""
    rows = HEAD + "R0,A/Code,B/Info/Kind,upper,,,\nR1,A/ID,B/Number,,,,\n"
    rows += "R2,A/Code,B/Day,,,A/ID = '1',\nR3,A/Code,B/Code,,,A/ID = '2',\n"
    for number in ("1", "2"):
        document = a(f"<ID>{number}</ID><Code>c</Code>")
        assert back_of(rows, document) == document


def test_an_ambiguous_code_list_has_no_way_back() -> None:
    codes = {"C": read_codes("from,to\nKGM,1\nTNE,1\n", "C")}
    table = read_table(HEAD + "R1,A/Code,B/Code,code:C,,,\n", "t.csv")
    assert reverse(table, TARGET, {}, codes).lost[0].reason == "KGM and TNE both become 1"


def test_the_ledger_tells_the_fate_of_every_value() -> None:
    rows = HEAD + "R1,A/ID,B/Number,,,,\nR2,A/Code,B/Code,upper,,A/When = '1',\nR3,A/Name,,drop,,,private\n"
    found = {loss.path: loss for loss in losses(read_table(rows, "t.csv"), SOURCE, TARGET, {}, CODES)}
    assert {path: found[path].fate for path in ("A/ID", "A/Code", "A/When", "A/Name/First", "A/Text")} == {
        "A/ID": "kept",
        "A/Code": "derivable",
        "A/When": "derivable",
        "A/Name/First": "dropped",
        "A/Text": "silent",
    }
    assert found["A/Name/First"].reason == "private"
    assert "A/Item" not in found
    assert "A/Item/Qty/@unitCode" in found
