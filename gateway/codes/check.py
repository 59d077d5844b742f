"""The code check desk: is every code in its list on the day of the document, does every number prove itself?

An XSD knows lengths and patterns, not that a currency ended last December. Which value is held to what is data
(`xsd/codes/index.csv`). Values are read with white space collapsed, as the types of codes say, and never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from difflib import get_close_matches
from typing import Final

from gateway.codes.lists import Binding, CodeBook, CodeLists
from gateway.codes.numbers import CHECKS
from gateway.errors import ConfigurationError, Finding
from gateway.facts.fact import Fact, FactTable
from gateway.outline import Outline, qualified
from gateway.xml import Element, parse, readable_path, tag_of, text_of

_ASTANA: Final = timezone(timedelta(hours=5))
_DATES: Final = re.compile(
    r"(?P<y>[0-9]{4})(?P<dash>-?)(?P<m>[0-9]{2})(?P=dash)(?P<d>[0-9]{2})"
    r"(?:T?(?P<H>[0-9]{2}):?(?P<M>[0-9]{2}):?[0-9]{2}(?:\.[0-9]+)?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_DMY: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})(?: .*)?")
_CUT: Final = 200
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
    told: dict[str, date] = {}
    for fact, element in _walk(parse(payload), Outline(facts)):
        if fact.wco_id in lists.days and fact.wco_id not in told:
            day = _day(" ".join(text_of(element).split()))
            told |= {fact.wco_id: day} if day else {}
    return next((told[wanted] for wanted in lists.days if wanted in told), None)


class Desk:
    """The check of one message type, its bindings looked up once; safe to share between threads."""

    def __init__(self, facts: FactTable, lists: CodeLists) -> None:
        """Raises ConfigurationError when the index names a check that does not exist."""
        unknown = {binding.check for binding in lists.bindings if binding.check and binding.check not in CHECKS}
        if unknown:
            raise ConfigurationError(f"no such check: {', '.join(sorted(unknown))}")
        self._facts = facts
        self._lists = lists
        self._bound = lists.bound(facts)

    @property
    def bound(self) -> dict[str, Binding]:
        """Which path is held to what: for pages and for people."""
        return dict(self._bound)

    def check(self, payload: bytes, as_of: date) -> tuple[Finding, ...]:
        """What `check_codes` gives."""
        return tuple(self._findings(parse(payload), as_of))

    def _findings(self, root: Element, day: date) -> Iterator[Finding]:
        outline = Outline(self._facts)
        for fact, element in _walk(root, outline):
            for attribute in outline.attributes(fact.path).values():
                value = element.get(qualified(attribute))
                if value is not None and attribute.path in self._bound:
                    yield from self._judge(attribute, value, element, day)
            if fact.path in self._bound:
                yield from self._judge(fact, text_of(element), element, day)

    def _judge(self, fact: Fact, text: str, element: Element, day: date) -> Iterator[Finding]:
        binding = self._bound[fact.path]
        value = " ".join(text.split())
        if not value or value in binding.also:
            return
        whole = _beside(element, binding.join) + value
        found = _numbered(binding, whole) if binding.check else _listed(self._lists.books[binding.book], whole, day)
        if found is None:
            return
        path = readable_path(element) + (f"/@{fact.name}" if fact.attribute else "")
        yield replace(
            found, path=path, line=element.sourceline, wco_id=fact.wco_id, wco_name=fact.wco_name, value=whole[:_CUT]
        )


def _walk(root: Element, outline: Outline) -> Iterator[tuple[Fact, Element]]:
    """Every element the facts know, in document order."""
    open_elements = [(outline.elements("").get(tag_of(root)), root)]
    while open_elements:
        fact, element = open_elements.pop()
        if fact is None:
            continue
        yield fact, element
        known = outline.elements(fact.path) if len(element) else {}
        open_elements += [(known.get(tag_of(child)), child) for child in reversed(element) if tag_of(child)]


def _beside(element: Element, steps: tuple[str, ...]) -> str:
    """The text of an element next to this one, by local names; empty where there is none."""
    here = element.getparent()
    for step in steps:
        if here is None:
            break
        here = next((child for child in here.iterchildren("{*}" + step)), None)
    return " ".join(text_of(here).split()) if steps and here is not None else ""


def _numbered(binding: Binding, value: str) -> Finding | None:
    fault = CHECKS[binding.check](value)
    if fault is None:
        return None
    return Finding(rule=fault.rule, params={**fault.params, "value": value[:_CUT], **_hint(value)})


def _listed(book: CodeBook, value: str, day: date) -> Finding | None:
    standing, row = book.standing(value.partition("#")[0], day)
    params = {"value": value[:_CUT], "list": book.title, "day": day.isoformat()}
    if standing == "unknown" and book.complete:
        return Finding(rule="code.unknown", params={**params, **_better(book, value, day)})
    if standing == "expired" and row and row.last:
        return Finding(rule="code.expired", params={**params, "until": row.last.isoformat()})
    if standing == "not-yet" and row and row.first:
        return Finding(rule="code.not-yet", params={**params, "since": row.first.isoformat()})
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
