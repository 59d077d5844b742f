"""Random valid documents of any schema we have facts of, made from the facts alone.

A document is drawn by Hypothesis as a seed and a fullness; everything in it follows from these two, so that a failing
one can be had again: `generate(table, hopes, seed=..., full=...)`.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from hypothesis import strategies as st
from lxml import etree

from gateway.facts import Fact, FactTable
from tests.patterns import matching

WORDS = (
    "Қазақстан", "Әлем", "өңір ұғымы", "中华人民共和国", "海关总署", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "İstanbul",
    "ığüşöç", "𠮷野家", "😀", "\U0010fffd", "\u200fאבג", "e\u0301", "a\u2028b", "x ]]> y", "<b>&amp;</b>", "{{7*7}}",
    "${1}", "\"q\" 'a'", "=cmd()", "Лекарство", "aspirin", "№ 5", "\u00a0", "\x85", "\ufeff", "-", "0",
)  # fmt: skip
LATIN = ("Almaty", "KazPharm", "Café", "Łódź", "İstanbul", "Straße 5", "–", "O’Neill")
_LETTERS = string.ascii_letters
_FIRST_DAY = date(2024, 3, 2)
"""After the one hour that clocks in Astana showed twice."""
_LANGUAGES = ("kk", "ru", "en", "zh", "ko", "tr")
_FORM = tuple[str, bool, int, int]
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hopes:
    """What a document should hold to be worth translating: values that must stand, values that mean something.

    `fixed` says the values of a path that make the document this message; `likely` values that a table knows how to
    read; `wanted` the paths a table reads, which come more often than the others, `needed` nearly always.
    """

    fixed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    likely: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()


def documents(table: FactTable, hopes: Hopes) -> st.SearchStrategy[bytes]:
    """Valid documents of a schema, from bare ones to full ones."""
    return st.builds(
        lambda full, seed: generate(table, hopes, seed=seed, full=full),
        st.sampled_from([0.0, 0.02, 0.1, 0.4]),
        st.integers(0, 2**32 - 1),
    )


def generate(table: FactTable, hopes: Hopes, *, seed: int, full: float) -> bytes:
    """One document: `full` is the chance of an element that nobody asks for."""
    return etree.tostring(_Maker(table, hopes, random.Random(seed), full).document(), encoding="UTF-8")


def some_values(fact: Fact) -> list[str]:
    """A few values of one element."""
    bare = FactTable(namespace="", root="", version="", title="", official=False, facts={})
    return [_Maker(bare, Hopes(), random.Random(seed), 0.0).value(fact) for seed in range(4)]


class _Maker:
    def __init__(self, table: FactTable, hopes: Hopes, dice: random.Random, full: float) -> None:
        self._table = table
        self._hopes = hopes
        self._dice = dice
        self._full = full

    def document(self) -> etree._Element:
        (root,) = self._table.children("")
        element = etree.Element(_qname(root))
        self._fill(element, root)
        return element

    def _fill(self, element: etree._Element, fact: Fact) -> None:
        children = self._table.children(fact.path)
        elements = [child for child in children if not child.attribute]
        if not elements:
            element.text = self.value(fact)
        for child in children:
            if child.attribute and (child.min or self._comes(child.path)):
                element.set(_qname(child), self.value(child))
        for child in elements:
            for _ in range(self._times(child)):
                self._fill(etree.SubElement(element, _qname(child)), child)

    def _times(self, fact: Fact) -> int:
        most = min(fact.max or _MOST, _MOST)
        if not self._comes(fact.path):
            return fact.min
        return max(fact.min, 1 if most == 1 else self._dice.randint(1, most))

    def _comes(self, path: str) -> bool:
        if path in self._hopes.fixed:
            return True
        if path in self._hopes.needed:
            return self._dice.random() < 0.97
        if path in self._hopes.wanted:
            return self._dice.random() < 0.75
        return self._dice.random() < self._full

    def value(self, fact: Fact) -> str:
        fixed = self._hopes.fixed.get(fact.path)
        if fixed:
            return self._dice.choice(fixed)
        likely = [text for text in self._hopes.likely.get(fact.path, ()) if _takes(fact, text)]
        if likely and self._dice.random() < 0.9:
            return self._dice.choice(likely)
        for _ in range(200):
            text = self._typed(fact)
            if _fits(text, fact):
                return text
        raise AssertionError(f"no value for {fact}")

    def _typed(self, fact: Fact) -> str:
        if fact.choices:
            return self._dice.choice(fact.choices)
        if fact.path.endswith("/DateTimeString"):
            return self._moment()
        if fact.path.endswith("/@formatCode"):
            return self._dice.choice(("102", "304"))
        return _MADE.get(fact.type, _Maker._text)(self, fact)

    def _text(self, fact: Fact) -> str:
        if fact.attribute and fact.name in _ATTRIBUTES:
            return self._dice.choice(_ATTRIBUTES[fact.name])
        if fact.pattern:
            return matching(fact.pattern, self._dice, WORDS, LATIN)
        kind, upto, length, _ = form_of(fact)
        size = self._dice.randint(1, length) if upto else length
        if kind in ("a", "n"):
            return "".join(self._dice.choices(_LETTERS if kind == "a" else string.digits, k=size))
        text = "".join(self._dice.choices(WORDS, k=1 + size // 8))[:size]
        return text if text.strip() else text + "x" * (size - len(text))

    def _number(self, fact: Fact) -> str:
        if fact.pattern:
            return matching(fact.pattern, self._dice, WORDS, LATIN)
        _, upto, digits, places = form_of(fact)
        if fact.format and not upto and not places:
            return "".join(self._dice.choices(string.digits, k=digits))
        whole = self._dice.randrange(10 ** self._dice.randint(1, max(1, min(digits - places, 9))))
        part = self._dice.randrange(10**places) if places and self._dice.random() < 0.5 else 0
        return f"{whole}.{part:0{places}}".rstrip("0") if part else str(whole)

    def _moment(self) -> str:
        """As EDIFACT 2379 has it; one in twenty does not exist."""
        day = self._day().replace("-", "") if self._dice.random() < 0.95 else "20269931"
        clock = f"{self._dice.randint(0, 23):02}{self._dice.randint(0, 59):02}{self._dice.randint(0, 59):02}"
        return day + self._dice.choice(("", clock + "Z", clock + "+05"))

    def _day(self) -> str:
        return (_FIRST_DAY + timedelta(days=self._dice.randrange(3000))).isoformat()

    def _date(self, fact: Fact) -> str:
        return self._day()

    def _datetime(self, fact: Fact) -> str:
        clock = f"{self._dice.randint(0, 23):02}:{self._dice.randint(0, 59):02}:{self._dice.randint(0, 59):02}"
        return f"{self._day()}T{clock}{self._dice.choice(('Z', '+05:00', '-11:30', '+14:00'))}"

    def _truth(self, fact: Fact) -> str:
        return self._dice.choice(("true", "false"))

    def _uri(self, fact: Fact) -> str:
        return self._dice.choice(("urn:x:1", "urn:oid:1.2.3"))


_MADE: Mapping[str, Callable[[_Maker, Fact], str]] = {
    **dict.fromkeys(("numeric", "amount", "quantity", "measure", "decimal", "integer", "int"), _Maker._number),
    **dict.fromkeys(("indicator", "boolean"), _Maker._truth),
    "date": _Maker._date, "datetime": _Maker._datetime, "uri": _Maker._uri,
}  # fmt: skip
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "languageID": _LANGUAGES, "currencyID": ("KZT", "USD", "CNY"), "unitCode": ("KGM", "TNE", "NMP", "KGM#G", "XXX"),
    "listAgencyID": ("6", "KZ"), "schemeAgencyID": ("6", "KZ"),
}  # fmt: skip


def form_of(fact: Fact) -> _FORM:
    """Kind, whether up to, length and decimal places of a format; `an..40` where there is none."""
    text = fact.format
    kind = text.rstrip(string.digits + ".,") or "an"
    size, _, places = text[len(kind) :].removeprefix("..").partition(",")
    return kind, ".." in text or not text, int(size or 40), int(places or 0)


def _takes(fact: Fact, text: str) -> bool:
    """True when a value from outside the schema may stand here."""
    if fact.choices:
        return text in fact.choices
    plain = "" if "\\p{" in fact.pattern else fact.pattern
    return _fits(text, fact) and (not plain or re.fullmatch(plain, text) is not None)


def _fits(text: str, fact: Fact) -> bool:
    kind, upto, length, _ = form_of(fact)
    if not fact.format or fact.type in ("date", "datetime", "integer") or kind not in ("a", "an", "n"):
        return bool(text)
    digits = len(text.replace(".", ""))
    if fact.type in ("numeric", "amount", "quantity", "measure", "decimal"):
        return 0 < digits <= length
    collapsed = " ".join(part for part in text.replace("\t", " ").replace("\n", " ").split(" ") if part)
    if fact.type in ("code", "token", "token-id"):
        return 0 < len(collapsed) <= length if upto else len(collapsed) == length
    return 0 < len(text) <= length if upto else len(text) == length


def _qname(fact: Fact) -> str:
    return f"{{{fact.namespace}}}{fact.name}" if fact.namespace else fact.name
