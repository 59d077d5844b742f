"""Who has work when a message changes: the rows of mapping tables, the sample documents, the corridors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.facts.facets import takes
from gateway.facts.fact import Fact
from gateway.mapping import MapTable, Rule
from gateway.mapping.predicate import paths_of
from gateway.model import Corridor, CorridorId, DocumentType
from gateway.outline import Outline, qualified
from gateway.schema.diff import Change, Difference, Kind
from gateway.xml import Element, parse, tag_of, text_of

_LABEL: Final = re.compile(r"\[[0-9]+\]")
_HARMLESS_TO_TABLES: Final[frozenset[Kind]] = frozenset({"moved", "namespace", "version", "meaning"})
"""Tables name no order and no namespace: both are read from the schema when the table is compiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A row that a change touches; `rule` empty and `line` 0 when a row is missing that is needed now."""

    table: str
    line: int
    rule: str
    path: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFixture:
    """A sample document that the new version refuses, and the first change that makes it so."""

    name: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """All that breaks. A corridor breaks with its table, or with the message it passes on unchanged."""

    rules: tuple[BrokenRule, ...]
    fixtures: tuple[BrokenFixture, ...]
    corridors: tuple[CorridorId, ...]


def impact(
    difference: Difference,
    document: DocumentType,
    tables: Iterable[MapTable],
    fixtures: Mapping[str, bytes],
    corridors: Iterable[Corridor],
) -> Impact:
    """What breaks when `document` goes from the former version to the new one.

    `fixtures` are documents of that type in the former version, by name. A table that takes the message is its
    receiver, one that gives it its sender. Raises EnvelopeMalformed for a fixture that is not XML.
    """
    lanes = tuple(corridors)
    lossless = {lane.mapping for lane in lanes if lane.lossless}
    rules = tuple(broken for table in tables for broken in _rules(table, document, difference, lossless))
    hurt = {broken.table for broken in rules}
    plain = bool(difference.breaking)
    return Impact(
        rules=rules,
        fixtures=tuple(
            BrokenFixture(name=name, change=change)
            for name, payload in fixtures.items()
            if (change := _refused(payload, difference)) is not None
        ),
        corridors=tuple(lane.id for lane in lanes if _breaks(lane, document, hurt, plain=plain)),
    )


def _breaks(lane: Corridor, document: DocumentType, hurt: set[str], *, plain: bool) -> bool:
    if document not in (lane.takes, lane.gives):
        return False
    return lane.mapping in hurt if lane.mapping else plain


def _rules(table: MapTable, document: DocumentType, difference: Difference, lossless: set[str]) -> Iterator[BrokenRule]:
    for change in difference.changes:
        if change.kind in _HARMLESS_TO_TABLES:
            continue
        if table.takes == document:
            yield from _as_receiver(table, change, lossless=table.name in lossless)
        if table.gives == document:
            yield from _as_sender(table, change)


def _as_receiver(table: MapTable, change: Change, *, lossless: bool) -> Iterator[BrokenRule]:
    """A row that reads what is gone, is called otherwise, may be missing, or may hold more than before."""
    if change.kind == "added":
        if lossless:  # a value of which no row speaks is a finding there
            yield BrokenRule(table=table.name, line=0, rule="", path=change.to, change=change)
        return
    if "receiver" not in change.breaks and change.kind != "removed":
        return
    for rule in table.rules:
        if change.kind == "min" and not rule.required:
            continue
        for path in dict.fromkeys((*rule.sources, *paths_of(rule.when))):
            if _touches(change, path):
                yield BrokenRule(table=table.name, line=rule.line, rule=rule.id, path=path, change=change)


def _as_sender(table: MapTable, change: Change) -> Iterator[BrokenRule]:
    """A row that writes what is refused now, and each element that must be written now and has no row."""
    if "sender" not in change.breaks:
        return
    written = {_bare(rule): rule for rule in table.rules if not rule.drop}
    if change.kind in ("added", "min"):
        above = change.to.rpartition("/")[0]
        inside = not above or any(_lies_in(path, above) for path in written)
        if inside and not any(_lies_in(path, change.to) for path in written):
            yield BrokenRule(table=table.name, line=0, rule="", path=change.to, change=change)
        return
    for rule in table.rules:
        if not rule.drop and _touches(change, _bare(rule)):
            yield BrokenRule(table=table.name, line=rule.line, rule=rule.id, path=_bare(rule), change=change)


def _bare(rule: Rule) -> str:
    return _LABEL.sub("", rule.target)


def _touches(change: Change, path: str) -> bool:
    """What went or is called otherwise takes along all below it; other changes are of one place."""
    return _lies_in(path, change.path) if change.kind in ("removed", "renamed", "max") else path == change.path


def _lies_in(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")


# --- fixtures ---------------------------------------------------------------------------------------------------------
def _refused(payload: bytes, difference: Difference) -> Change | None:
    """The first change by which the new version refuses a document; None when it still takes it."""
    places = _places(parse(payload), Outline(difference.before))
    for change in difference.changes:
        if "sender" in change.breaks and _hits(change, places, difference):
            return change
    return None


Places = Mapping[str, Sequence[tuple[Element, str]]]
"""Every element and attribute of a document with its text, by path; of an attribute: the element it is on."""


def _places(root: Element, outline: Outline) -> Places:
    found: dict[str, list[tuple[Element, str]]] = {}
    todo: list[tuple[Fact | None, Element]] = [(outline.elements("").get(tag_of(root)), root)]
    while todo:
        fact, element = todo.pop()
        if fact is None:
            continue
        found.setdefault(fact.path, []).append((element, text_of(element)))
        for attribute in outline.attributes(fact.path).values():
            value = element.get(qualified(attribute))
            if value is not None:
                found.setdefault(attribute.path, []).append((element, value))
        known = outline.elements(fact.path)
        todo += [(known.get(tag_of(child)), child) for child in element if tag_of(child)]
    return found


def _hits(change: Change, places: Places, difference: Difference) -> bool:
    return _HITS.get(change.kind, _by_value)(change, places, difference)


def _is_there(change: Change, places: Places, _difference: Difference) -> bool:
    return change.path in places


def _is_missing(change: Change, places: Places, difference: Difference) -> bool:
    """An element or attribute that is needed now stands too seldom below one of its parents."""
    need = difference.after.facts[change.to].min
    above = change.path.rpartition("/")[0] if change.path else _former(change.to.rpartition("/")[0], difference)
    parents = [element for element, _ in places.get(above, ())]
    attribute = difference.after.facts[change.to].attribute
    children = [
        id(element if attribute else element.getparent()) for element, _ in places.get(change.path or change.to, ())
    ]
    return any(children.count(id(parent)) < need for parent in parents)


def _former(path: str, difference: Difference) -> str:
    """The former path of an element of the new version, through renamings of what is above it."""
    for change in difference.changes:
        if change.kind == "renamed" and _lies_in(path, change.to):
            return change.path + path[len(change.to) :]
    return path


def _too_many(change: Change, places: Places, difference: Difference) -> bool:
    most = difference.after.facts[change.to].max
    parents = [id(element.getparent()) for element, _ in places.get(change.path, ())]
    return most is not None and any(parents.count(parent) > most for parent in set(parents))


def _by_value(change: Change, places: Places, difference: Difference) -> bool:
    fact = difference.after.facts[change.to]
    return any(not takes(fact, text) for _, text in places.get(change.path, ()))


_HITS: Final[Mapping[str, Callable[[Change, Places, Difference], bool]]] = {
    "removed": _is_there, "renamed": _is_there, "moved": _is_there, "namespace": _is_there, "type": _is_there,
    "added": _is_missing, "min": _is_missing, "max": _too_many,
}  # fmt: skip
"""How a change is seen in a document; length, format, pattern and codes are seen by its values."""
