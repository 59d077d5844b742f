"""The code check desk: is every code in its list on the day of the document, does every number prove itself?

An XSD knows lengths and patterns, not that a currency ended last December. Which value is held to what is data
(`xsd/codes/index.csv`). Values are read with white space collapsed, as the types of codes say, and never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from difflib import get_close_matches
from typing import Final

from gateway.codes.lists import Binding, CodeBook, CodeLists
from gateway.codes.numbers import CHECKS, Fault
from gateway.errors import ConfigurationError, Finding
from gateway.facts.fact import Fact, FactTable
from gateway.outline import qualified
from gateway.xml import Element, parse, readable_path, tag_of, text_of

_ASTANA: Final = timezone(timedelta(hours=5))
_DATES: Final = re.compile(
    r"(?P<y>[0-9]{4})(?P<dash>-?)(?P<m>[0-9]{2})(?P=dash)(?P<d>[0-9]{2})"
    r"(?:T?(?P<H>[0-9]{2}):?(?P<M>[0-9]{2}):?[0-9]{2}(?:\.[0-9]+)?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_DMY: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})(?: .*)?")
_CUT: Final = 200
_MOST_KNOWN: Final = 5000
_DAYS_KNOWN: Final = 32
_CYRILLIC: Final = re.compile("[\u0400-\u052f]")


def check_codes(payload: bytes, facts: FactTable, lists: CodeLists, as_of: date) -> tuple[Finding, ...]:
    """Everything a valid document says in codes and numbers that its lists do not know on that day, in its order.

    `as_of` is the business day of the document (`business_day`), not the day it arrived. Findings are `code.unknown`
    (complete lists only), `code.expired`, `code.not-yet`, `id.check-digit`, `id.form`, `id.date`, with the line of the
    element in `payload`. What the facts do not know is passed over: the schema has judged it. Raises
    EnvelopeMalformed for what is not XML.
    """
    return Desk(facts, lists).check(payload, as_of)


def business_day(payload: bytes, facts: FactTable, lists: CodeLists) -> date | None:
    """The day the document belongs to, in Astana (UTC+05:00): accepted, else issued; None when it tells neither.

    Which element tells it is said by the index (`# day:`), by WCO ids in order of preference.
    """
    return Desk(facts, lists).day(parse(payload))


def astana_day(moment: datetime) -> date:
    """The day a moment lies in at Astana: that of receipt, where a document tells none."""
    return moment.astimezone(_ASTANA).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A value that breaks its list or check: whose it is, which rule, and what fills its words.

    `advice`: worth telling, no ground to refuse the message.
    """

    element: Element
    fact: Fact
    rule: str
    params: Mapping[str, str]
    value: str
    advice: bool = False


class Desk:
    """The check of one message type, its bindings looked up once; safe to share between threads."""

    def __init__(self, facts: FactTable, lists: CodeLists) -> None:
        """Raises ConfigurationError when the index names a check that does not exist."""
        unknown = {binding.check for binding in lists.bindings if binding.check and binding.check not in CHECKS}
        if unknown:
            raise ConfigurationError(f"no such check: {', '.join(sorted(unknown))}")
        self._lists = lists
        self._bound = lists.bound(facts)
        self._root = _spots(facts, self._bound, lists.days)
        self._fine: dict[date, set[tuple[int, str]]] = {}

    @property
    def bound(self) -> dict[str, Binding]:
        """Which path is held to what: for pages and for people."""
        return dict(self._bound)

    def check(self, payload: bytes, as_of: date) -> tuple[Finding, ...]:
        """What `check_codes` gives."""
        return tuple(_told(breach) for breach in self._judged(self._gathered(parse(payload)), as_of))

    def day(self, root: Element) -> date | None:
        """What `business_day` gives."""
        return self._day(self._gathered(root))

    def breaches(self, root: Element, otherwise: date) -> tuple[Breach, ...]:
        """Everything wrong on the business day of the document, in its order; `otherwise` = where it tells no day."""
        found = self._gathered(root)
        return tuple(self._judged(found, self._day(found) or otherwise)) if found else ()

    def _gathered(self, root: Element) -> list[Held]:
        found: list[Held] = []
        if self._root is not None and tag_of(root) == self._root.tag:
            _gather(root, self._root, found)
        return found

    def _day(self, found: list[Held]) -> date | None:
        told: dict[str, date] = {}
        for fact, _, text, _element in found:
            if fact.wco_id in self._lists.days and fact.wco_id not in told and not fact.attribute:
                day = _day(" ".join(text.split()))
                told |= {fact.wco_id: day} if day else {}
        return next((told[wanted] for wanted in self._lists.days if wanted in told), None)

    def _judged(self, found: Iterable[Held], day: date) -> Iterator[Breach]:
        fine = self._known_fine(day)
        for fact, binding, text, element in found:
            if binding is None or (not binding.join and (id(binding), text) in fine):
                continue
            value = " ".join(text.split())
            if not value or value in binding.also:
                continue
            whole = _beside(element, binding.join) + value if binding.join else value
            if binding.join and (id(binding), whole) in fine:
                continue
            wrong = _numbered(binding, whole) if binding.check else _listed(self._lists.books[binding.book], whole, day)
            if wrong is None:
                fine.add((id(binding), whole if binding.join else text))
            else:
                yield Breach(
                    element=element, fact=fact, rule=wrong.rule, params=wrong.params, value=whole[:_CUT],
                    advice=binding.advice,
                )  # fmt: skip

    def _known_fine(self, day: date) -> set[tuple[int, str]]:
        """What was found right on this day, as few codes fill most messages; forgotten when there is too much."""
        if len(self._fine) >= _DAYS_KNOWN or len(self._fine.get(day, ())) >= _MOST_KNOWN:
            self._fine = {}
        return self._fine.setdefault(day, set())


