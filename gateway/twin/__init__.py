"""The JSON twin of a document: the same elements, values and order by another spelling, made from the facts.

A twin is one object with one member, the root. An element with children is an object; a value is a string, exactly as
it stands in the XML (numbers and dates too: `"0012.500"` stays what was signed); a value with attributes is an object
of `@name` members and `#`, its text. What may come more than once is an array, always. Member names are the last steps
of `Fact.path`, so that a namesake of another namespace keeps its prefix. Each document has one twin and each twin one
document; the order of members says nothing, the schema does. Not carried over: white space between elements, comments,
`xsi:schemaLocation`, prefixes. The XSD judges the XML that was made, never the JSON alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from lxml import etree

from gateway.errors import EnvelopeMalformed, Finding, SchemaViolation
from gateway.facts.fact import Fact, FactTable
from gateway.model import XSI
from gateway.outline import Outline
from gateway.strict_json import MOST_FINDINGS, read_json
from gateway.twin.write import TEXT, document
from gateway.xml import Element, canonical, parse, readable_path, tag_of

Twin = str | dict[str, "Twin"] | list["Twin"]
_LOCATIONS: Final = frozenset({f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation"})
_BLANK: Final = " \t\r\n"


def to_json(payload: bytes, facts: FactTable) -> bytes:
    """The twin of a document as compact JSON in UTF-8, members in schema order.

    Raises EnvelopeMalformed (not XML), SchemaViolation for whatever a twin could not give back: an element or
    attribute the facts do not know, a wrong order, text between elements (`xsd.*`; no verdict beyond that).
    """
    return json.dumps(twin_of(payload, facts), ensure_ascii=False, separators=(",", ":")).encode()


def twin_of(payload: bytes, facts: FactTable) -> dict[str, Twin]:
    """The twin of a document as Python objects. Raises what `to_json` raises."""
    root = parse(payload)
    if b"<!--" in payload:
        root = parse(_canonical(root))
    reading = _Reading(facts)
    name = tag_of(root)
    fact = reading.outline.elements("").get(name)
    if fact is None:
        reading.say(root, "xsd.unexpected", element=etree.QName(root).localname, expected=facts.root)
        raise _refusal(reading.findings)
    found: dict[str, Twin] = {fact.name: reading.value(root, fact)}
    if reading.findings:
        raise _refusal(reading.findings)
    return found


def from_json(octets: bytes, facts: FactTable) -> bytes:
    """The document of a twin as canonical XML; the caller has it judged by its XSD like any other.

    Raises EnvelopeMalformed for JSON that can mean two things (J5), SchemaViolation for members the facts do not
    know and values of the wrong kind; every finding has a JSON pointer as its path (`json.*`).
    """
    made = document(read_json(octets), facts)
    if isinstance(made, tuple):
        raise _refusal(list(made))
    return _canonical(made)


def _canonical(root: Element) -> bytes:
    try:
        return canonical(root)
    except etree.C14NError as error:
        raise EnvelopeMalformed(f"no canonical form: {error}", threat="X8") from None


def _refusal(findings: list[Finding]) -> SchemaViolation:
    shown = tuple(findings[:MOST_FINDINGS])
    return SchemaViolation(f"{len(findings)} finding(s) by the JSON twin", findings=shown)


class _Reading:
    """Walks a document along its facts; `findings` is what no twin could say."""

    def __init__(self, facts: FactTable) -> None:
        self.outline = Outline(facts)
        self.findings: list[Finding] = []

    def value(self, element: Element, fact: Fact) -> Twin:
        """The twin of one element."""
        found: dict[str, Twin] = dict(self._attributes(element, fact))
        if self.outline.container(fact):
            self._no_text(element, fact)
            self._children(element, fact, found)
            return found
        if len(element):
            self.say(element, "xsd.children", fact, element=fact.name)
        text = element.text or ""
        return {**found, TEXT: text} if found else text

    def _attributes(self, element: Element, fact: Fact) -> Iterator[tuple[str, str]]:
        known = self.outline.attributes(fact.path) if element.attrib else {}
        given = {str(name): str(value) for name, value in element.attrib.items() if name not in _LOCATIONS}
        for name in given.keys() - known.keys():
            self.say(element, "xsd.attribute", fact, attribute=etree.QName(name).localname)
        yield from ((self.outline.step(other), given[name]) for name, other in known.items() if name in given)

    def _no_text(self, element: Element, fact: Fact) -> None:
        texts = [element.text or "", *(child.tail or "" for child in element)]
        if any(text.strip(_BLANK) for text in texts):
            self.say(element, "xsd.text", fact, element=fact.name)

    def _children(self, element: Element, above: Fact, found: dict[str, Twin]) -> None:
        known = self.outline.elements(above.path)
        reached = 0
        for child in element:
            fact = known.get(tag_of(child))
            if fact is None:
                name = etree.QName(child).localname
                expected = ", ".join(list(dict.fromkeys(other.name for other in known.values()))[:5])
                self.say(child, "xsd.unexpected", element=name, expected=expected)
                continue
            place = self.outline.place(fact)
            if place < reached:
                self.say(child, "xsd.order", fact, element=fact.name, parent=above.name)
            reached = max(reached, place)
            self._add(child, fact, above, found)

    def _add(self, child: Element, fact: Fact, above: Fact, found: dict[str, Twin]) -> None:
        step, value = self.outline.step(fact), self.value(child, fact)
        several = found.setdefault(step, []) if fact.max != 1 else None
        if isinstance(several, list):
            several.append(value)
        elif step in found:
            self.say(child, "xsd.too-many", fact, element=fact.name, parent=above.name, max="1")
        else:
            found[step] = value

    def say(self, element: Element, rule: str, fact: Fact | None = None, /, **params: str) -> None:
        """Note a finding at an element."""
        self.findings.append(
            Finding(
                rule=rule,
                params=params,
                path=readable_path(element),
                line=element.sourceline,
                wco_id=fact.wco_id if fact else "",
                wco_name=fact.wco_name if fact else "",
            )
        )
