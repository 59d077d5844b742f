"""How China writes an operator's number, and how it is read back."""

from __future__ import annotations

import pytest

from adapters.mra_cn.converters import CONVERTERS


def there(name: str, text: str) -> str:
    return CONVERTERS[name].there(text)


def back(name: str, text: str) -> str:
    reverse = CONVERTERS[name].back
    assert reverse is not None
    return reverse(text)


def test_our_number_as_china_writes_it_and_back() -> None:
    assert there("cn_aeo_code", "KZ991240999911") == "AEOKZ991240999911"
    assert back("cn_aeo_code", "AEOKZ991240999911") == "KZ991240999911"


@pytest.mark.parametrize("tin", ["KZ99124099991", "KZ991240999912", "KZ９９１２４０９９９９１１", "991240999911"])
def test_a_number_that_is_not_well_formed_does_not_leave(tin: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        there("cn_aeo_code", tin)


def test_a_partner_code_in_any_spelling_and_back() -> None:
    assert there("partner_code", "aeo＜CN＞ 6501999999") == "CN6501999999"
    assert back("partner_code", "CN6501999999") == "AEOCN6501999999"


def test_a_code_is_taken_apart_and_says_that_half_is_lost() -> None:
    assert (there("tin_prefix", "AEOKZ991240999911"), there("tin_body", "AEOKZ991240999911")) == ("KZ", "991240999911")
    for name in ("tin_prefix", "tin_body"):
        assert CONVERTERS[name].back is None
        assert CONVERTERS[name].why
