"""Compiles paths and conditions of a rule to functions of a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.mapping.codes import CodeList
from gateway.mapping.converters import collapsed
from gateway.mapping.outcome import ILLEGAL, Frame, Run
from gateway.mapping.predicate import All, Condition, Either, Equals, Not, Present
from gateway.mapping.source import Reading, Scope, frames_in, out_of, way
from gateway.model import Converter

Value = Callable[[Frame, Run], str | None]
Holds = Callable[[Frame, Run], bool]


@dataclass(frozen=True, slots=True)
class Bench:
    """What rules are compiled with: the source reading, the agency's converters and code lists, the table's name."""

    reading: Reading
    converters: Mapping[str, Converter]
    codes: Mapping[str, CodeList]
    table: str


def scope_of(bench: Bench, path: str, here: Scope) -> Scope:
    """The scope a source lives in; a context value lives everywhere."""
    return here if path.startswith("$") else bench.reading.scope_of(path)


def reader(bench: Bench, path: str, here: Scope) -> Value:
    """The value of a path whose scope is this one or around it, or of a context name."""
    if path.startswith("$"):
        name = path[1:]
        return lambda _frame, run: _legal(run.context.get(name))
    slot = bench.reading.slot(path)
    outward, _ = way(here, bench.reading.scope_of(path))
    if outward == 0:
        return lambda frame, _run: frame[slot]
    if outward == 1:
        return lambda frame, _run: frame[0][slot]
    return lambda frame, _run: out_of(frame, outward)[slot]


def _legal(text: str | None) -> str | None:
    """A text from outside the document, without what XML cannot carry."""
    return collapsed(ILLEGAL.sub("\ufffd", text)) or None if text else None


def condition(bench: Bench, item: Condition, here: Scope) -> Holds:
    """A condition as seen from a frame of this scope; a path that repeats there means any occurrence."""
    if isinstance(item, Not):
        inner = condition(bench, item.item, here)
        return lambda frame, run: not inner(frame, run)
    if isinstance(item, All):
        every = [condition(bench, part, here) for part in item.items]
        return lambda frame, run: all(holds(frame, run) for holds in every)
    if isinstance(item, Either):
        some = [condition(bench, part, here) for part in item.items]
        return lambda frame, run: any(holds(frame, run) for holds in some)
    return _test(bench, item, here)


def _test(bench: Bench, item: Equals | Present, here: Scope) -> Holds:
    accepts = _accepts(item)
    outward, inward = way(here, scope_of(bench, item.path, here))
    if not inward:
        value = reader(bench, item.path, here)
        return lambda frame, run: accepts(value(frame, run))
    slot = bench.reading.slot(item.path)
    return lambda frame, run: any(accepts(inner[slot]) for inner in frames_in(out_of(frame, outward), inward, run))


def _accepts(item: Equals | Present) -> Callable[[str | None], bool]:
    if isinstance(item, Present):
        return lambda value: value is not None
    values = item.values
    return lambda value: value is not None and (value in values or collapsed(value) in values)
