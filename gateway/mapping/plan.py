"""What a compiled table writes, as a tree: the one description that is made into functions and into generated code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.mapping.conditions import Holds
from gateway.mapping.outcome import Frame, Run
from gateway.mapping.rows import Direct, Row
from gateway.mapping.table import Rule

Gap = Callable[[Frame, Run], None]
"""Keeps the finding that a required target stays empty."""


@dataclass(frozen=True, slots=True)
class Pick:
    """The text of an element or attribute: the first row that applies and yields one; without any the `gap`, if set."""

    rows: tuple[Row, ...]
    gap: Gap | None = None

    @property
    def direct(self) -> Direct | None:
        """Set where the text is one slot of the frame itself and at most plain functions of it."""
        return self.rows[0].direct if len(self.rows) == 1 and self.rows[0].holds is None else None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `head` is everything before its value, `gap` what to keep when the schema wants it."""

    head: str
    pick: Pick
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element with a text; not written without one, whatever its attributes are. `start` has no `>` yet."""

    start: str
    end: str
    pick: Pick
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Child:
    """A child of a container, and what to keep when it is not written though its parent is."""

    plan: Plan
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class Box:
    """An element with children; nothing at all when neither a child nor an attribute has a value."""

    start: str
    end: str
    attributes: tuple[Attribute, ...]
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """One element for every frame reached so many steps `outward` and through the lists `inward` that `holds`."""

    outward: int
    inward: tuple[int, ...]
    holds: Holds | None
    inner: Leaf | Box
    gap: Gap | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class Hole:
    """Where the elements of a group stand that is written by itself; a mark that no document can hold."""


HOLE: Final = "\0"


@dataclass(frozen=True, slots=True)
class Groups:
    """Several groups for one name, in the order of their rows."""

    groups: tuple[Group | Hole, ...]


Plan = Leaf | Box | Groups
