"""What can be said of an operator's number without asking a register: its shape, its check digit, its country.

A number that passes here is well formed, not known: identity is decided by the register that issued it. Values are
never corrected in signed documents; `partner_code` makes a normal form to compare with, on a copy.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

TIN_LENGTH: Final = 17
"""ISO 3166 alpha-2 prefix and national number together (WCO element R143, an..17)."""
_PREFIX_LENGTH: Final = 2
_NATIONAL_LENGTH: Final = 12
_CHECKED_LENGTH: Final = 11
_NO_DIGIT: Final = 10
_FIRST_WEIGHTS: Final = tuple(range(1, 12))
_SECOND_WEIGHTS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
_DIGITS: Final = re.compile(r"[0-9]+")
_BODY: Final = re.compile(r"[0-9A-Z]+")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_OLD_PREFIXES: Final = {"EL": "GR", "UK": "GB"}
"""Prefixes that tax administrations use where ISO 3166-1 has another code for the country."""
_WRAPPING: Final = re.compile(r"[<>()\[\]{}〈〉《》【】「」\s]")
_AEO: Final = "AEO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tin:
    """A trader identification number in its two parts, as they are stored: `prefix` as written, `body` without it."""

    prefix: str
    body: str

    @property
    def text(self) -> str:
        """Both parts as one number of at most 17 characters."""
        return self.prefix + self.body

    @property
    def country(self) -> str:
        """ISO 3166-1 alpha-2 code of the issuing country (`GR` for the prefix `EL`, `GB` for `UK`)."""
        return _OLD_PREFIXES.get(self.prefix, self.prefix)


def kz_check_digit(first: str) -> int | None:
    """The twelfth digit of a Kazakhstan BIN or IIN for its first eleven; None = this prefix is never issued.

    Weights 1 to 11, sum modulo 11; on 10 a second pass with weights 3 to 11, 1, 2; on 10 again there is no number.
    Known weakness: the eleventh digit has weight 11, which counts as zero in the first pass, so that most errors in it
    stay unseen (991240999812 passes although it was meant to be 991240999802). Raises ValueError unless 11 digits.
    """
    if len(first) != _CHECKED_LENGTH or not _DIGITS.fullmatch(first):
        raise ValueError(f"eleven digits 0-9 are needed, not {first!r}")
    for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS):
        rest = sum(weight * int(digit) for weight, digit in zip(weights, first, strict=True)) % 11
        if rest != _NO_DIGIT:
            return rest
    return None


def check_kz_number(text: str) -> str:
    """The same text, known to be a well-formed BIN or IIN: twelve ASCII digits with the right check digit.

    The date part is not looked at: numbers of persons are no longer bound to the birth date (Government Resolution
    853 of 26.08.2013). Raises ValueError with the reason.
    """
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"only digits 0-9 make a BIN or IIN{_hint(text)}")
    if len(text) != _NATIONAL_LENGTH:
        raise ValueError(f"a BIN or IIN has 12 digits, not {len(text)}")
    expected = kz_check_digit(text[:_CHECKED_LENGTH])
    if expected is None:
        raise ValueError("no BIN or IIN is issued with these first eleven digits")
    if int(text[_CHECKED_LENGTH]) != expected:
        raise ValueError(f"the check digit is {text[_CHECKED_LENGTH]}, it should be {expected}")
    return text


def check_tin(prefix: str, body: str) -> Tin:
    """The number of these two parts, known to be well formed: A-Z and 0-9 only, 17 characters at most.

    A body under the prefix `KZ` must be a well-formed BIN or IIN. Raises ValueError with the reason.
    """
    if not _COUNTRY.fullmatch(prefix):
        raise ValueError(f"a country prefix has two letters A-Z{_hint(prefix)}")
    if not _BODY.fullmatch(body):
        raise ValueError(f"only A-Z and 0-9 make the national number{_hint(body)}")
    if len(prefix) + len(body) > TIN_LENGTH:
        raise ValueError(f"a TIN has {TIN_LENGTH} characters at most, not {len(prefix) + len(body)}")
    if prefix == "KZ":
        check_kz_number(body)
    return Tin(prefix=prefix, body=body)


def split_tin(text: str) -> Tin:
    """The two parts of a TIN written as one. Raises ValueError with the reason; nothing is corrected."""
    return check_tin(text[:_PREFIX_LENGTH], text[_PREFIX_LENGTH:])


def partner_code(text: str) -> str:
    """The normal form of a partner's AEO code, to look it up with: `AEO<TW999999999>` becomes `TW999999999`.

    Full-width forms become ASCII, brackets and spaces go, a to z are raised, one leading `AEO` is taken off, the
    prefixes EL and UK become GR and GB. For comparing only: the text as received stays what was signed. Raises
    ValueError for letters of another alphabet (Cyrillic АЕО), which are never guessed, and for what is no code.
    """
    folded = _WRAPPING.sub("", unicodedata.normalize("NFKC", text))
    if not folded.isascii():
        raise ValueError(f"not a partner code{_hint(text)}")
    code = folded.upper().removeprefix(_AEO)
    prefix, body = code[:_PREFIX_LENGTH], code[_PREFIX_LENGTH:]
    return check_tin(_OLD_PREFIXES.get(prefix, prefix), body).text


def _hint(text: str) -> str:
    """Names the first character that only looks right, because people cannot see the difference."""
    for character in text:
        if not character.isascii():
            name = unicodedata.name(character, "unnamed")
            return f"; mixed alphabet: U+{ord(character):04X} {name}"
    return f", not {text[:40]!r}"
