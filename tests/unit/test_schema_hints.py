"""A refused value is met with the trap it fell into and, where one would be valid, with a suggestion."""

from __future__ import annotations

import pytest

from gateway.facts.fact import Fact
from gateway.schema.hints import hints


def a_fact(type: str = "token", **given: str) -> Fact:
    return Fact(path="A/B", namespace="urn:t", name="B", attribute=False, min=0, max=1, type=type, **given)


CODE = a_fact(wco_id="145", format="an..18", pattern="[0-9]{10}")
COUNTRY = a_fact("code", format="a2", pattern="[A-Z]{2}")
BIN = a_fact(pattern="[0-9]{12}")
LIST = a_fact("code", codes="one of: IM | EX | 01")
NUMBER = a_fact("quantity", format="n..16,6")
MOMENT = a_fact("datetime")
DAY = a_fact("date")
TEXT = a_fact("text", format="an..70")


@pytest.mark.parametrize(
    ("value", "fact", "trap", "suggested"),
    [
        ("kz", COUNTRY, "lower-case", "KZ"),
        ("КZ", COUNTRY, "mixed-alphabet", "KZ"),
        ("ҚZ", COUNTRY, "mixed-alphabet", ""),
        ("ＫＺ", COUNTRY, "full-width", "KZ"),
        ("Kazakhstan", COUNTRY, "", ""),
        ("９９１２４０９９９８０２", BIN, "full-width", "991240999802"),
        ("99124099980", BIN, "bin", ""),
        ("KZ991240999802", BIN, "bin", "991240999802"),
        ("KZ991240999803", BIN, "bin", ""),
        ("991240 999802", BIN, "spaced", "991240999802"),
        ("808108006", CODE, "lost-zero", "0808108006"),
        ("3004 90 920 0", CODE, "spaced", "3004909200"),
        ("3004\u00a0909200", CODE, "spaced", "3004909200"),
        ("3004909200\u200b", CODE, "invisible", "3004909200"),
        ("300490920", a_fact(pattern="[0-9]{10}"), "", ""),
        ("im", LIST, "lower-case", "IM"),
        ("1", LIST, "leading-zero", "01"),
        ("12\u00a0000,5", NUMBER, "comma", "12000.5"),
        ("12000,5", NUMBER, "comma", "12000.5"),
        ("12 000", NUMBER, "grouped", "12000"),
        ("1.2E4", NUMBER, "exponent", "12000"),
        ("1e400", NUMBER, "exponent", ""),
        ("１２", NUMBER, "full-width", "12"),
        ("1,234,567", NUMBER, "", ""),
        ("Wed Nov 13 00:00:00 UTC 2019", MOMENT, "java-date", "2019-11-13T00:00:00Z"),
        ("Wed Nov 13 00:00:00 UTC 2019", DAY, "java-date", "2019-11-13"),
        ("Wed Nov 13 00:00:00 ALMT 2019", MOMENT, "java-date", ""),
        ("Wed Feb 30 00:00:00 UTC 2019", MOMENT, "java-date", ""),
        ("2026-11-23T11:00:00", MOMENT, "no-zone", "2026-11-23T11:00:00Z"),
        ("31.12.2026", DAY, "day-first", "2026-12-31"),
        ("31.12.2026", MOMENT, "day-first", ""),
        ("2026-11-\n23", DAY, "line-break", "2026-11-23"),
        ("ТОО «Сынақ-Фарм Импорт», Қорғас" * 3, TEXT, "", ""),
        ("АЕО" * 100, COUNTRY, "", ""),
    ],
)
def test_trap_and_suggestion(value: str, fact: Fact, trap: str, suggested: str) -> None:
    told = hints(value, fact, {})
    assert (told.get("hint", ""), told.get("try", "")) == (trap, suggested)


@pytest.mark.parametrize(
    ("value", "code", "trap", "suggested"),
    [
        ("20261123081500", "304", "no-zone", "20261123081500Z"),
        ("Mon Nov 23 08:15:00 UTC 2026", "304", "java-date", "20261123081500Z"),
        ("Mon Nov 23 08:15:00 UTC 2026", "102", "java-date", "20261123"),
        ("23.11.2026", "102", "day-first", "20261123"),
        ("20261123\n  081500Z", "304", "line-break", "20261123081500Z"),
    ],
)
def test_wco_date_traps(value: str, code: str, trap: str, suggested: str) -> None:
    fact = a_fact("string", pattern="[0-9]{8}|[0-9]{14}(Z|[+-][0-9]{2})")
    told = hints(value, fact, {}, code)
    assert (told["hint"], told["try"]) == (trap, suggested)


def test_pattern_that_python_cannot_read_gives_no_suggestion() -> None:
    assert "try" not in hints("kz", None, {"pattern": r"\p{Lu}{2}"})


def test_without_facts_the_refusal_itself_tells() -> None:
    assert hints("im", None, {"codes": "IM, EX"}) == {"codes": "IM, EX", "hint": "lower-case", "try": "IM"}
