"""Which rules of a table speak of a path of the source: those that read or ask it, and the `drop` row nearest to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.mapping.paths import Shape, parent_of, prefixes
from gateway.mapping.predicate import paths_of
from gateway.mapping.table import Rule

EVERY_ATTRIBUTE: Final = "/@*"
"""At the end of a `drop` source: every attribute of this element and of everything below it, but not their texts."""


class Spoken:
    """The rules of one table, found by the path they speak of."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._users: dict[str, list[Rule]] = {}
        self._drops: dict[str, Rule] = {}
        for rule in rules:
            if rule.drop:
                self._drops.setdefault(rule.sources[0], rule)
                continue
            for path in dict.fromkeys((*rule.sources, *paths_of(rule.when))):
                self._users.setdefault(path, []).append(rule)

    def users(self, path: str) -> tuple[Rule, ...]:
        """The rules that carry the path or ask about it, in the order of the table."""
        return tuple(self._users.get(path, ()))

    def drop(self, path: str) -> Rule | None:
        """The `drop` row that leaves the path out: the one that names it, or the nearest above it."""
        attribute = "/@" in path
        for prefix in reversed(list(prefixes(path))):
            if attribute and prefix + EVERY_ATTRIBUTE in self._drops:
                return self._drops[prefix + EVERY_ATTRIBUTE]
            if prefix in self._drops:
                return self._drops[prefix]
        return None

    def silent(self, shape: Shape) -> Iterator[str]:
        """Every path of the source that can hold a value and of which no rule speaks."""
        for path in shape.facts:
            if path not in self._users and not shape.container(path) and self.drop(path) is None:
                yield path


def dropped_path(source: str) -> str:
    """The element that the source of a `drop` row names."""
    return parent_of(source) if source.endswith(EVERY_ATTRIBUTE) else source
