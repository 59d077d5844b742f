"""Decimal numbers as text: exact, canonical, and strict about what is a number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from typing import Final

_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?")
_LONGEST: Final = 100
_PRECISION: Final = 400


def canonical_decimal(text: str) -> str:
    """The canonical lexical form of an xs:decimal, without the `.0` of an integer.

    Refuses (ValueError) exponents, commas, spaces of any kind, digits other than 0-9 and more than 100 characters.
    """
    if text.isascii() and len(text) <= _LONGEST:
        whole, _, part = text.partition(".")
        if whole.isdecimal() and (not part or part.isdecimal()):
            whole, part = whole.lstrip("0") or "0", part.rstrip("0")
            return f"{whole}.{part}" if part else whole
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or not (match[2] or match[3]):
        raise ValueError("not a decimal number")
    whole, part = match[2].lstrip("0") or "0", (match[3] or "").rstrip("0")
    number = f"{whole}.{part}" if part else whole
    return f"-{number}" if match[1] == "-" and number != "0" else number


def exact(text: str) -> Decimal:
    """The number that a text says; ValueError like `canonical_decimal`."""
    return Decimal(canonical_decimal(text))


def times(text: str, factor: Decimal) -> str:
    """The exact product, canonical."""
    return _plain(_context().multiply(exact(text), factor))


def divided(text: str, factor: Decimal) -> str:
    """The exact quotient, canonical; ValueError when it does not end."""
    try:
        return _plain(_context().divide(exact(text), factor))
    except (Inexact, InvalidOperation):
        raise ValueError(f"cannot be divided by {factor} without a rest") from None


def rounded(text: str, places: int) -> str:
    """The number with exactly so many decimal places, half away from zero."""
    context = Context(prec=_PRECISION, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
    number = exact(text).quantize(Decimal(1).scaleb(-places), context=context)
    return format(abs(number) if number.is_zero() else number, "f")


def summed(texts: Iterable[str]) -> str:
    """The exact sum, canonical; of nothing `0`."""
    total, context = Decimal(0), _context()
    for text in texts:
        total = context.add(total, exact(text))
    return _plain(total)


def _context() -> Context:
    """Wide enough for any two numbers we take; a digit lost is an error, not a rounding."""
    return Context(prec=_PRECISION, traps=[Inexact, InvalidOperation])


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError("not a decimal number")
    whole, part = match[2].lstrip("0") or "0", (match[3] or "").rstrip("0")
    plain = f"{whole}.{part}" if part else whole
    return f"-{plain}" if match[1] == "-" and plain != "0" else plain
