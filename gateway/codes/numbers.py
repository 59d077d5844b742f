"""Numbers that prove themselves: check digits and dates inside identifiers, by the rule of who issues them.

A number that passes is well formed, not known. A check says nothing of numbers it is not made for: a container field
may hold the mark of an air freight unit, an importer may be of any country.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from gateway.identifiers import check_kz_number

_TWELVE: Final = re.compile(r"[0-9]{12}")
_TIN: Final = re.compile(r"([A-Z]{2})([0-9A-Z]+)")
_CONTAINER: Final = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}")
_DECLARATION: Final = re.compile(r"(?:[0-9]{2}|[0-9]{5}|[0-9]{8})/([0-9]{6})/[0-9]{5,7}")
_AEO: Final = re.compile(r"AEO([A-Z]{2}[0-9A-Z]+)")
_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LETTERS: Final = {letter: value for letter, value in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", range(10, 36), strict=True)}
_LONGEST_TIN: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a number is refused: the rule of the finding and its params."""

    rule: str
    params: Mapping[str, str] = field(default_factory=dict)


Check = Callable[[str], Fault | None]


def _check_digit(kind: str) -> Fault:
    return Fault(rule="id.check-digit", params={"kind": kind})


def _form(kind: str, sample: str) -> Fault:
    return Fault(rule="id.form", params={"kind": kind, "sample": sample})


def check_bin(text: str) -> Fault | None:
    """A BIN or IIN of Kazakhstan: twelve digits, the last a check digit."""
    if not _TWELVE.fullmatch(text):
        return _form("KZ BIN/IIN", "991240999802")
    try:
        check_kz_number(text)
    except ValueError:
        return _check_digit("KZ BIN/IIN")
    return None


def check_operator(text: str) -> Fault | None:
    """An operator of any country: a TIN of ours or a bare BIN is checked, everything else passes."""
    if _TWELVE.fullmatch(text):
        return check_bin(text)
    return check_tin(text) if text.startswith("KZ") and text[2:].isascii() and text[2:].isdigit() else None


def check_tin(text: str) -> Fault | None:
    """A trader identification number: country prefix and national number, 17 characters at most (WCO R143)."""
    found = _TIN.fullmatch(text)
    if found is None or len(text) > _LONGEST_TIN:
        return _form("TIN", "KZ991240999802")
    national = _NATIONAL.get(found[1])
    return national(found[2]) if national else None


def check_aeo_code(text: str) -> Fault | None:
    """`AEO` before a TIN, as partners write our operators."""
    found = _AEO.fullmatch(text)
    return check_tin(found[1]) if found else _form("AEO", "AEOKZ991240999911")


def check_container(text: str) -> Fault | None:
    """An ISO 6346 container number: weights 2^position over the first ten signs, modulo 11; 10 is written 0."""
    if not _CONTAINER.fullmatch(text):
        return None
    total = sum(_iso_6346(sign) << place for place, sign in enumerate(text[:10]))
    return None if total % 11 % 10 == int(text[10]) else _check_digit("ISO 6346")


def _iso_6346(sign: str) -> int:
    """Letters count from 10 and leave out 11, 22 and 33."""
    if sign not in _LETTERS:
        return int(sign)
    value = _LETTERS[sign]
    return value + (value > 10) + (value > 20) + (value > 30)  # noqa: PLR2004


def check_declaration(text: str) -> Fault | None:
    """A declaration number office/DDMMYY/serial holds a day that exists; numbers of another shape pass."""
    found = _DECLARATION.fullmatch(text)
    if found is None:
        return None
    day, month, year = (int(found[1][at : at + 2]) for at in (0, 2, 4))
    try:
        date(2000 + year, month, day)
    except ValueError:
        return Fault(rule="id.date", params={"day": found[1]})
    return None


def check_uscc(body: str) -> Fault | None:
    """Unified social credit code, 18 signs (GB 32100-2015, modulo 31); the customs code of ten digits has no check."""
    if len(body) != 18 or not set(body) <= set(_USCC):  # noqa: PLR2004
        return None
    total = sum(_USCC.index(sign) * pow(3, place, 31) for place, sign in enumerate(body[:17]))
    return None if (31 - total) % 31 == _USCC.index(body[17]) else _check_digit("CN USCC")


def _kr(body: str) -> Fault | None:
    """Business registration number, ten digits: weights 1 3 7 1 3 7 1 3 5, the tens of 5 times the ninth added."""
    digits = _digits(body, 10)
    if not digits:
        return None
    total = sum(weight * digit for weight, digit in zip((1, 3, 7, 1, 3, 7, 1, 3, 5), digits, strict=False))
    return None if (-total - 5 * digits[8] // 10) % 10 == digits[9] else _check_digit("KR BRN")


def _tr(body: str) -> Fault | None:
    """Tax number (VKN), ten digits: each plus its distance from the end modulo 10, times a power of two modulo 9."""
    digits = _digits(body, 10)
    if not digits:
        return None
    shifted = [((digit + 9 - place) % 10, 9 - place) for place, digit in enumerate(digits[:9])]
    total = sum(9 if value == 9 else (value << power) % 9 for value, power in shifted)  # noqa: PLR2004
    return None if -total % 10 == digits[9] else _check_digit("TR VKN")


def _ru(body: str) -> Fault | None:
    """INN, ten digits (weights 2 4 10 3 5 9 4 6 8) or twelve (two check digits), modulo 11 modulo 10."""
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    ends = {10: (9,), 12: (10, 11)}.get(len(body), ())
    digits = _digits(body, len(body))
    for end in ends if digits else ():
        total = sum(weight * digit for weight, digit in zip(weights[11 - end :], digits[:end], strict=True))
        if total % 11 % 10 != digits[end]:
            return _check_digit("RU INN")
    return None


def _digits(text: str, length: int) -> list[int]:
    plain = len(text) == length and text.isascii() and text.isdigit()
    return [int(digit) for digit in text] if plain else []


_NATIONAL: Final[Mapping[str, Check]] = {"KZ": check_bin, "CN": check_uscc, "KR": _kr, "TR": _tr, "RU": _ru}
CHECKS: Final[Mapping[str, Check]] = {
    "bin": check_bin,
    "operator": check_operator,
    "tin": check_tin,
    "aeo-code": check_aeo_code,
    "container": check_container,
    "declaration": check_declaration,
}
"""The checks the index may name (`check:bin`)."""