def _told(breach: Breach) -> Finding:
    path = readable_path(breach.element) + (f"/@{breach.fact.name}" if breach.fact.attribute else "")
    return Finding(
        rule=breach.rule, params=breach.params, path=path, line=breach.element.sourceline,
        wco_id=breach.fact.wco_id, wco_name=breach.fact.wco_name, value=breach.value,
    )  # fmt: skip


# --- one pass over the places that are held to something --------------------------------------------------------------
Held = tuple[Fact, Binding | None, str, Element]
"""A value of a document, what it is held to (None: it tells the day) and its element."""


@dataclass(slots=True, kw_only=True)
class _Spot:
    """A place of the message at which, or below which, something is held; all others are passed over."""

    fact: Fact
    tag: str
    held: bool = False
    binding: Binding | None = None
    attributes: list[tuple[str, Fact, Binding]] = field(default_factory=list)
    below: dict[object, _Spot] = field(default_factory=dict)


def _spots(facts: FactTable, bound: Mapping[str, Binding], days: Iterable[str]) -> _Spot | None:
    """The places that matter as a tree, from the root of the message; None when there are none."""
    wanted = frozenset(days)
    held = {path for path, fact in facts.facts.items() if fact.wco_id in wanted and not fact.attribute} | set(bound)
    spots: dict[str, _Spot] = {}
    for path in [path for path in facts.facts if path in held]:
        fact, binding = facts.facts[path], bound.get(path)
        if fact.attribute and binding is not None:
            _spot(facts, path.rpartition("/")[0], spots).attributes.append((qualified(fact), fact, binding))
        elif not fact.attribute:
            spot = _spot(facts, path, spots)
            spot.held, spot.binding = True, binding
    return next(iter(spots.values()), None)


def _spot(facts: FactTable, path: str, spots: dict[str, _Spot]) -> _Spot:
    """The spot of an element, made with all above it."""
    if path not in spots:
        above = path.rpartition("/")[0]
        parent = _spot(facts, above, spots) if above else None
        fact = facts.facts[path]
        spots[path] = _Spot(fact=fact, tag=qualified(fact))
        if parent is not None:
            parent.below[qualified(fact)] = spots[path]
    return spots[path]


def _gather(element: Element, spot: _Spot, found: list[Held]) -> None:
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
            _gather(child, inner, found)
        else:
            found.append((inner.fact, inner.binding, text_of(child) if len(child) else child.text or "", child))


def _beside(element: Element, steps: tuple[str, ...]) -> str:
    """The text of an element next to this one, by local names; empty where there is none."""
    here = element.getparent()
    for step in steps:
        if here is None:
            break
        here = next((child for child in here.iterchildren("{*}" + step)), None)
    return " ".join(text_of(here).split()) if steps and here is not None else ""


def _numbered(binding: Binding, value: str) -> Fault | None:
    fault = CHECKS[binding.check](value)
    if fault is None:
        return None
    return Fault(rule=fault.rule, params={**fault.params, "value": value[:_CUT], **_hint(value)})


def _listed(book: CodeBook, value: str, day: date) -> Fault | None:
    standing, row = book.standing(value.partition("#")[0], day)
    if standing == "valid" or (standing == "unknown" and not book.complete):
        return None
    params = {"value": value[:_CUT], "list": book.title, "day": day.isoformat()}
    if standing == "unknown":
        return Fault(rule="code.unknown", params={**params, **_better(book, value, day)})
    if standing == "expired" and row and row.last:
        return Fault(rule="code.expired", params={**params, "until": row.last.isoformat()})
    if standing == "not-yet" and row and row.first:
        return Fault(rule="code.not-yet", params={**params, "since": row.first.isoformat()})
    return None


def _better(book: CodeBook, value: str, day: date) -> dict[str, str]:
    """What may have been meant: told, never applied."""
    hint = _hint(value)
    if hint.get("try") and book.standing(hint["try"], day)[0] != "valid":
        hint = {key: text for key, text in hint.items() if key != "try"}
    if hint:
        return hint
    if book.standing(value.upper(), day)[0] == "valid":
        return {"hint": "lower-case", "try": value.upper()}
    near = get_close_matches(value[:20], list(book.codes), n=1)
    return {"near": near[0]} if near else {}


def _hint(value: str) -> dict[str, str]:
    if _CYRILLIC.search(value):
        return {"hint": "mixed-alphabet"}
    folded = unicodedata.normalize("NFKC", value)
    return {"hint": "full-width", "try": folded} if folded != value and folded.isascii() else {}


def _day(text: str) -> date | None:
    """The day of a date or time of any of our formats; a time with a zone as it is in Astana."""
    found, dotted = _DATES.fullmatch(text), _DMY.fullmatch(text)
    try:
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        if found is None:
            return None
        day = date(int(found["y"]), int(found["m"]), int(found["d"]))
        if not found["zone"]:
            return day
        moment = datetime(day.year, day.month, day.day, int(found["H"]), int(found["M"]), tzinfo=_zone(found["zone"]))
        return moment.astimezone(_ASTANA).date()
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
