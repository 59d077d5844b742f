"""Values that were not written by Kazakhstan's rules: told apart from ours, never bent to look like them.

Every pair shares one value between two elements of the ministry: the first converter lets ours through, the second what
comes from elsewhere; the other one then yields nothing. A value that looks like ours and is wrong the first refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from adapters.health_kz.converters import business_number
from gateway.model import Converter

_DECLARATION: Final = re.compile("([0-9]{2}|[0-9]{5}|[0-9]{8})/[0-9]{6}/[0-9]{5,7}")
_OTHER_DECLARATION: Final = re.compile("(?=.*[A-Za-z])[A-Za-z0-9./_-]{1,70}")
"""At least one letter A-Z: `24GB0YVJ3EXXES8AA0`. Digits alone are a number of ours that lost its slashes."""
_OPERATOR: Final = re.compile("(KZ)?[0-9]{12}")
_OTHER_OPERATOR: Final = re.compile("(?!KZ)(?=.*[A-Za-z])[A-Za-z0-9./_-]{1,17}")
_OFFICE: Final = re.compile("[0-9]{2}|[0-9]{5}|[0-9]{8}")
_OTHER_OFFICE: Final = re.compile("[A-Z]{2}[A-Za-z0-9]{1,15}")
_COMMODITY: Final = re.compile("[0-9]{10}")
_OTHER_COMMODITY: Final = re.compile("([0-9]{2}){2,4}")
"""Chapters of the Harmonized System are written in pairs of digits: an odd length is a code that lost a zero."""
_COUNTRY: Final = re.compile("[A-Z]{2}")
_GROUP: Final = re.compile("[A-Z0-9]{3,4}")
_PROCEDURE: Final = re.compile("[0-9]{2}")
_ADDITIONAL: Final = re.compile("[A-Z0-9]{3}")


def _same(text: str) -> str:
    return text


def _pair(
    ours: re.Pattern[str], other: re.Pattern[str], reason: str, read: Callable[[str], str] = _same
) -> tuple[Converter, Converter]:
    """Ours and the other's half of one value; what is neither is refused by ours, with this reason."""

    def own(text: str) -> str:
        if other.fullmatch(text) and not ours.fullmatch(text):
            return ""
        if not ours.fullmatch(text):
            raise ValueError(reason)
        return read(text)

    def foreign(text: str) -> str:
        return text if other.fullmatch(text) and not ours.fullmatch(text) else ""

    back = own if read is _same else None
    return Converter(there=own, back=back, why="the prefix KZ is not kept"), Converter(there=foreign, back=foreign)


_DECLARATIONS = _pair(_DECLARATION, _OTHER_DECLARATION, "not a declaration number: office / DDMMYY / serial")
_OPERATORS = _pair(_OPERATOR, _OTHER_OPERATOR, "not a BIN of twelve digits", business_number)
_OFFICES = _pair(_OFFICE, _OTHER_OFFICE, "not a customs office of 2, 5 or 8 digits")
_COMMODITIES = _pair(_COMMODITY, _OTHER_COMMODITY, "not a commodity code of ten digits")
_COUNTRIES = _pair(_COUNTRY, _GROUP, "not a country code of two letters A-Z")
_PROCEDURES = _pair(_PROCEDURE, _ADDITIONAL, "not a procedure of two digits")

ELSEWHERE: Final = {
    "our_declaration": _DECLARATIONS[0],
    "other_declaration": _DECLARATIONS[1],
    "our_operator": _OPERATORS[0],
    "other_operator": _OPERATORS[1],
    "our_office": _OFFICES[0],
    "other_office": _OFFICES[1],
    "our_commodity": _COMMODITIES[0],
    "other_commodity": _COMMODITIES[1],
    "one_country": _COUNTRIES[0],
    "country_group": _COUNTRIES[1],
    "main_procedure": _PROCEDURES[0],
}
"""What the notice tables call by name."""
