"""Makes of a plan the functions that write it: the careful way, which keeps findings, and marks when traced."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.mapping.canonical import escaped, escaped_attribute
from gateway.mapping.conditions import Value
from gateway.mapping.outcome import REFUSED, Frame, Run
from gateway.mapping.plan import HOLE, Attribute, Box, Child, Gap, Group, Hole, Leaf, Pick, Plan
from gateway.mapping.source import frames_in, out_of

Emit = Callable[[Frame, list[str], Run], bool]
"""Writes an element into the list; False when there was nothing to write."""
Attributes = Callable[[Frame, Run], str]
"""All attributes of an element, each with a space before it, in canonical order."""


def careful(document: Child, *, traced: bool) -> Emit:
    """The function that writes a whole document; `traced`: every value leaves a mark."""
    emit, gap = _emit(document.plan, traced), document.gap

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        if not emit(frame, out, run) and gap is not None:
            gap(frame, run)
        return True

    return write


def _emit(plan: Plan, traced: bool) -> Emit:
    if isinstance(plan, Leaf):
        return _leaf(plan, traced)
    if isinstance(plan, Box):
        return _box(plan, traced)
    return _one_after_another([_group(group, traced) for group in plan.groups])


def value_of(pick: Pick, *, traced: bool = False) -> Value:
    """The first row that applies and yields a value; `traced`: it leaves a mark."""
    rows, gap = pick.rows, pick.gap
    if len(rows) == 1 and rows[0].holds is None and gap is None and not traced:
        return rows[0].value

    def first(frame: Frame, run: Run) -> str | None:
        for row in rows:
            if row.holds is None or row.holds(frame, run):
                text = row.value(frame, run)
                if text is not None:
                    if traced:
                        run.marks.append((row, frame, text))
                    return text
        if gap is None:
            return None
        gap(frame, run)
        return REFUSED

    return first


def _leaf(leaf: Leaf, traced: bool) -> Emit:
    pick, attributes = value_of(leaf.pick, traced=traced), attributes_of(leaf.attributes, traced=traced)
    start, end = leaf.start, leaf.end

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        text = pick(frame, run)
        if text is None:
            return False
        own = attributes(frame, run) if attributes is not None else ""
        out.append(f"{start}{own}>{escaped(text)}{end}")
        return True

    return write


def attributes_of(attributes: tuple[Attribute, ...], *, traced: bool = False) -> Attributes | None:
    """Writes the attributes of an element; None for none."""
    if not attributes:
        return None
    each = [(one.head, value_of(one.pick, traced=traced), one.gap) for one in attributes]

    def write(frame: Frame, run: Run) -> str:
        found = ""
        for head, pick, gap in each:
            text = pick(frame, run)
            if text is not None:
                found += f'{head}{escaped_attribute(text)}"'
            elif gap is not None:
                gap(frame, run)
        return found

    return write


def _box(box: Box, traced: bool) -> Emit:
    attributes = attributes_of(box.attributes, traced=traced)
    children = partial(_children, [(_emit(child.plan, traced), child.gap) for child in box.children])
    start, end = box.start, box.end

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


def _children(parts: list[tuple[Emit, Gap | None]], frame: Frame, out: list[str], run: Run) -> list[Gap]:
    """Writes all children; what comes back are the gaps to keep if the parent stays."""
    return [gap for emit, gap in parts if not emit(frame, out, run) and gap is not None]


def _hole(_frame: Frame, out: list[str], _run: Run) -> bool:
    out.append(HOLE)
    return True


def _group(group: Group | Hole, traced: bool) -> Emit:
    if isinstance(group, Hole):
        return _hole
    emit = _emit(group.inner, traced)
    outward, inward, holds, gap = group.outward, group.inward, group.holds, group.gap

    def every(frame: Frame, out: list[str], run: Run) -> bool:
        wrote = False
        for inner in frames_in(out_of(frame, outward), inward, run):
            if holds is None or holds(inner, run):
                wrote = emit(inner, out, run) or wrote
        if gap is not None and not wrote:
            gap(frame, run)
        return wrote

    return every


def _one_after_another(emits: list[Emit]) -> Emit:
    """Several groups for one name, in the order of their rows."""
    if len(emits) == 1:
        return emits[0]

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        wrote = False
        for emit in emits:
            wrote = emit(frame, out, run) or wrote
        return wrote

    return write
