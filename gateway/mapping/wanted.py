"""What a table wants of each place of a source document: worked out once, when all slots are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.mapping.paths import Shape, prefixes
from gateway.mapping.source import Reading, Scope, qname

NOTHING: Final = 0
PRESENCE: Final = 1
TOKEN: Final = 2
AS_WRITTEN: Final = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an element gives: with `width` a new frame in the list at `listed`, then `kind` of value in `slot`,

    attributes by QName in their slots, and what is wanted below, by QName. `item`: it is written as soon as it is read.
    """

    kind: int = NOTHING
    slot: int = 0
    listed: int = 0
    width: int = 0
    attributes: Mapping[str, int] = field(default_factory=dict)
    below: Mapping[str, Wanted] = field(default_factory=dict)
    item: bool = False


def wanted_of(reading: Reading, item: str) -> Wanted:
    """What is wanted of the root element, and of everything below; `item` is the path of the items, or empty."""
    return _at(reading.shape, reading.document, reading.shape.root.path, item)


def _at(shape: Shape, scope: Scope, path: str, item: str) -> Wanted:
    inner = scope.inner.get(path)
    if inner is None:
        return _inside(shape, scope, path, item)
    return _inside(shape, inner, path, item, listed=scope.lists[path], width=inner.width)


def _inside(shape: Shape, scope: Scope, path: str, item: str, *, listed: int = 0, width: int = 0) -> Wanted:
    facts = shape.below.get(path, ())
    needed = {prefix for used in (*scope.slots, *scope.lists) for prefix in prefixes(used)}
    return Wanted(
        kind=_kind(shape, path) if path in scope.slots else NOTHING,
        slot=scope.slots.get(path, 0),
        listed=listed,
        width=width,
        attributes={
            qname(fact.namespace, fact.name): scope.slots[fact.path]
            for fact in facts
            if fact.attribute and fact.path in scope.slots
        },
        below={
            qname(fact.namespace, fact.name): _at(shape, scope, fact.path, item)
            for fact in facts
            if not fact.attribute and fact.path in needed
        },
        item=path == item,
    )


def _kind(shape: Shape, path: str) -> int:
    if shape.container(path):
        return PRESENCE
    return TOKEN if shape.tokens(path) else AS_WRITTEN
