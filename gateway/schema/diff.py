"""What changed between two versions of a message, and whom each change breaks.

A change breaks the *sender* when a document that was valid is valid no more, and the *receiver* when documents may now
hold what none could before. A system that reads is a receiver, one that writes a sender; a mapping table is both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final, Literal

from gateway.facts.facets import Facets, facets_of, wider
from gateway.facts.fact import Fact, FactTable

Kind = Literal[
    "added", "removed", "renamed", "moved", "namespace", "version", "min", "max",
    "type", "length", "format", "pattern", "codes", "meaning",
]  # fmt: skip
Side = Literal["sender", "receiver"]
BOTH: Final[frozenset[Side]] = frozenset({"sender", "receiver"})
NOBODY: Final[frozenset[Side]] = frozenset()
SENDER: Final[frozenset[Side]] = frozenset({"sender"})
RECEIVER: Final[frozenset[Side]] = frozenset({"receiver"})
_LIKELY: Final = 2.75
"""Points from which a removed and an added element count as one that was renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `path` is that of the former version, `to` that of the new one; one of them is empty for what came
    or went. `breaks` empty = harmless. `certain` False = a renaming that is only likely."""

    kind: Kind
    path: str
    to: str
    before: str = ""
    after: str = ""
    breaks: frozenset[Side] = NOBODY
    certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two versions and all that lies between them, in the order of the former version."""

    before: FactTable
    after: FactTable
    changes: tuple[Change, ...]

    @property
    def breaking(self) -> tuple[Change, ...]:
        """The changes that break somebody."""
        return tuple(change for change in self.changes if change.breaks)


def compare(before: FactTable, after: FactTable) -> Difference:
    """Everything that differs between two versions of one message; of two equal ones: nothing."""
    return Difference(before=before, after=after, changes=diff(before, after))


def diff(before: FactTable, after: FactTable) -> tuple[Change, ...]:
    """The changes alone. What was added or removed with all below it is one change."""
    changes: list[Change] = []
    if before.version != after.version:
        changes.append(_change("version", (before.root, after.root), (before.version, after.version)))
    [old], [new] = before.children(""), after.children("")
    changes += _pair(old, new, before, after, renamed=None)
    return tuple(changes)


def _change(kind: Kind, where: tuple[str, str], what: tuple[str, str], breaks: frozenset[Side] = NOBODY) -> Change:
    (path, to), (before, after) = where, what
    return Change(kind=kind, path=path, to=to, before=before, after=after, breaks=breaks)


def _pair(old: Fact, new: Fact, before: FactTable, after: FactTable, *, renamed: bool | None) -> Iterator[Change]:
    """The same element in both versions; `renamed` None = by the same name, else whether that is certain."""
    if renamed is not None or old.name != new.name:
        certain = renamed is not False
        yield Change(
            kind="renamed", path=old.path, to=new.path, before=old.name, after=new.name, breaks=BOTH, certain=certain
        )
    if old.namespace != new.namespace and _breaks_away(old, new, before, after):
        yield _change("namespace", (old.path, new.path), (old.namespace, new.namespace), BOTH)
    yield from _occurrence(old, new)
    yield from _value(old, new)
    yield from _below(old, new, before, after)


def _breaks_away(old: Fact, new: Fact, before: FactTable, after: FactTable) -> bool:
    """True unless the element merely followed its parent into another namespace."""
    above_old, above_new = (
        table.facts.get(fact.path.rpartition("/")[0]) for table, fact in ((before, old), (after, new))
    )
    if above_old is None or above_new is None:
        return True
    followed = old.namespace == above_old.namespace and new.namespace == above_new.namespace
    return not followed


def _occurrence(old: Fact, new: Fact) -> Iterator[Change]:
    if old.min != new.min:
        breaks = SENDER if new.min > old.min else RECEIVER
        yield _change("min", (old.path, new.path), (str(old.min), str(new.min)), breaks)
    if old.max != new.max:
        fewer = new.max is not None and (old.max is None or new.max < old.max)
        breaks = SENDER if fewer else RECEIVER
        yield _change("max", (old.path, new.path), (_many(old.max), _many(new.max)), breaks)


def _many(most: int | None) -> str:
    return "*" if most is None else str(most)


def _value(old: Fact, new: Fact) -> Iterator[Change]:
    if old.type != new.type:
        yield _change("type", (old.path, new.path), (old.type, new.type), _either(wider(old.type, new.type)))
    first, second = facets_of(old), facets_of(new)
    yield from _lengths(old, new, first, second)
    if old.pattern != new.pattern:
        breaks = SENDER if not old.pattern else RECEIVER if not new.pattern else BOTH
        yield _change("pattern", (old.path, new.path), (old.pattern, new.pattern), breaks)
    yield from _codes(old, new)
    if (old.wco_id, old.tded) != (new.wco_id, new.tded) and old.wco_id:
        yield _change("meaning", (old.path, new.path), (f"{old.wco_id} {old.wco_name}", f"{new.wco_id} {new.wco_name}"))


