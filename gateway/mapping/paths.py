"""A schema's facts, arranged for looking up paths: parents, children, order, what repeats and what is a container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.facts.fact import Fact, FactTable

_AS_WRITTEN: Final = frozenset({"text", "string", "base64"})
"""Type words whose white space is content; every other type is token-like."""


def parent_of(path: str) -> str:
    """The path one step up; empty for the root."""
    return path.rpartition("/")[0]


def prefixes(path: str) -> Iterator[str]:
    """The path's ancestors from the root down, and itself."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
    yield path


def lies_in(path: str, top: str) -> bool:
    """True when the path is `top` or below it."""
    return path == top or path.startswith(top + "/")


class Shape:
    """One schema, indexed by path."""

    def __init__(self, table: FactTable) -> None:
        self.table = table
        self.facts = table.facts
        self.order = {path: at for at, path in enumerate(table.facts)}
        self.below: dict[str, list[Fact]] = {}
        for path, fact in table.facts.items():
            self.below.setdefault(parent_of(path), []).append(fact)

    @property
    def root(self) -> Fact:
        """The document's root element."""
        return self.below[""][0]

    def container(self, path: str) -> bool:
        """True for an element that holds elements."""
        fact = self.facts[path]
        if fact.attribute:
            return False
        return fact.type in ("class", "datetimestring") or any(not f.attribute for f in self.below.get(path, ()))

    def repeats(self, path: str) -> bool:
        """True for an element that may come more than once in its parent."""
        fact = self.facts[path]
        return not fact.attribute and parent_of(path) != "" and fact.max != 1

    def tokens(self, path: str) -> bool:
        """True when white space of the value is collapsed, as its type says."""
        fact = self.facts[path]
        return fact.attribute or fact.type not in _AS_WRITTEN
