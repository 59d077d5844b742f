"""The code check desk: is every code in its list on the day of the document, does every number prove itself?

An XSD knows lengths and patterns, not that a currency ended last December. Which value is held to what is data
(`xsd/codes/index.csv`). Values are read with white space collapsed, as the types of codes say, and never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from difflib import get_close_matches
from typing import Final

from gateway.codes.lists import Binding, CodeBook, CodeLists
from gateway.codes.numbers import CHECKS, Fault
from gateway.codes.spots import Held, beside, gather, spots_of
from gateway.errors import ConfigurationError, Finding
from gateway.facts.fact import Fact, FactTable
from gateway.xml import Element, parse, readable_path, tag_of

_ASTANA: Final = timezone(timedelta(hours=5))
_DATES: Final = re.compile(
    r"(?P<y>[0-9]{4})(?P<dash>-?)(?P<m>[0-9]{2})(?P=dash)(?P<d>[0-9]{2})"
    r"(?:T?(?P<H>[0-9]{2}):?(?P<M>[0-9]{2}):?[0-9]{2}(?:\.[0-9]+)?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_DMY: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})(?: .*)?")
CUT: Final = 200
"""Letters of a value that a finding tells."""
_MOST_KNOWN: Final = 5000
_LONGEST_KNOWN: Final = 100
"""Of text: a code may stand between a million blanks, and what is known stays."""
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
        self.root = spots_of(facts, self._bound, lists.days)
        """The places that are held to something; None = there are none."""
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

    def first_of(self, told: Mapping[str, date]) -> date | None:
        """The business day of a document in which these WCO ids tell these days."""
        return next((told[wanted] for wanted in self._lists.days if wanted in told), None)

    def tells_day(self, fact: Fact) -> bool:
        """True for an element that may tell the business day."""
        return fact.wco_id in self._lists.days and not fact.attribute

    def fault(self, binding: Binding, value: str, day: date) -> Fault | None:
        """What is wrong on this day with a value, its white space collapsed, that which goes before it joined."""
        return _numbered(binding, value) if binding.check else _listed(self._lists.books[binding.book], value, day)

    def known_fine(self, day: date) -> set[tuple[int, str]]:
        """What was found right on this day, as few codes fill most messages; forgotten when there is too much."""
        if len(self._fine) >= _DAYS_KNOWN or len(self._fine.get(day, ())) >= _MOST_KNOWN:
            self._fine = {}
        return self._fine.setdefault(day, set())

    def breaches(self, root: Element, otherwise: date) -> tuple[Breach, ...]:
        """Everything wrong on the business day of the document, in its order; `otherwise` = where it tells no day."""
        found = self._gathered(root)
        return tuple(self._judged(found, self._day(found) or otherwise)) if found else ()

    def _gathered(self, root: Element) -> list[Held]:
        found: list[Held] = []
        if self.root is not None and tag_of(root) == self.root.tag:
            gather(root, self.root, found)
        return found

    def _day(self, found: list[Held]) -> date | None:
        told: dict[str, date] = {}
        for fact, _, text, _element in found:
            if self.tells_day(fact) and fact.wco_id not in told:
                day = day_in(text)
                told |= {fact.wco_id: day} if day else {}
        return self.first_of(told)

    def _judged(self, found: Iterable[Held], day: date) -> Iterator[Breach]:
        fine = self.known_fine(day)
        for fact, binding, text, element in found:
            if binding is None or (not binding.join and (id(binding), text) in fine):
                continue
            value = " ".join(text.split())
            if not value or value in binding.also:
                continue
            whole = beside(element, binding.join) + value if binding.join else value
            if binding.join and (id(binding), whole) in fine:
                continue
            wrong = self.fault(binding, whole, day)
            if wrong is None:
                note_fine(fine, binding, whole if binding.join else text)
            else:
                yield Breach(
                    element=element, fact=fact, rule=wrong.rule, params=wrong.params, value=whole[:CUT],
                    advice=binding.advice,
                )  # fmt: skip


def note_fine(fine: set[tuple[int, str]], binding: Binding, text: str) -> None:
    """This text need not be looked at again."""
    if len(text) <= _LONGEST_KNOWN and len(fine) < _MOST_KNOWN:
        fine.add((id(binding), text))


def _told(breach: Breach) -> Finding:
    path = readable_path(breach.element) + (f"/@{breach.fact.name}" if breach.fact.attribute else "")
    return Finding(
        rule=breach.rule, params=breach.params, path=path, line=breach.element.sourceline,
        wco_id=breach.fact.wco_id, wco_name=breach.fact.wco_name, value=breach.value,
    )  # fmt: skip


def _numbered(binding: Binding, value: str) -> Fault | None:
    fault = CHECKS[binding.check](value)
    if fault is None:
        return None
    return Fault(rule=fault.rule, params={**fault.params, "value": value[:CUT], **_hint(value)})


def _listed(book: CodeBook, value: str, day: date) -> Fault | None:
    standing, row = book.standing(value.partition("#")[0], day)
    if standing == "valid" or (standing == "unknown" and not book.complete):
        return None
    params = {"value": value[:CUT], "list": book.title, "day": day.isoformat()}
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
    return {"hint": "full-width", "try": folded[:CUT]} if folded != value and folded.isascii() else {}


def day_in(text: str) -> date | None:
    """The day of a date or time of any of our formats; a time with a zone as it is in Astana."""
    text = " ".join(text.split())
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
