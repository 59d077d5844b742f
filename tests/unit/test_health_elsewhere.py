"""Values of other countries and values of ours: each goes to one of two elements, and never to both."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.health_kz.elsewhere import ELSEWHERE
from gateway.mapping import read_codes

CODES = Path(__file__).parents[2] / "mappings" / "health_kz" / "codes"
PAIRS = {
    "declaration": ("our_declaration", "other_declaration"),
    "operator": ("our_operator", "other_operator"),
    "office": ("our_office", "other_office"),
    "commodity": ("our_commodity", "other_commodity"),
    "country": ("one_country", "country_group"),
}


@pytest.mark.parametrize(
    ("pair", "ours"),
    [
        ("declaration", "57505/191126/0000123"),
        ("operator", "991240999802"),
        ("office", "57505"),
        ("commodity", "3004909200"),
        ("country", "CN"),
    ],
)
def test_our_values_go_where_they_always_went(pair: str, ours: str) -> None:
    own, other = (ELSEWHERE[name] for name in PAIRS[pair])
    assert (own.there(ours), other.there(ours)) == (ours, "")


def test_a_business_number_loses_the_prefix_of_its_country() -> None:
    assert ELSEWHERE["our_operator"].there("KZ991240999802") == "991240999802"


@pytest.mark.parametrize(
    ("pair", "foreign"),
    [
        ("declaration", "24GB0YVJ3EXXES8AA0"),
        ("declaration", "19GBCKKCQSXV2FGVA8"),
        ("operator", "GB553202734852"),
        ("operator", "CN91650104MA7890"),
        ("office", "GB000060"),
        ("commodity", "300490"),
        ("commodity", "30049092"),
        ("country", "1011"),
    ],
)
def test_values_of_other_countries_go_to_elements_of_their_own(pair: str, foreign: str) -> None:
    own, other = (ELSEWHERE[name] for name in PAIRS[pair])
    assert (own.there(foreign), other.there(foreign)) == ("", foreign)


@pytest.mark.parametrize(
    ("pair", "wrong"),
    [
        ("declaration", "57505/19112/0000123"),
        ("declaration", "575051911260000123"),
        ("declaration", "５７５０５/191126/0000123"),
        ("declaration", "24GВ0YVJ3EXXES8AA0"),
        ("operator", "991240999803"),
        ("operator", "KZ99124099980"),
        ("operator", "9912409998О2"),
        ("operator", "99124099980"),
        ("office", "5750"),
        ("commodity", "300490920"),
        ("commodity", "3004 90 920"),
        ("commodity", "VATZ"),
        ("country", "kz"),
    ],
)
def test_a_value_that_looks_like_ours_and_is_wrong_is_refused(pair: str, wrong: str) -> None:
    """Slashes lost, a Cyrillic letter, full-width digits, a wrong check digit, a lost zero: none becomes foreign."""
    own, other = (ELSEWHERE[name] for name in PAIRS[pair])
    with pytest.raises(ValueError, match=r"not a|check digit"):
        own.there(wrong)
    assert other.there(wrong) == ""


@given(st.text(min_size=1, max_size=80), st.sampled_from(sorted(PAIRS)))
def test_no_value_is_both_and_none_is_lost_without_a_word(text: str, pair: str) -> None:
    own, other = (ELSEWHERE[name] for name in PAIRS[pair])
    foreign = other.there(text)
    try:
        kept = own.there(text)
    except ValueError:
        kept = None
    assert [bool(kept), bool(foreign)].count(True) == (0 if kept is None else 1)


@pytest.mark.parametrize(("text", "kept"), [("40", "40"), ("000", ""), ("1SG", "")])
def test_an_additional_procedure_stays_with_customs(text: str, kept: str) -> None:
    assert ELSEWHERE["main_procedure"].there(text) == kept


def test_the_units_of_notices_are_those_of_permits_and_one_for_all_others() -> None:
    of_permits, of_notices = (
        {code.source: code.target for code in read_codes((CODES / f"{name}.csv").read_text("utf-8"), name).codes}
        for name in ("units", "notice_units")
    )
    assert of_notices == {**of_permits, "*": "иная"}
