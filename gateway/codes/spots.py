"""The places of a message at which something is held to a list or check, as a tree; all others are passed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.codes.lists import Binding
from gateway.facts.fact import Fact, FactTable
from gateway.outline import qualified
from gateway.xml import Element, text_of

SEPARATOR: Final = "\x01"
Held = tuple[Fact, Binding | None, str, Element]
"""A value of a document, what it is held to (None: it tells the day) and its element."""


@dataclass(slots=True, kw_only=True)
class Spot:
    """A place of the message at which, or below which, something is held. `below`: by `{namespace}name`.

    `day`: it may tell the business day. `streamed`: the same by the name that expat tells. `joins`: the ways to what
    stands beside some child of it and is joined with that child's value.
    """

    fact: Fact
    tag: str
    held: bool = False
    day: bool = False
    binding: Binding | None = None
    attributes: list[tuple[str, Fact, Binding]] = field(default_factory=list)
    below: dict[object, Spot] = field(default_factory=dict)
    streamed: dict[str, Spot] = field(default_factory=dict)
    joins: frozenset[tuple[str, ...]] = frozenset()


def spots_of(facts: FactTable, bound: Mapping[str, Binding], days: Iterable[str]) -> Spot | None:
    """The places that matter as a tree, from the root of the message; None when there are none."""
    wanted = frozenset(days)
    held = {path for path, fact in facts.facts.items() if fact.wco_id in wanted and not fact.attribute} | set(bound)
    spots: dict[str, Spot] = {}
    for path in [path for path in facts.facts if path in held]:
        fact, binding = facts.facts[path], bound.get(path)
        if fact.attribute and binding is not None:
            _spot(facts, path.rpartition("/")[0], spots).attributes.append((qualified(fact), fact, binding))
        elif not fact.attribute:
            spot = _spot(facts, path, spots)
            spot.held, spot.binding, spot.day = True, binding, fact.wco_id in wanted
    for spot in spots.values():
        spot.joins = frozenset(filter(None, (binding.join for one in spot.below.values() for binding in _held_at(one))))
    return next(iter(spots.values()), None)


def streamed_name(tag: str) -> str:
    """The name that expat tells with `SEPARATOR` for `{namespace}name`."""
    return tag.removeprefix("{").replace("}", SEPARATOR, 1) if tag.startswith("{") else tag


def _held_at(spot: Spot) -> list[Binding]:
    own = [spot.binding] if spot.binding is not None else []
    return [*own, *(binding for _, _, binding in spot.attributes)]


def _spot(facts: FactTable, path: str, spots: dict[str, Spot]) -> Spot:
    """The spot of an element, made with all above it."""
    if path not in spots:
        above = path.rpartition("/")[0]
        parent = _spot(facts, above, spots) if above else None
        fact = facts.facts[path]
        spots[path] = Spot(fact=fact, tag=qualified(fact))
        if parent is not None:
            parent.below[qualified(fact)] = parent.streamed[streamed_name(qualified(fact))] = spots[path]
    return spots[path]


def gather(element: Element, spot: Spot, found: list[Held]) -> None:
    """Every held value at and below an element, in document order."""
    for name, fact, binding in spot.attributes:
        value = element.get(name)
        if value is not None:
            found.append((fact, binding, value, element))
    if spot.held:
        found.append((spot.fact, spot.binding, text_of(element), element))
    below = spot.below
    for child in element if below else ():
        inner = below.get(child.tag)
        if inner is None:
            continue
        if inner.below or inner.attributes:
            gather(child, inner, found)
        else:
            found.append((inner.fact, inner.binding, text_of(child) if len(child) else child.text or "", child))


def beside(element: Element, steps: tuple[str, ...]) -> str:
    """The text of an element next to this one, by local names; empty where there is none."""
    here = element.getparent()
    for step in steps:
        if here is None:
            break
        here = next((child for child in here.iterchildren("{*}" + step)), None)
    return " ".join(text_of(here).split()) if steps and here is not None else ""
