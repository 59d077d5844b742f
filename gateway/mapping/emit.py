"""The functions that a compiled table is made of: each writes one element, or picks the one value in it."""

from __future__ import annotations

from collections.abc import Callable

from gateway.mapping.canonical import escaped, escaped_attribute
from gateway.mapping.change import Plain
from gateway.mapping.conditions import Value
from gateway.mapping.converters import collapsed
from gateway.mapping.outcome import REFUSED, Frame, Run
from gateway.mapping.rows import Direct, Row

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


def direct_leaf(start: str, end: str, direct: Direct, pick: Value) -> Emit:
    """A leaf that is one slot of the frame: the same as `leaf`, in one call. `pick` is asked only for what is wrong."""
    if direct.change is not None:
        return _changed_leaf(f"{start}>", end, direct.slot, direct.change, pick=pick)
    slot, head = direct.slot, f"{start}>"

    def copied(frame: Frame, out: list[str], run: Run) -> bool:
        text = frame[slot] or pick(frame, run)
        if text is None:
            return False
        if not text.isalnum() and ("&" in text or "<" in text or ">" in text or "\r" in text):
            text = escaped(text)
        out.append(f"{head}{text}{end}")
        return True

    return copied


def _changed_leaf(head: str, end: str, slot: int, change: Plain, *, pick: Value) -> Emit:
    def changed(frame: Frame, out: list[str], run: Run) -> bool:
        text = frame[slot]
        try:
            text = (change(text) if text is not None else None) or pick(frame, run)
        except (ValueError, ArithmeticError):
            text = pick(frame, run)
        if text is None:
            return False
        if not text.isalnum() and ("&" in text or "<" in text or ">" in text or "\r" in text):
            text = escaped(text)
        out.append(f"{head}{text}{end}")
        return True

    return changed


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


def container(start: str, end: str, attributes: Attributes | None, parts: list[tuple[Emit, Gap | None]]) -> Emit:
    """An element with children; nothing at all when neither a child nor an attribute has a value."""

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        own = attributes(frame, run) if attributes is not None else ""
        out.append(f"{start}{own}>")
        mark = len(out)
        empty: list[Gap] = []
        for emit, gap in parts:
            if not emit(frame, out, run) and gap is not None:
                empty.append(gap)
        if len(out) == mark and not own:
            out.pop()
            return False
        for gap in empty:
            gap(frame, run)
        out.append(end)
        return True

    return write


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
