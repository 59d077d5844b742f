"""A table that cannot work is refused at start, with every reason."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError
from gateway.mapping import read_codes
from gateway.model import Converter
from tests.mapping_samples import FULL, HEAD, SOURCE, schema, translation

OK = "R1,A/ID,B/Number,,,,\n"


def problems(rows: str) -> set[tuple[str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        translation(rows)
    return {(finding.rule.removeprefix("mapping."), finding.params["rule"]) for finding in caught.value.findings}


def test_all_problems_are_listed_with_the_line() -> None:
    with pytest.raises(ConfigurationError) as caught:
        translation(
            OK + "R2,A/Nope,B/Code,,,,\nR3,A/Code,B/Nope,,,,\nR4,A/Code,B/Day,nope,,,\nR5,A/Code,B/Free,code:X,,,\n"
        )
    assert [(f.rule, f.line, f.params["rule"], f.params["table"]) for f in caught.value.findings] == [
        ("mapping.path", 3, "R2", "t.csv"),
        ("mapping.path", 4, "R3", "t.csv"),
        ("mapping.converter", 5, "R4", "t.csv"),
        ("mapping.converter", 6, "R5", "t.csv"),
    ]
    assert "A is there" in caught.value.findings[0].params["reason"]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("R2,$nobody,B/Code,,,,", "path"),
        ("R2,A/Code,B/Code,,,A/Nope = '1',", "path"),
        ("R2,A/Name,B/Code,,,,", "kind"),
        ("R2,A/Code,B/Info,,,,", "kind"),
        ("R2,A/Amount/@currencyID,B/Remark,each,,,", "kind"),
        ("R2,$sender,B/Remark,each,,,", "kind"),
        ("R2,,B/Code,const:,,,", "kind"),
        ("R2,,B/Code,const:a\x01b,,,", "kind"),
        ("R2,A/Code,B/Code[2],,,,", "cardinality"),
        ("R2,A/Item/Seq,B/Code,,,,", "cardinality"),
        ("R2,A/Item/Seq,B/Code,,,A/Code = '1',", "cardinality"),
        ("R2,A/Note,B/Code,each,,,", "cardinality"),
        ("R2,A/Note + A/Item/Seq,B/Code,join(-),,,", "sources"),
        ("R2,A/Code + A/When,B/Code,,,,", "converter"),
        ("R2,A/Code + A/When,B/Code,trim,,,", "converter"),
        ("R2,A/Code,B/Code,unit(UNITS),,,", "sources"),
        ("R2,A/Code,B/Code,document('x'),,,", "converter"),
        ("R2,A/Code,B/Code,back:upper,,,", "converter"),
        ('R2,A/Code,B/Code,"date(102,304)",,,', "converter"),
        ("R2,A/Code,B/Code,prefix(\x02),,,", "converter"),
    ],
)
def test_a_row_that_cannot_work_is_named(row: str, kind: str) -> None:
    assert problems(OK + row + "\n") == {(kind, "R2")}


def test_a_required_target_without_a_row_is_named() -> None:
    assert problems("R2,A/Code,B/Code,,,,\n") == {("target-missing", "")}
    assert problems(OK + "G1,A/Item,B/Line,each,,,\nG2,A/Item/Qty,B/Line/Quantity,,,,\n") == {("target-missing", "")}


def test_a_row_below_a_constant_is_never_reached() -> None:
    assert problems(OK + "R2,,B/Code,const:1,,,\nR3,A/Code,B/Code,,,,\n") == {("unreachable", "R3")}


def test_unit_needs_a_factor_for_every_unit() -> None:
    codes = {"UNITS": read_codes("from,to,factor\nKGM,166,1\nTNE,168,\n", "UNITS")}
    with pytest.raises(ConfigurationError) as caught:
        translation(FULL, codes=codes)
    assert "no factor for TNE" in caught.value.findings[0].params["reason"]


def test_a_table_of_drops_alone_gives_nothing() -> None:
    with pytest.raises(ConfigurationError):
        translation("R1,A/Note,,drop,,,not for them\n")


def test_an_agency_converter_is_found_by_its_name_and_arguments() -> None:
    own = {"hs(6)": Converter(there=lambda text: text[:6])}
    translation(OK + "R2,A/Code,B/Code,hs(6),,,\n", converters=own)
    with pytest.raises(ConfigurationError):
        translation(OK + "R2,A/Code,B/Code,hs(8),,,\n", converters=own)


def test_a_schema_of_one_element_can_be_mapped() -> None:
    word = schema("W", "urn:w", "W 1 1 code")
    assert translation("R1,A/ID,W,,,,\n", source=SOURCE, target=word).root == "{urn:a}A"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("from,to\nA,\n", "must not be empty"),
        ("from,to\nA,1\nA,2\n", "stands also in line 2"),
        ("from,to,valid_from,valid_to\nA,1,2026-01-01,\nA,2,2026-06-01,\n", "stands also in line 2"),
        ("from,to,valid_from\nA,1,01.01.2026\n", "not a day"),
        ("from,to,valid_from\nA,1,2026-02-30\n", "day"),
        ("from,to,valid_from,valid_to\nA,1,2026-02-02,2026-02-01\n", "before"),
        ("from,to,factor\nA,1,0\n", "factor"),
        ("from,to,factor\nA,1,1e5\n", "factor"),
        ("from,zu\nA,1\n", "columns"),
        ("", "columns"),
    ],
)
def test_a_code_list_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_codes(text, "codes.csv")
    assert reason in caught.value.findings[0].params["reason"]


def test_a_code_list_has_a_version() -> None:
    assert read_codes("# version: 2026-10,,\nfrom,to\nA,1\n", "c").version == "2026-10"
    assert len(read_codes("from,to\nA,1\n", "c").version) == 12


def test_a_table_cannot_hold_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat row M3: names that would reach the world are only unknown converters."""
    for cell in ("open('/etc/passwd')", "__import__('os')", "eval(1)", "lambda", "exec(x)"):
        assert problems(HEAD + OK + f'R2,A/Code,B/Code,"{cell}",,,\n') == {("converter", "R2")}
