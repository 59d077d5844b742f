"""The functions that a compiled table is made of: each writes one element, or picks the one value in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from gateway.mapping.canonical import escaped, escaped_attribute
from gateway.mapping.change import Plain
from gateway.mapping.conditions import Value
from gateway.mapping.converters import collapsed
from gateway.mapping.outcome import REFUSED, Frame, Run
from gateway.mapping.rows import Row
from gateway.mapping.source import ELEMENT

Emit = Callable[[Frame, list[str], Run], bool]
"""Writes an element into the list; False when there was nothing to write."""
Gap = Callable[[Frame, Run], None]
"""Keeps the finding that a required target stays empty."""
Attributes = Callable[[Frame, Run], str]
"""All attributes of an element, each with a space before it, in canonical order."""
Attribute = tuple[str, Value, Gap | None]


def as_token(value: Value) -> Value:
    """The value with its white space collapsed."""

    def token(frame: Frame, run: Run) -> str | None:
        text = value(frame, run)
        return text if text is None or text is REFUSED else collapsed(text) or None

    return token


def first_of(rows: list[Row], gap: Gap | None, *, marked: bool) -> Value:
    """The first row that applies and yields a value; `marked`: it leaves a mark for the trace."""

    def pick(frame: Frame, run: Run) -> str | None:
        for row in rows:
            if row.holds is None or row.holds(frame, run):
                text = row.value(frame, run)
                if text is not None:
                    if marked:
                        run.marks.append((row, frame, text))
                    return text
        if gap is None:
            return None
        gap(frame, run)
        return REFUSED

    return pick


def leaf(start: str, end: str, pick: Value, attributes: Attributes | None) -> Emit:
    """An element with a text; not written without one, whatever its attributes are. `start` has no `>` yet."""

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        text = pick(frame, run)
        if text is None:
            return False
        own = attributes(frame, run) if attributes is not None else ""
        out.append(f"{start}{own}>{escaped(text)}{end}")
        return True

    return write


def attributes_of(attributes: list[Attribute]) -> Attributes | None:
    """Writes the attributes of an element; None for none."""
    if not attributes:
        return None

    def write(frame: Frame, run: Run) -> str:
        found = ""
        for name, pick, gap in attributes:
            text = pick(frame, run)
            if text is not None:
                found += f'{name}{escaped_attribute(text)}"'
            elif gap is not None:
                gap(frame, run)
        return found

    return write


class Part(NamedTuple):
    """One child of a container: how it is written, and what to keep when it is not.

    With a `head` it is a leaf that is one slot of the frame, and perhaps a `change` of it: written in the loop of its
    container, without a call. Then `emit` is asked only for what is wrong, and, unless `quiet`, for what is missing.
    """

    emit: Emit
    gap: Gap | None = None
    slot: int = ELEMENT
    quiet: bool = False
    change: Plain | None = None
    head: str = ""
    end: str = ""


def container(start: str, end: str, attributes: Attributes | None, parts: list[Part]) -> Emit:
    """An element with children; nothing at all when neither a child nor an attribute has a value."""
    children = partial(_children, tuple(parts))

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        own = attributes(frame, run) if attributes is not None else ""
        out.append(f"{start}{own}>")
        mark = len(out)
        empty = children(frame, out, run)
        if len(out) == mark and not own:
            out.pop()
            return False
        for gap in empty:
            gap(frame, run)
        out.append(end)
        return True

    return write


def _children(parts: tuple[Part, ...], frame: Frame, out: list[str], run: Run) -> list[Gap]:
    """Writes all children; what comes back are the gaps to keep if the parent stays."""
    append = out.append
    empty: list[Gap] = []
    for emit, gap, slot, quiet, change, head, end in parts:
        text = frame[slot]
        if head and text is not None:
            if change is not None:
                try:
                    text = change(text)
                except (ValueError, ArithmeticError):
                    text = ""
            if text:
                plain = text.isalnum() or not ("&" in text or "<" in text or ">" in text or "\r" in text)
                append(f"{head}{text}{end}" if plain else f"{head}{escaped(text)}{end}")
                continue
        elif quiet:
            continue
        if not emit(frame, out, run) and gap is not None:
            empty.append(gap)
    return empty


def one_after_another(emits: list[Emit]) -> Emit:
    """Several groups for one name, in the order of their rows."""
    if len(emits) == 1:
        return emits[0]

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        wrote = False
        for emit in emits:
            wrote = emit(frame, out, run) or wrote
        return wrote

    return write
