"""The converters every table may use, each with its way back where there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from gateway.mapping.chain import split_args, unquoted
from gateway.mapping.dates import day_to_day, form_names, loss, read_moment, write_moment
from gateway.mapping.numbers import canonical_decimal, divided, exact, rounded, summed, times
from gateway.model import Converter

_BLANK: Final = " \t\r\n"
_RUNS: Final = re.compile(r"[ \t\r\n]+")
_SLICE: Final = re.compile(r"([1-9][0-9]{0,3}),\s*([1-9][0-9]{0,3})")
_UPPER: Final = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_PLACES: Final = re.compile(r"[0-9]|1[0-9]|20")


def collapsed(text: str) -> str:
    """Text with XML white space (and no other: not NBSP, not U+2028) collapsed as xs:token asks."""
    if " " not in text and text.isprintable():
        return text
    text = text.strip(_BLANK)
    if "  " in text or "\n" in text or "\t" in text or "\r" in text:
        return _RUNS.sub(" ", text)
    return text


def core_converter(name: str, args: str) -> Converter | None:
    """The converter of a step, None when the core has none of this name. ValueError: the arguments do not fit."""
    if name in _PLAIN:
        if args:
            raise ValueError(f"{name} takes no argument")
        return _PLAIN[name]
    maker = _MAKERS.get(name)
    if maker is None:
        return None
    if not args:
        raise ValueError(f"{name} needs an argument")
    return maker(args)


def _prefix(args: str) -> Converter:
    head = unquoted(args)
    return Converter(there=lambda text: head + text, back=_without(head))


def _unprefix(args: str) -> Converter:
    head = unquoted(args)
    return Converter(there=_without(head), back=lambda text: head + text)


def _without(head: str) -> Callable[[str], str]:
    def take(text: str) -> str:
        if not text.startswith(head):
            raise ValueError(f"does not begin with {head}")
        return text[len(head) :]

    return take


def _slice(args: str) -> Converter:
    match = _SLICE.fullmatch(args)
    if match is None or int(match[2]) < int(match[1]):
        raise ValueError("write slice(first,last), characters counted from 1")
    first, last = int(match[1]), int(match[2])
    return Converter(there=lambda text: text[first - 1 : last], why="the other characters are not kept")


def _date(args: str) -> Converter:
    names = [name.strip() for name in args.split(",")]
    if len(names) != 2:  # noqa: PLR2004
        raise ValueError("write date(from,to)")
    before, after = form_names(names[0], names[1])
    why = loss(before, after)
    return Converter(there=_dated(before, after), back=None if why else _dated(after, before), why=why)


def _dated(before: str, after: str) -> Callable[[str], str]:
    quick = day_to_day(before, after)
    if quick is not None:
        return quick
    return lambda text: write_moment(read_moment(collapsed(text), before), after)


def _scale(args: str) -> Converter:
    factor = exact(args.strip())
    if not factor:
        raise ValueError("scale by zero")
    return Converter(there=lambda text: times(collapsed(text), factor), back=lambda text: divided(text, factor))


def _round(args: str) -> Converter:
    if not _PLACES.fullmatch(args.strip()):
        raise ValueError("write round(places), 0 to 20")
    places = int(args)
    return Converter(there=lambda text: rounded(collapsed(text), places), why="the digits after are not kept")


def _split(args: str) -> Converter:
    separator, part, of = split_args(args)

    def take(text: str) -> str:
        parts = text.split(separator)
        if of is not None and len(parts) != of:
            raise ValueError(f"{len(parts)} parts, not {of}")
        if part > len(parts):
            return ""
        return parts[part - 1]

    return Converter(there=take, why="one part alone is not the whole")


def _decimal(text: str) -> str:
    try:
        return canonical_decimal(text)
    except ValueError:
        return canonical_decimal(collapsed(text))


_PLAIN: Final = {
    "trim": Converter(there=collapsed, back=collapsed),
    "upper": Converter(there=lambda text: text.translate(_UPPER), why="small and capital letters become one"),
    "decimal": Converter(there=_decimal, back=_decimal),
}
_MAKERS: Final[dict[str, Callable[[str], Converter]]] = {
    "prefix": _prefix,
    "unprefix": _unprefix,
    "slice": _slice,
    "date": _date,
    "scale": _scale,
    "round": _round,
    "split": _split,
}

Combiner = Callable[[Sequence[str]], str]
"""Makes one text of many; the texts are not empty. An empty result leaves the target empty."""
COMBINERS: Final = frozenset({"join", "first", "count", "sum"})


def combiner(name: str, args: str) -> Combiner:
    """The combiner of a step. ValueError: the arguments do not fit."""
    if name == "join":
        return unquoted(args).join
    if args:
        raise ValueError(f"{name} takes no argument")
    if name == "first":
        return lambda texts: texts[0] if texts else ""
    if name == "count":
        return lambda texts: str(len(texts))
    return lambda texts: summed(collapsed(text) for text in texts) if texts else ""


def by_factor(text: str, factor: str, *, back: bool) -> str:
    """A quantity in the other unit: times the factor, or divided by it. ValueError when that is not exact."""
    return divided(collapsed(text), Decimal(factor)) if back else times(collapsed(text), Decimal(factor))
