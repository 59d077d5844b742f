"""A mapping table is read whole, and everything wrong with its text is said at once."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError, Finding
from gateway.mapping import read_table
from tests.mapping_samples import HEAD


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ConfigurationError) as caught:
        read_table(text, "t.csv")
    return caught.value.findings


def test_headers_and_rows_are_read_with_their_lines() -> None:
    table = read_table(
        "\ufeff# takes: LPCO_QUERY,,,\r\n# gives: X\n# version: 3\nrule,target,source,note\n# a remark,,,\n\n"
        'R1,B/Б,A/x + $now,"two\nlines"\nR2,B/y[2]/z,A/y,\n',
        "t.csv",
    )
    assert (table.takes, table.gives, table.version) == ("LPCO_QUERY", "X", "3")
    assert [(rule.id, rule.line, rule.sources, rule.target) for rule in table.rules] == [
        ("R1", 7, ("A/x", "$now"), "B/Б"),
        ("R2", 9, ("A/y",), "B/y[2]/z"),
    ]
    assert len(table.digest) == 64


def test_every_problem_is_listed_with_line_and_rule() -> None:
    found = findings(
        HEAD
        + "1x,A/a,B/a,,,,\n"
        + "R1,A/a,,,,,\n"
        + "R2,A/a b,B/a,,,,\n"
        + "R3,A/a,B/a,date(,,,\n"
        + "R4,A/a,B/a,,maybe,,\n"
        + "R5,A/a,B/a,,,A/x =,\n"
        + "R6,A/a,B/a,const:1,,,\n"
        + "R7,A/a,B/a,each | trim,,,\n"
        + "R8,A/a,B/a,,,,note,extra\n"
        + "R9,A/@x/y,B/a,,,,\n"
    )
    assert {(finding.rule, finding.line, finding.params["rule"]) for finding in found} == {
        ("mapping.rule-id", 2, "1x"),
        ("mapping.path-form", 3, "R1"),
        ("mapping.path-form", 4, "R2"),
        ("mapping.convert", 5, "R3"),
        ("mapping.required", 6, "R4"),
        ("mapping.when", 7, "R5"),
        ("mapping.path-form", 8, "R6"),
        ("mapping.convert", 9, "R7"),
        ("mapping.table", 10, "R8"),
        ("mapping.path-form", 11, "R9"),
    }
    assert all(finding.params["table"] == "t.csv" and finding.params["reason"] for finding in found)


@pytest.mark.parametrize(
    ("text", "rule", "reason"),
    [
        ("", "table", "no column"),
        (HEAD, "table", "no rows"),
        ("rule,source,target,extra\nR1,A,B,\n", "table", "unknown column extra"),
        ("rule,source,source,target\nR1,A,A,B\n", "table", "twice"),
        (HEAD + "R1,A/a,B/a,,,,\nR1,A/b,B/b,,,,\n", "rule-id", "stands also in line 2"),
        (HEAD + 'R1,"A/a,B/a,,,,\n', "table", "not readable as csv"),
        (HEAD + f"R1,A/a,B/a,,,,{'x' * 3000}\n", "table", "longer"),
        ("x" * 1_000_001, "table", "longer"),
        (HEAD + "".join(f"R{n},A/a,B/a,,,,\n" for n in range(3001)), "table", "more than 3000 rows"),
    ],
)
def test_a_table_that_is_none_is_refused(text: str, rule: str, reason: str) -> None:
    found = findings(text)
    assert found[0].rule == f"mapping.{rule}"
    assert reason in found[0].params["reason"]


@pytest.mark.parametrize("cell", ["a/b", "trim |", "| trim", "code:", "x(y", "${x}", "trim trim"])
def test_a_convert_cell_is_a_chain_of_names_and_nothing_else(cell: str) -> None:
    found = findings(HEAD + f'R1,A/a,B/a,"{cell}",,,\n')
    assert [finding.rule for finding in found] == ["mapping.convert"]


def test_a_chain_keeps_what_stands_between_the_parentheses() -> None:
    table = read_table(HEAD + 'R1,A/a + A/b,B/a,"join( | ) | prefix((x) | back:code:U",,,\n', "t.csv")
    assert [(step.name, step.args, step.back) for step in table.rules[0].steps] == [
        ("join", " | ", False),
        ("prefix", "(x", False),
        ("code", "U", True),
    ]
