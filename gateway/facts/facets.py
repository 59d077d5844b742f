"""How long a value may be and of which kind, compared between two versions of its fact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.facts.ecma_pattern import ecma
from gateway.facts.fact import Fact

_FORMAT: Final = re.compile(r"(an|a|n)(\.\.)?([0-9]+)(?:,([0-9]+))?")
_DECIMALS: Final = frozenset({"numeric", "amount", "quantity", "measure", "decimal"})
_TEXT: Final = 3
_WIDTH: Final[Mapping[str, int]] = {
    **dict.fromkeys(("id", "string", "text", "line", "code", "token", "token-id"), _TEXT),
    **dict.fromkeys(_DECIMALS, 2),
    **dict.fromkeys(("integer", "int"), 1),
}
"""Type words that can be compared: whole numbers are numbers, everything is text."""
_NUMBER: Final = re.compile(r"[+-]?([0-9]*)(?:\.([0-9]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """`kind` an, a or n, empty = free; lengths in characters, or digits in all and after the point for a number."""

    kind: str = ""
    least: int = 0
    most: int | None = None
    fraction: int | None = None

    def narrower_than(self, other: Facets) -> bool:
        """True when the other takes a value that this one refuses."""
        kinds = {"": 0, "an": 0, "a": 1, "n": 1}
        if kinds[self.kind] > kinds[other.kind] or (self.kind != other.kind and kinds[self.kind] == 1):
            return True
        return self.least > other.least or _less(self.most, other.most) or _less(self.fraction, other.fraction)


def _less(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one < other)


def facets_of(fact: Fact) -> Facets:
    """What the format of a fact says; free where there is none."""
    found = _FORMAT.fullmatch(fact.format)
    if found is None:
        return Facets()
    most = int(found[3])
    if fact.type in _DECIMALS or fact.type == "integer":
        return Facets(kind="n", most=most, fraction=int(found[4] or 0))
    return Facets(kind=found[1], least=0 if found[2] else most, most=most)


def wider(old: str, new: str) -> tuple[bool, bool]:
    """(the new type word refuses what the old took, the new one takes what the old refused)."""
    first, second = _WIDTH.get(old), _WIDTH.get(new)
    if first is not None and second is not None:
        return second < first, second > first
    return second != _TEXT, first != _TEXT


def takes(fact: Fact, value: str) -> bool:
    """True unless length, pattern or codes of a fact refuse a value; what cannot be told passes."""
    text = value if fact.type in ("text", "id", "string") else " ".join(value.split())
    if fact.choices and text not in fact.choices:
        return False
    pattern = ecma(fact.pattern) if fact.pattern else ""
    if pattern and not re.fullmatch(pattern, text):
        return False
    facets = facets_of(fact)
    if facets.most is None:
        return True
    if fact.type in _DECIMALS or fact.type == "integer":
        return _fits(facets, text)
    if facets.kind == "n" and not re.fullmatch("[0-9]*", text):
        return False
    return facets.least <= len(text) <= facets.most


def _fits(facets: Facets, text: str) -> bool:
    """Digits counted as XSD counts them: no leading zeros before, no trailing zeros after the point."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return False
    whole, fraction = (found[1] or "").lstrip("0"), (found[2] or "").rstrip("0")
    return len(whole) + len(fraction) <= (facets.most or 0) and len(fraction) <= (facets.fraction or 0)
