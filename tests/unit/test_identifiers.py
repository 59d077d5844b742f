"""Numbers of operators: shape, check digit, country prefix and the normal form of partner codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identifiers import Tin, check_kz_number, check_tin, kz_check_digit, partner_code, split_tin

KNOWN = (
    "991240999802",
    "991240999911",
    "991240990700",  # only the second pass gives its digit
    "991241999907",
    "991250999906",
    "991260999900",
    "991231599997",
    "999944999910",  # a person's number that holds no date
)


@pytest.mark.parametrize("number", KNOWN)
def test_a_well_formed_number_passes_unchanged(number: str) -> None:
    assert check_kz_number(number) == number


def test_a_wrong_check_digit_is_named_with_the_right_one() -> None:
    with pytest.raises(ValueError, match="is 3, it should be 2"):
        check_kz_number("991240999803")


def test_a_wrong_eleventh_digit_passes_so_only_a_register_proves_identity() -> None:
    """The documented weakness: this is not the number of the operator, and the arithmetic cannot see it."""
    assert check_kz_number("991240999812") == "991240999812"


def test_a_prefix_without_any_check_digit_is_never_issued() -> None:
    assert kz_check_digit("99124090019") is None
    for last in "0123456789":
        with pytest.raises(ValueError, match="no BIN or IIN is issued"):
            check_kz_number("99124090019" + last)


def test_full_width_digits_are_refused_and_the_character_is_named() -> None:
    with pytest.raises(ValueError, match=r"U\+FF19 FULLWIDTH DIGIT NINE"):
        check_kz_number("９９１２４０９９９８０２")


@pytest.mark.parametrize("number", ["", "99124099980", "9912409998020", " 991240999802", "99124099980O"])
def test_other_shapes_are_refused(number: str) -> None:
    with pytest.raises(ValueError, match=r"digits"):
        check_kz_number(number)


@pytest.mark.parametrize("first", ["", "9912409998", "９９１２４０９９９８０"])
def test_check_digit_needs_eleven_ascii_digits(first: str) -> None:
    with pytest.raises(ValueError, match="eleven digits"):
        kz_check_digit(first)


@given(st.text("0123456789", min_size=11, max_size=11), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_before_the_eleventh_is_mostly_seen(first: str, place: int, shift: int) -> None:
    """First-pass numbers differ in every single digit of the first ten, because their weights are below 11."""
    wrong = first[:place] + str((int(first[place]) + shift) % 10) + first[place + 1 :]
    if _first_pass(first) < 10 and _first_pass(wrong) < 10:
        assert kz_check_digit(wrong) != kz_check_digit(first)


def _first_pass(first: str) -> int:
    return sum(weight * int(digit) for weight, digit in enumerate(first, start=1)) % 11


def test_a_tin_is_kept_in_two_parts() -> None:
    assert split_tin("KZ991240999802") == Tin(prefix="KZ", body="991240999802")
    assert split_tin("KR9998799994").text == "KR9998799994"


def test_seventeen_characters_are_a_tin_and_eighteen_are_not() -> None:
    assert split_tin("DE999999999999999").body == "999999999999999"
    with pytest.raises(ValueError, match="17 characters at most, not 18"):
        split_tin("DE9999999999999999")


def test_the_prefix_kz_asks_for_a_well_formed_national_number() -> None:
    with pytest.raises(ValueError, match="has 12 digits, not 11"):
        check_tin("KZ", "99124099980")


@pytest.mark.parametrize("text", ["", "K", "KZ", "kz991240999802", "1Z99", "DE99 99", "DE９９"])
def test_no_tin_is_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"prefix|national number"):
        split_tin(text)


def test_a_cyrillic_letter_in_the_prefix_is_named() -> None:
    with pytest.raises(ValueError, match=r"U\+041A CYRILLIC CAPITAL LETTER KA"):
        split_tin("КZ991240999802")


@pytest.mark.parametrize(("prefix", "country"), [("EL", "GR"), ("UK", "GB"), ("GR", "GR"), ("DE", "DE")])
def test_the_prefix_stays_and_the_country_is_iso(prefix: str, country: str) -> None:
    tin = split_tin(prefix + "999999999")
    assert (tin.prefix, tin.country) == (prefix, country)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("AEO<TW999999999>", "TW999999999"),
        ("AEOCN 6501999999", "CN6501999999"),
        ("aeocn6501999999", "CN6501999999"),
        ("ＡＥＯＣＮ６５０１９９９９９９", "CN6501999999"),
        ("【AEO】CN6501999999", "CN6501999999"),
        ("CN6501999999", "CN6501999999"),
        ("AEOKZ991240999911", "KZ991240999911"),
        ("EL999999999", "GR999999999"),
        ("UK 999 9999 99", "GB999999999"),
        ("AEO\u00a0CN\u20036501999999", "CN6501999999"),
    ],
)
def test_a_partner_code_gets_its_normal_form(written: str, code: str) -> None:
    assert partner_code(written) == code
    assert partner_code(code) == code, "a normal form is its own normal form"


@pytest.mark.parametrize(
    "written", ["АЕОCN6501999999", "AEO", "", "<>", "CN-6501", "CN6501999999霍", "AEOKZ99124099980"]
)
def test_what_is_no_code_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        partner_code(written)
