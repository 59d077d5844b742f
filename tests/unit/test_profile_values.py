"""What our profiles refuse though plain XML Schema types take it: unseen characters, less than nothing, odd years."""

from __future__ import annotations

import re

import pytest

from gateway.model import Document
from gateway.schema import validate_bare
from tests.schemas import ROOT, customs_schemas

QUERY = (ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_text("utf-8")
NUMBER = "KZ11VTS00000001"


def found(text: str) -> list[tuple[str, str]]:
    """Rule and trap of every finding; nothing for a valid query."""
    told = validate_bare(text.encode(), customs_schemas())
    return [] if isinstance(told, Document) else [(one.rule, one.params.get("hint", "")) for one in told]


@pytest.mark.parametrize("number", ["АК-57505-000045", "KZ11 VTS 1", "№ 7", "许可证1", "é", "e\u0301", "🙂", "x" * 70])
def test_a_permit_number_is_taken_in_any_script(number: str) -> None:
    """As it is written on the permit, with single spaces."""
    assert found(QUERY.replace(NUMBER, number)) == []


@pytest.mark.parametrize(
    ("sign", "hint"),
    [
        ("\u200b", "invisible"), ("\u00ad", "invisible"), ("\ufeff", "invisible"), ("\u202e", "invisible"),
        ("\u00a0", "no-break-space"), ("\u2003", ""), ("\ue000", ""), ("\u0085", ""),
    ],
)  # fmt: skip
def test_a_permit_number_holds_no_unseen_character(sign: str, hint: str) -> None:
    """Inside, before or behind: two numbers that look alike are not two numbers."""
    for number in (f"KZ11{sign}VTS", f"{sign}KZ11VTS", f"KZ11VTS{sign}"):
        [(rule, told)] = found(QUERY.replace(NUMBER, number))
        assert rule == "xsd.pattern"
        assert told == hint or not hint


@pytest.mark.parametrize(
    ("weight", "rules"), [("640.25", []), ("0", []), ("-640.25", ["xsd.pattern"]), ("+1", ["xsd.pattern"])]
)
def test_goods_weigh_nothing_or_more(weight: str, rules: list[str]) -> None:
    changed = re.sub(r"(<NetWeightMeasure[^>]*>)[^<]*", rf"\g<1>{weight}", QUERY)
    assert [rule for rule, _ in found(changed)] == rules


@pytest.mark.parametrize("year", ["-2026", "12026", "+2026", "-0001"])
def test_a_year_has_four_digits(year: str) -> None:
    """XML Schema takes years before the first and after the last of the calendar."""
    assert {rule for rule, _ in found(QUERY.replace("<IssueDateTime>2026", f"<IssueDateTime>{year}"))} <= {
        "xsd.pattern", "xsd.date",
    }  # fmt: skip
    assert found(QUERY.replace("<IssueDateTime>2026", f"<IssueDateTime>{year}"))
