"""What is known of one element of a message, and of all its elements together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One element or attribute of a message, by the words of its schema.

    `path` is made of local names from the root (`MetaData/Declaration/ID`, `.../Quantity/@unitCode`); only where two
    siblings share a local name in different namespaces does the later one keep its prefix in the path. `namespace` is
    empty where the name is unqualified, as that of nearly every attribute is (`xml:lang` is not). `max` None =
    unbounded. `type` is a type word of the schema tables (`xsd/README.md`). `wco_id`, `wco_name`, `tded` are those of
    the WCO Data Model (`D014`, `Document reference number`, `1004`) or, with prefix `KZ`, ours.
    """

    path: str
    namespace: str
    name: str
    attribute: bool
    min: int
    max: int | None
    type: str
    wco_id: str = ""
    wco_name: str = ""
    tded: str = ""
    format: str = ""
    codes: str = ""
    pattern: str = ""
    note: str = ""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that `codes` enforces (`one of: A | B`); empty when it only names a code list."""
        return enumerated(self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactTable:
    """All elements of one message in document order, keyed by path; `official` False = our documented profile."""

    namespace: str
    root: str
    version: str
    title: str
    official: bool
    facts: Mapping[str, Fact]

    _below: Mapping[str, tuple[Fact, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        below: dict[str, list[Fact]] = {}
        for fact in self.facts.values():
            below.setdefault(fact.path.rpartition("/")[0], []).append(fact)
        ordered = {path: tuple(sorted(facts, key=lambda fact: fact.attribute)) for path, facts in below.items()}
        object.__setattr__(self, "_below", ordered)

    def children(self, path: str) -> tuple[Fact, ...]:
        """Elements, then attributes, in schema order; of the empty path: the root."""
        return self._below.get(path, ())


ONE_OF = "one of:"


def enumerated(codes: str) -> tuple[str, ...]:
    """The values of a `one of: A | B` remark, in their order."""
    if not codes.startswith(ONE_OF):
        return ()
    return tuple(value.strip() for value in codes[len(ONE_OF) :].split("|") if value.strip())