def _either(sides: tuple[bool, bool]) -> frozenset[Side]:
    """(narrower somewhere, wider somewhere) as those who break."""
    narrower, wider_too = sides
    return (SENDER if narrower else NOBODY) | (RECEIVER if wider_too else NOBODY)


def _lengths(old: Fact, new: Fact, first: Facets, second: Facets) -> Iterator[Change]:
    if first == second:
        return
    same_kind = first.kind == second.kind
    breaks = _either((second.narrower_than(first), first.narrower_than(second)))
    yield _change("length" if same_kind else "format", (old.path, new.path), (old.format, new.format), breaks)


def _codes(old: Fact, new: Fact) -> Iterator[Change]:
    if old.codes == new.codes:
        return
    first, second = set(old.choices), set(new.choices)
    if not first and not second:
        yield _change("codes", (old.path, new.path), (old.codes, new.codes))
        return
    gone, come = first - second, second - first
    narrower, wider_too = bool(gone if second else set()) or not first, bool(come if first else set()) or not second
    yield _change("codes", (old.path, new.path), (old.codes, new.codes), _either((narrower, wider_too)))


def _below(old: Fact, new: Fact, before: FactTable, after: FactTable) -> Iterator[Change]:
    ours, theirs = list(before.children(old.path)), list(after.children(new.path))
    pairs = _matched(ours, theirs, before, after)
    seconds = {id(second) for _, second, _ in pairs}
    partner = {id(first): (second, how) for first, second, how in pairs}
    for fact in ours:
        if id(fact) in partner:
            second, how = partner[id(fact)]
            yield from _pair(fact, second, before, after, renamed=how)
        else:
            breaks = BOTH if fact.min else SENDER
            yield _change("removed", (fact.path, ""), (_shape(fact, before), ""), breaks)
    for fact in theirs:
        if id(fact) not in seconds:
            breaks = BOTH if fact.min else RECEIVER
            yield _change("added", ("", fact.path), ("", _shape(fact, after)), breaks)
    yield from _moves([(first, second) for first, second, _ in pairs if not first.attribute], theirs)


def _shape(fact: Fact, table: FactTable) -> str:
    """`0..* class (12 below)`."""
    inside = sum(path.startswith(fact.path + "/") for path in table.facts)
    word = fact.format or fact.type
    return f"{fact.min}..{_many(fact.max)} {word}" + (f" ({inside} below)" if inside else "")


def _moves(pairs: list[tuple[Fact, Fact]], theirs: list[Fact]) -> Iterator[Change]:
    """Elements that do not follow the one they followed; the fewest that explain the new order are not looked for."""
    place = {id(fact): number for number, fact in enumerate(theirs)}
    for (_, above), (first, second) in pairwise(pairs):
        if place[id(second)] < place[id(above)]:
            before, after = f"after {above.name}", f"before {above.name}"
            yield _change("moved", (first.path, second.path), (before, after), BOTH)


Match = tuple[Fact, Fact, bool | None]


def _matched(ours: list[Fact], theirs: list[Fact], before: FactTable, after: FactTable) -> list[Match]:
    """(former, new, None by name | True by WCO id | False by likeness), in the order of the former version."""
    names = {_name(fact): fact for fact in theirs}
    pairs: list[Match] = [(fact, names[_name(fact)], None) for fact in ours if _name(fact) in names]
    left = [fact for fact in ours if _name(fact) not in names]
    known = {_name(fact) for fact in ours}
    right = [fact for fact in theirs if _name(fact) not in known]
    scored = sorted(
        ((_likeness(first, second, before, after), -a, -b) for a, first in enumerate(left)
         for b, second in enumerate(right) if first.attribute == second.attribute),
        reverse=True,
    )  # fmt: skip
    used: set[tuple[str, int]] = set()
    for (points, certain), a, b in scored:
        if points >= _LIKELY and not {("left", a), ("right", b)} & used:
            used |= {("left", a), ("right", b)}
            pairs.append((left[-a], right[-b], certain))
    places = {id(fact): number for number, fact in enumerate(ours)}
    return sorted(pairs, key=lambda pair: places[id(pair[0])])


def _name(fact: Fact) -> str:
    return fact.path.rpartition("/")[2]


def _likeness(first: Fact, second: Fact, before: FactTable, after: FactTable) -> tuple[float, bool]:
    """How much speaks for one element with a new name; certain when the WCO id is the same and both are of one kind."""
    if (first.type == "class") != (second.type == "class"):
        return 0.0, False
    same_id = bool(first.wco_id) and first.wco_id == second.wco_id
    points = 2.0 * same_id + (first.type == second.type) + bool(first.format and first.format == second.format)
    points += 2.0 * SequenceMatcher(None, first.name, second.name).ratio() ** 2
    ours, theirs = (
        {_name(fact) for fact in table.children(path)} for table, path in ((before, first.path), (after, second.path))
    )
    if ours and theirs:
        points += 2.0 * len(ours & theirs) / len(ours | theirs)
    return points, same_id and first.type == second.type
