"""How China writes an operator's number: `AEO`, the country, the code; and how to read it back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.identifiers import partner_code, split_tin
from gateway.model import Converter

_AEO: Final = "AEO"


def aeo_code(tin: str) -> str:
    """`KZ991240999911` as China writes it, `AEOKZ991240999911`; ValueError for a number that is not well formed."""
    return _AEO + split_tin(tin).text


def tin_prefix(code: str) -> str:
    """The country prefix of a code in any of its spellings (`AEO<KZ...>`, full-width, spaced)."""
    return split_tin(partner_code(code)).prefix


def tin_body(code: str) -> str:
    """The national number of a code in any of its spellings."""
    return split_tin(partner_code(code)).body


CONVERTERS: Final[Mapping[str, Converter]] = MappingProxyType(
    {
        "cn_aeo_code": Converter(there=aeo_code, back=partner_code),
        "partner_code": Converter(there=partner_code, back=aeo_code),
        "tin_prefix": Converter(there=tin_prefix, why="the national number is lost"),
        "tin_body": Converter(there=tin_body, why="the country prefix is lost"),
    }
)
