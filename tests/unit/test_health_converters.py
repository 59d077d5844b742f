"""How the ministry writes times, numbers and business numbers, there and back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.health_kz.converters import CONVERTERS


def there(name: str, text: str) -> str:
    return CONVERTERS[name].there(text)


def back(name: str, text: str) -> str:
    undo = CONVERTERS[name].back
    assert undo is not None
    return undo(text)


@pytest.mark.parametrize(
    ("iso", "local", "utc"),
    [
        ("2026-11-21T18:59:59Z", "21.11.2026 23:59:59", "2026-11-21T18:59:59Z"),
        ("2026-11-21T19:00:00Z", "22.11.2026 00:00:00", "2026-11-21T19:00:00Z"),
        ("2026-11-19T15:20:00+05:00", "19.11.2026 15:20:00", "2026-11-19T10:20:00Z"),
        ("2023-11-19T15:20:00+06:00", "19.11.2023 15:20:00", "2023-11-19T09:20:00Z"),
        ("2024-02-29T17:59:59Z", "29.02.2024 23:59:59", "2024-02-29T17:59:59Z"),
        ("2024-02-29T19:00:00Z", "01.03.2024 00:00:00", "2024-02-29T19:00:00Z"),
    ],
)
def test_times_are_those_of_the_clock_in_astana(iso: str, local: str, utc: str) -> None:
    """Astana kept UTC+6 until 1 March 2024, UTC+5 since."""
    assert there("astana", iso) == local
    assert back("astana", local) == utc


@pytest.mark.parametrize("text", ["20261119152000+05", "20261119102000Z", "20261119152000+0500"])
def test_wco_times_of_code_304_have_zones_of_two_or_four_digits(text: str) -> None:
    assert there("astana304", text) == "19.11.2026 15:20:00"
    assert back("astana304", "19.11.2026 15:20:00") == "20261119102000Z"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("astana", "2026-11-19T15:20:00"),
        ("astana", "２026-11-19T15:20:00Z"),
        ("astana", "2026-02-30T15:20:00Z"),
        ("astana304", "20261119152000"),
        ("astana304", "20260230152000Z"),
        ("comma", "-1"),
        ("comma", "1,5"),
        ("comma", "1.0001"),
        ("comma", "12\u00a0000"),
        ("comma", "１２"),
        ("bin", "991240999803"),
        ("bin", "UZ991240999802"),
        ("bin", "９９１２４０９９９８０２"),
        ("bin", "9912409998О2"),
        ("commodity", "3004 90 920"),
        ("commodity", "808108006"),
        ("country", "kz"),
        ("procedure", "4000"),
        ("office", "5750"),
        ("declaration", "24GB0YVJ3EXXES8AA0"),
    ],
)
def test_what_cannot_be_said_without_loss_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        there(name, text)


@pytest.mark.parametrize("text", ["1.5", "1,2345", "-1", "1 000", "", "1,"])
def test_a_number_of_the_ministry_has_a_comma_and_three_decimals(text: str) -> None:
    with pytest.raises(ValueError, match="decimal comma"):
        back("comma", text)


@pytest.mark.parametrize(
    ("point", "comma"), [("12000.000", "12000"), ("0.300", "0,3"), ("0", "0"), ("00800", "800"), ("640.25", "640,25")]
)
def test_padding_zeros_mean_nothing(point: str, comma: str) -> None:
    assert there("comma", point) == comma


@given(st.decimals(min_value=0, max_value=Decimal("999999999999999.999"), places=3))
def test_a_number_comes_back_as_the_same_number(number: Decimal) -> None:
    assert Decimal(back("comma", there("comma", format(number, "f")))) == number


@pytest.mark.parametrize("text", ["991240999802", "KZ991240999802"])
def test_a_business_number_is_known_with_and_without_its_country(text: str) -> None:
    assert there("bin", text) == "991240999802"
