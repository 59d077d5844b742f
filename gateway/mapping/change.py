"""Compiles the steps of a chain to functions from text to text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from gateway.mapping.chain import CODE, Step
from gateway.mapping.codes import ANY_OTHER, Code, CodeList
from gateway.mapping.conditions import Bench
from gateway.mapping.converters import by_factor, collapsed, core_converter
from gateway.mapping.outcome import ILLEGAL, CodeRefused, Run
from gateway.model import Converter

Plain = Callable[[str], str]
Change = Callable[[str, Run], str]
Combine = Callable[[list[str | None], Run], str]
_MOST_DAYS = 64
_MARKUP: Final = re.compile("[&<>\r]")


def named_converter(bench: Bench, step: Step) -> Converter:
    """The converter of a step: the core's, else the agency's. ValueError: there is none, or its arguments are wrong."""
    if ILLEGAL.search(step.args):
        raise ValueError("the argument holds a character that XML cannot carry")
    found = core_converter(step.name, step.args)
    if found is not None:
        return found
    own = bench.converters.get(step.text.removeprefix("back:"))
    if own is None:
        raise ValueError(f"there is no converter {step.text}")
    return replace(own, there=_checked(own.there), back=_checked(own.back) if own.back else None)


def _checked(function: Plain) -> Plain:
    """What an agency's converter gives must be text that XML can carry."""

    def checked(text: str) -> str:
        result = function(text)
        if ILLEGAL.search(result):
            raise ValueError("the result holds a character that XML cannot carry")
        return result

    return checked


def plain_change(bench: Bench, step: Step) -> Plain | None:
    """One step that needs nothing but the text; None for a code list with dates.

    ValueError: no such converter or list, wrong arguments, or no way back.
    """
    if step.name == CODE:
        codes = known_codes(bench, step.args)
        return None if codes.dated else _recode_always(codes, back=step.back)
    converter = named_converter(bench, step)
    function = converter.back if step.back else converter.there
    if function is None:
        raise ValueError(f"{step.name} has no way back: {converter.why}")
    return function


def change(bench: Bench, step: Step) -> Change:
    """One step, told which run it is in. ValueError as `plain_change`."""
    plain = plain_change(bench, step)
    if plain is None:
        return _recode(known_codes(bench, step.args), back=step.back)
    return lambda text, _run: plain(text)


@dataclass(frozen=True, slots=True)
class PlainStep:
    """One function of a text. `tame`: its result has no `&`, `<`, `>` or carriage return that its text had not.

    `cut` are first and last character (from 0, the last not included) where it does nothing but cut.
    """

    function: Plain
    tame: bool
    cut: tuple[int, int] | None = None


COLLAPSE: Final = PlainStep(collapsed, tame=True)


def plain_steps(bench: Bench, steps: list[Step]) -> tuple[PlainStep, ...] | None:
    """The steps as functions of the text alone; None when one of them needs the run. ValueError as `plain_change`."""
    functions = [plain_change(bench, step) for step in steps]
    found = [
        PlainStep(function, tame=_tame(bench, step), cut=_cut(step))
        for step, function in zip(steps, functions, strict=True)
        if function is not None
    ]
    return tuple(found) if len(found) == len(steps) else None


def _tame(bench: Bench, step: Step) -> bool:
    if step.name == CODE:
        rows = known_codes(bench, step.args).codes
        return not any(_MARKUP.search(row.source if step.back else row.target) for row in rows)
    return core_converter(step.name, step.args) is not None and not _MARKUP.search(step.args)


def _cut(step: Step) -> tuple[int, int] | None:
    if step.name != "slice" or step.back:
        return None
    first, last = step.args.split(",")
    return int(first) - 1, int(last)


def known_codes(bench: Bench, name: str) -> CodeList:
    """The code list of this name; ValueError when there is none."""
    if name not in bench.codes:
        raise ValueError(f"there is no code list {name}")
    return bench.codes[name]


def _no_doubt(codes: CodeList, *, back: bool) -> None:
    if back and codes.ambiguous:
        raise ValueError(f"code list {codes.name} has no way back: {codes.ambiguous}")


def _rows_by_day(codes: CodeList, *, back: bool) -> Callable[[Run], dict[str, Code]]:
    """The rows that hold on the run's day; worked out once per day."""
    _no_doubt(codes, back=back)
    if not codes.dated:
        fixed = codes.on(None, back=back)
        return lambda _run: fixed
    known: dict[date | None, dict[str, Code]] = {}

    def rows(run: Run) -> dict[str, Code]:
        day = run.day()
        if day not in known:
            if len(known) >= _MOST_DAYS:
                known.clear()
            known[day] = codes.on(day, back=back)
        return known[day]

    return rows


def _recode_always(codes: CodeList, *, back: bool) -> Plain:
    """A code list without dates."""
    _no_doubt(codes, back=back)
    rows = codes.on(None, back=back)
    fixed = {code: row.source if back else row.target for code, row in rows.items()}

    def recode(text: str) -> str:
        found = fixed.get(text) or fixed.get(collapsed(text)) or fixed.get(ANY_OTHER)
        if found is None:
            raise CodeRefused(f"code list {codes.name} ({codes.version}) has no code {collapsed(text)}")
        return found

    return recode


def _recode(codes: CodeList, *, back: bool) -> Change:
    rows = _rows_by_day(codes, back=back)

    def recode(text: str, run: Run) -> str:
        row = _row(codes, rows(run), collapsed(text), run)
        return row.source if back else row.target

    return recode


def _row(codes: CodeList, rows: dict[str, Code], code: str, run: Run) -> Code:
    row = rows.get(code) or rows.get(ANY_OTHER)
    if row is None:
        day = run.day()
        when = f" on {day.isoformat()}" if day and codes.dated else ""
        raise CodeRefused(f"code list {codes.name} ({codes.version}) has no code {code}{when}")
    return row


def unit_change(bench: Bench, step: Step) -> Combine:
    """`unit(LIST)`: quantity and unit become the quantity in the unit that the list gives."""
    codes = known_codes(bench, step.args)
    missing = [code.source for code in codes.codes if not code.factor]
    if missing:
        raise ValueError(f"code list {codes.name} has no factor for {', '.join(missing)}")
    rows = _rows_by_day(codes, back=step.back)

    def convert(texts: list[str | None], run: Run) -> str:
        quantity, unit = texts
        if quantity is None:
            return ""
        if unit is None:
            raise CodeRefused("the unit is missing")
        return by_factor(quantity, _row(codes, rows(run), collapsed(unit), run).factor, back=step.back)

    return convert
