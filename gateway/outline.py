"""What lies below each place of a message, by qualified name: made from the facts, once for each place asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.facts.fact import Fact, FactTable

_CLASSES: Final = frozenset({"class", "mixed", "datetimestring"})


class Outline:
    """What lies below each path of a fact table, by qualified name and by member name; looked up once per path."""

    def __init__(self, facts: FactTable) -> None:
        self.facts = facts
        self._elements: dict[str, dict[str, Fact]] = {}
        self._attributes: dict[str, dict[str, Fact]] = {}
        self._places: dict[str, int] = {}

    def elements(self, path: str) -> Mapping[str, Fact]:
        """The child elements by `{namespace}name`, in schema order; of the empty path: the root."""
        if path not in self._elements:
            below = [fact for fact in self.facts.children(path) if not fact.attribute]
            self._elements[path] = {qualified(fact): fact for fact in below}
            self._places.update((fact.path, number) for number, fact in enumerate(below))
        return self._elements[path]

    def attributes(self, path: str) -> Mapping[str, Fact]:
        """The attributes by `{namespace}name`, in schema order."""
        if path not in self._attributes:
            below = [fact for fact in self.facts.children(path) if fact.attribute]
            self._attributes[path] = {qualified(fact): fact for fact in below}
        return self._attributes[path]

    def place(self, fact: Fact) -> int:
        """Where an element stands among its siblings, from 0."""
        return self._places[fact.path]

    def container(self, fact: Fact) -> bool:
        """True for an element that holds elements, or may hold nothing at all, but no value."""
        return fact.type in _CLASSES or bool(self.elements(fact.path))

    @staticmethod
    def step(fact: Fact) -> str:
        """The member name: last step of the path."""
        return fact.path.rpartition("/")[2]


def qualified(fact: Fact) -> str:
    """The `{namespace}name` of an element or attribute."""
    return f"{{{fact.namespace}}}{fact.name}" if fact.namespace else fact.name
