"""Makes the XML of a twin: elements in the order of the schema, each in its namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from lxml import etree

from gateway.errors import EnvelopeMalformed, Finding
from gateway.facts.fact import Fact, FactTable
from gateway.outline import Outline, qualified
from gateway.strict_json import MOST_FINDINGS, Members, Number, Value, pointer, shown
from gateway.xml import LIMITS, Element

TEXT: Final = "#"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(value: Value, facts: FactTable) -> Element | tuple[Finding, ...]:
    """The tree of a twin as read from JSON, or what hinders it, the first hundred findings of it.

    Raises EnvelopeMalformed (X5) for more elements than any document may have.
    """
    outline = Outline(facts)
    root = next(iter(outline.elements("").values()))
    pairs = value.pairs if isinstance(value, Members) else ()
    if len(pairs) != 1 or pairs[0][0] != root.name:
        found = ", ".join(shown(name) for name, _ in pairs[:5])
        return (Finding(rule="json.root", params={"expected": root.name, "found": found}, path=""),)
    writing = _Writing(outline)
    try:
        tree = writing.element(root, pairs[0][1], pointer("", root.name), None)
    except _EnoughSaid:
        return tuple(writing.findings)
    return tuple(writing.findings) or tree


class _EnoughSaid(Exception):
    """Nobody is shown more findings than there are."""


class _Writing:
    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._made = 0
        self._prefixes = _prefixes(outline.facts)
        self.findings: list[Finding] = []

    def element(self, fact: Fact, value: Value, at: str, above: Element | None) -> Element:
        """Make one element and all below it."""
        self._made += 1
        if self._made > LIMITS.nodes:
            raise EnvelopeMalformed("too many elements", threat="X5")
        nsmap = self._prefixes or {None: fact.namespace} if fact.namespace else None
        made = (
            etree.Element(qualified(fact), nsmap=nsmap)
            if above is None
            else etree.SubElement(above, qualified(fact), nsmap=nsmap)
        )
        if self._outline.container(fact):
            self._class(fact, value, at, made)
        else:
            self._leaf(fact, value, at, made)
        return made

    def _class(self, fact: Fact, value: Value, at: str, made: Element) -> None:
        if not isinstance(value, Members):
            self._say("json.type", at, fact, expected="object", found=kind_of(value))
            return
        given = dict(value.pairs)
        below = (*self._outline.elements(fact.path).values(), *self._outline.attributes(fact.path).values())
        self._unknown(given, [self._outline.step(child) for child in below], at)
        for child in below:
            step = self._outline.step(child)
            if step in given:
                self._member(child, given[step], pointer(at, step), made)

    def _member(self, fact: Fact, value: Value, at: str, made: Element) -> None:
        if fact.attribute:
            self._attribute(fact, value, at, made)
        elif fact.max == 1:
            self.element(fact, value, at, made)
        elif not isinstance(value, list):
            self._say("json.type", at, fact, expected="array", found=kind_of(value))
        elif not value:
            self._say("json.empty", at, fact)
        else:
            for number, item in enumerate(value):
                self.element(fact, item, pointer(at, number), made)

    def _leaf(self, fact: Fact, value: Value, at: str, made: Element) -> None:
        attributes = self._outline.attributes(fact.path)
        if not isinstance(value, Members) or not attributes:
            made.text = self._text(fact, value, at)
            return
        given = dict(value.pairs)
        steps = {self._outline.step(child): child for child in attributes.values()}
        self._unknown(given, [TEXT, *steps], at)
        if TEXT not in given:
            self._say("json.missing", at, fact, member=TEXT)
        elif len(given) == 1:
            self._say("json.type", at, fact, expected="string", found="object")
        for step, child in steps.items():
            if step in given:
                self._attribute(child, given[step], pointer(at, step), made)
        made.text = self._text(fact, given.get(TEXT, ""), pointer(at, TEXT))

    def _attribute(self, fact: Fact, value: Value, at: str, made: Element) -> None:
        made.set(qualified(fact), self._text(fact, value, at))

    def _text(self, fact: Fact, value: Value, at: str) -> str:
        if not isinstance(value, str):
            self._say("json.type", at, fact, expected="string", found=kind_of(value))
            return ""
        strange = _NOT_XML.search(value)
        if strange is not None:
            self._say("json.character", at, fact, character=f"U+{ord(strange[0]):04X}")
            return ""
        return value

    def _unknown(self, given: Mapping[str, Value], known: list[str], at: str) -> None:
        for name in given:
            if name not in known:
                near = get_close_matches(name[:100], known, n=1)
                self._say("json.unknown", pointer(at, name), member=shown(name), near="".join(near))

    def _say(self, rule: str, at: str, fact: Fact | None = None, /, **params: str) -> None:
        wco_id, wco_name = (fact.wco_id, fact.wco_name) if fact else ("", "")
        self.findings.append(Finding(rule=rule, params=params, path=at, wco_id=wco_id, wco_name=wco_name))
        if len(self.findings) >= MOST_FINDINGS:
            raise _EnoughSaid


def kind_of(value: Value) -> str:
    """What JSON calls a value."""
    if isinstance(value, Number):
        return "number"
    if isinstance(value, Members):
        return "object"
    if value is None:
        return "null"
    return {bool: "boolean", str: "string", list: "array"}[type(value)]


def _prefixes(facts: FactTable) -> dict[str | None, str]:
    """Empty where default namespaces do; prefixes for all where an element without namespace stands below another."""
    spaces = list(dict.fromkeys(fact.namespace for fact in facts.facts.values() if not fact.attribute))
    if "" not in spaces or len(spaces) == 1:
        return {}
    return {f"n{number}": space for number, space in enumerate(filter(None, spaces), start=1)}
