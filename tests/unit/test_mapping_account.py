"""Every value of a message is accounted for, and a lossless corridor drops nothing without a word."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError, MappingGap
from gateway.mapping import account, losses_of, translate, way_back
from tests.mapping_samples import CONTEXT, FULL, HEAD, a, b, translation

DOCUMENT = a(
    '<ID schemeID="x">1</ID><Code>c</Code><Text><!-- no -->free</Text>'
    "<Item><Seq>1</Seq><Qty>5</Qty></Item>"
    "<Item><Seq>2</Seq><Document><Type>1</Type><No>D1</No></Document><Document><Type>2</Type><No>D2</No></Document></Item>"
)
ROWS = HEAD + (
    "R1,A/ID,B/Number,,,,\nR2,A/Code,B/Code,upper,,,\nG1,A/Item,B/Line,each,,A/Item/Seq != '1',\n"
    "G2,A/Item/Seq,B/Line/Pos,,,,\nG3,A/Item/Qty,B/Line/Quantity,,,,\n"
    "G4,A/Item/Document/No,B/Line/Permit,first,,,\nD1,A/Item/Document,,drop,,,papers stay\nD2,A/@*,,drop,,,lists\n"
)


def told(rows: str, document: bytes = DOCUMENT) -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    return {one.place: (one.fate, one.rules, one.targets) for one in account(document, translation(rows), CONTEXT)}


def test_every_value_has_its_fate_rule_and_place() -> None:
    """Kept, changed, dropped by a row, dropped by a condition, and forgotten."""
    assert told(ROWS) == {
        "A/ID": ("kept", ("R1",), ("B/Number",)),
        "A/ID/@schemeID": ("dropped", ("D2",), ()),
        "A/Code": ("derivable", ("R2",), ("B/Code",)),
        "A/Text": ("silent", (), ()),
        "A/Item[1]/Seq": ("dropped", ("G2",), ()),
        "A/Item[1]/Qty": ("dropped", ("G3",), ()),
        "A/Item[2]/Seq": ("kept", ("G2",), ("B/Line/Pos",)),
        "A/Item[2]/Document[1]/Type": ("dropped", ("D1",), ()),
        "A/Item[2]/Document[1]/No": ("derivable", ("G4",), ("B/Line/Permit",)),
        "A/Item[2]/Document[2]/Type": ("dropped", ("D1",), ()),
        "A/Item[2]/Document[2]/No": ("dropped", ("G4",), ()),
    }  # fmt: skip


def test_the_reason_is_in_the_words_of_the_table() -> None:
    """The note of a drop row, the condition that did not hold, what the converter loses."""
    reasons = {one.place: one.reason for one in account(DOCUMENT, translation(ROWS), CONTEXT)}
    assert reasons["A/Item[2]/Document[1]/Type"] == "papers stay"
    assert reasons["A/Item[1]/Seq"] == "G1 applies only where A/Item/Seq != '1'"
    assert reasons["A/Code"] == "small and capital letters become one"
    assert reasons["A/Item[2]/Document[2]/No"] == "G4 takes it and nothing comes of it here"


def test_a_value_without_a_rule_is_a_finding_only_where_nothing_may_be_lost() -> None:
    compiled = translation(ROWS)
    translate(DOCUMENT, compiled, CONTEXT)
    with pytest.raises(MappingGap) as caught:
        translate(DOCUMENT, compiled, CONTEXT, lossless=True)
    assert [(one.rule, one.path, one.value) for one in caught.value.findings] == [("mapping.dropped", "A/Text", "free")]
    assert translate(DOCUMENT.replace(b"free", b" "), compiled, CONTEXT, lossless=True)


def test_what_no_schema_knows_is_silent_too() -> None:
    """What stands in an element of a wildcard; a drop row over all attributes speaks of its attributes."""
    document = a('<ID>1</ID><x:Any xmlns:x="urn:x" k="v"><x:In>w</x:In></x:Any>')
    found = told(ROWS, document)
    assert found["A/Any/In"] == ("silent", (), ())
    assert found["A/Any/@k"] == ("dropped", ("D2",), ())
    with pytest.raises(MappingGap) as caught:
        translate(document, translation(ROWS), CONTEXT, lossless=True)
    assert [one.path for one in caught.value.findings] == ["A/Any/In"]


def test_the_nearest_drop_row_speaks() -> None:
    rows = (
        HEAD + "R1,A/ID,B/Number,,,,\nD1,A,,drop,,,the rest\nD2,A/Item,,drop,,,items\nD3,A/Item/Qty/@*,,drop,,,units\n"
    )
    found = {loss.path: loss.reason for loss in losses_of(translation(rows))}
    assert (found["A/Code"], found["A/Item/Seq"], found["A/Item/Qty"]) == ("the rest", "items", "items")
    assert found["A/Item/Qty/@unitCode"] == "units"
    assert not translation(rows).silent


@pytest.mark.parametrize("path", ["A/Nothing", "A/Nothing/@*", "A/@*/ID", "*"])
def test_a_drop_row_names_what_is_there(path: str) -> None:
    with pytest.raises(ConfigurationError):
        translation(HEAD + f"R1,A/ID,B/Number,,,,\nD1,{path},,drop,,,x\n")


def test_the_way_back_gives_what_comes_back_and_names_the_rest() -> None:
    """Also where the source schema demands more than comes back."""
    back = way_back(
        translation(HEAD + "R1,A/Code,B/Number,,,,\nR2,A/Text,B/Free,upper,,,\nG1,A/Note,B/Remark,each,,,\n")
    )
    assert translate(b("<Number>c</Number><Remark>n</Remark>"), back.translation, CONTEXT) == a(
        "<Code>c</Code><Note>n</Note>"
    )
    assert [(one.rule, one.reason) for one in back.lost] == [("R2", "small and capital letters become one")]


def test_a_table_of_which_nothing_comes_back_says_so() -> None:
    with pytest.raises(ConfigurationError, match="nothing comes back"):
        way_back(translation(HEAD + "R1,A/ID,B/Number,upper,,,\n"))


def test_the_whole_sample_table_accounts_for_every_value() -> None:
    document = DOCUMENT.replace(b"<Qty>", b'<Qty unitCode="KGM">')
    assert {one[0] for one in told(FULL, document).values()} == {"kept", "silent"}
