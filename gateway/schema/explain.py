"""From libxml2's complaints to findings a person can act on: which rule, where exactly, what was meant to be there.

Runs on refusal only. Positions are those of the start tags in the message as received, found by one expat pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from lxml import etree

from gateway.errors import Finding
from gateway.facts import Fact, FactTable
from gateway.schema.atlas import Atlas
from gateway.schema.hints import DATES, NUMBERS, example_of, hints
from gateway.schema.rules import Complaint, Reading, read_complaint
from gateway.xml import Element, locate, tag_of, text_of

__all__ = ["Complaint", "Offence", "Received", "explain", "place"]

VALUE_LIMIT: Final = 200
_WEIGHT: Final = {
    rule: weight
    for weight, rule in enumerate(
        (
            "xsd.children",
            "xsd.blank",
            "xsd.enumeration",
            "xsd.pattern",
            "xsd.length",
            "xsd.decimal",
            "xsd.date",
            "xsd.value",
            "xsd.type",
            "xsd.text",
        )
    )
}
"""Of several complaints about one value the first of these is told: libxml2 reports the facet and then the type."""
_NO_VALUE: Final = frozenset({"xsd.children", "xsd.text"})
_FORMAL: Final = frozenset({"xsd.attribute-missing", *_WEIGHT}) - _NO_VALUE
"""Rules whose hint says what form the value has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The message as it came, and the child positions that lead from its root to the document's root."""

    octets: bytes
    at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """One thing wrong with one element of a tree (or its attribute), before it is given a place in the bytes."""

    element: Element
    rule: str
    params: Mapping[str, str] = field(default_factory=dict)
    attribute: str = ""
    value: str = ""
    fact: Fact | None = None


def explain(
    root: Element, complaints: Sequence[Complaint], facts: FactTable | None, received: Received | None
) -> tuple[Finding, ...]:
    """One finding per offending place, in document order, with position, WCO id and name, and a hint.

    `facts` None = an adapter brought nothing but the XSD; then findings carry XML names only.
    """
    atlas = Atlas(root)
    offences: dict[tuple[tuple[int, ...], str, str], Offence] = {}
    for complaint in complaints:
        index = atlas.index_of(complaint.path)
        offence = _offence(atlas.element(index), read_complaint(complaint), facts, atlas)
        kind = "value" if offence.rule in _WEIGHT else offence.rule
        key = (atlas.index(offence.element), offence.attribute, kind)
        offences[key] = _weightier(offences.get(key), offence)
    return _placed(atlas, [offences[key] for key in sorted(offences)], received)


def place(root: Element, offences: Iterable[Offence], received: Received | None) -> tuple[Finding, ...]:
    """Findings with path, line and column for offences found by other means than the XSD."""
    return _placed(Atlas(root), list(offences), received)


def _weightier(one: Offence | None, other: Offence) -> Offence:
    if one is None:
        return other
    return min(one, other, key=lambda offence: _WEIGHT.get(offence.rule, len(_WEIGHT)))


def _placed(atlas: Atlas, offences: list[Offence], received: Received | None) -> tuple[Finding, ...]:
    indexes = [atlas.index(offence.element) for offence in offences]
    spots: dict[tuple[int, ...], tuple[int, int]] = {}
    if received is not None:
        spots = locate(received.octets, {(*received.at, *index) for index in indexes})
    at = received.at if received is not None else ()
    return tuple(
        _finding(offence, atlas, spots.get((*at, *index))) for offence, index in zip(offences, indexes, strict=True)
    )


def _finding(offence: Offence, atlas: Atlas, spot: tuple[int, int] | None) -> Finding:
    path = atlas.path(offence.element)
    return Finding(
        rule=offence.rule,
        params=offence.params,
        path=f"{path}/@{offence.attribute}" if offence.attribute else path,
        line=spot[0] if spot else None,
        column=spot[1] if spot else None,
        wco_id=offence.fact.wco_id if offence.fact else "",
        wco_name=offence.fact.wco_name if offence.fact else "",
        value=offence.value[:VALUE_LIMIT],
    )


def _offence(element: Element, reading: Reading, facts: FactTable | None, atlas: Atlas) -> Offence:
    if reading.rule in ("xsd.missing", "xsd.not-expected"):
        return _structure(element, reading, facts, atlas)
    attribute = etree.QName(reading.attribute).localname if reading.attribute else ""
    fact = _fact(element, facts, attribute)
    value = (element.get(reading.attribute) or "") if attribute else text_of(element)
    params = {"element": label(fact, attribute or etree.QName(element).localname), **reading.params}
    if "value" in params:
        params["value"] = value[:VALUE_LIMIT]
    rule = _value_rule(reading, value, fact)
    if rule in _FORMAL:
        params |= hints(value, fact, reading.params, element.get("formatCode", ""))
    if "form" in params:
        params = {name: text for name, text in params.items() if name not in ("max", "min", "kind")}
    if rule == "xsd.length":
        params["length"] = str(len(value))
    if rule == "xsd.attribute":
        params["expected"] = ", ".join(_attributes(element, facts))
    if rule in _NO_VALUE:
        params |= {"hint": "escaped"} if rule == "xsd.text" and text_of(element).lstrip().startswith("<") else {}
        value = ""
    return Offence(element=element, rule=rule, params=params, attribute=attribute, value=value, fact=fact)


def _value_rule(reading: Reading, value: str, fact: Fact | None) -> str:
    """`xsd.type` said more exactly, by what the schema's facts know of the element; an empty value is just that."""
    if reading.rule in _WEIGHT and reading.rule not in _NO_VALUE and not value.strip():
        return "xsd.blank"
    if reading.rule != "xsd.type":
        return reading.rule
    word = f"{fact.type if fact else ''} {reading.params.get('kind', '')}"
    if any(number in word for number in NUMBERS):
        return "xsd.decimal"
    return "xsd.date" if any(date in word for date in DATES) else "xsd.type"


def _structure(element: Element, reading: Reading, facts: FactTable | None, atlas: Atlas) -> Offence:
    """A child is missing, out of order, one too many, in a wrong namespace, or not a child of this parent at all."""
    if reading.rule == "xsd.missing":
        return _missing(element, _children(element, facts), reading.expected, None)
    parent = element.getparent()
    siblings = _children(parent, facts) if parent is not None else ()
    name = etree.QName(element)
    same = next((f for f in siblings if f.name == name.localname and f.namespace == (name.namespace or "")), None)
    if parent is None or same is None:
        return _stranger(element, siblings, reading.expected)
    return _misplaced(element, (same, siblings), reading.expected, atlas)


def _misplaced(
    element: Element, known: tuple[Fact, tuple[Fact, ...]], expected: tuple[str, ...], atlas: Atlas
) -> Offence:
    same, siblings = known
    parent = atlas.parent(element)
    params = {"element": label(same), "parent": etree.QName(parent).localname}
    elder = atlas.elder(element)
    before = elder.count(tag_of(element))
    if same.max is not None and before >= same.max:
        return Offence(element=element, rule="xsd.too-many", params=params | {"max": str(same.max)}, fact=same)
    awaited = [f for f in siblings if f.min and _tag(f) in expected and _tag(f) not in atlas.tags(parent)]
    if awaited and awaited[0].name == same.name:
        params = {"element": same.name, "found": same.namespace, "expected": awaited[0].namespace}
        return Offence(element=element, rule="xsd.namespace", params=params, fact=awaited[0])
    if awaited and siblings.index(awaited[0]) < siblings.index(same):
        return _missing(parent, siblings, tuple(_tag(f) for f in awaited), element)
    later = [f for f in siblings[siblings.index(same) + 1 :] if _tag(f) in elder]
    params |= {"before": label(later[0])} if later else {"expected": _labels(expected, siblings)}
    return Offence(element=element, rule="xsd.order", params=params, fact=same)


def _missing(parent: Element, siblings: tuple[Fact, ...], expected: tuple[str, ...], before: Element | None) -> Offence:
    """Says the child that must be there. The place is the parent's: what is missing has none."""
    known = [f for f in siblings if _tag(f) in expected]
    required = [f for f in known if f.min] or known
    names = ", ".join(label(f) for f in required) or _labels(expected, siblings)
    params = {"missing": names, "parent": etree.QName(parent).localname}
    if before is not None:
        params["before"] = etree.QName(before).localname
    if len(required) == 1 and example_of(required[0]):
        params["example"] = f"<{required[0].name}>{example_of(required[0])}</{required[0].name}>"
    return Offence(element=parent, rule="xsd.missing", params=params, fact=required[0] if required else None)


def _stranger(element: Element, siblings: tuple[Fact, ...], expected: tuple[str, ...]) -> Offence:
    name = etree.QName(element)
    params = {"element": name.localname, "expected": _labels(expected, siblings)}
    namesakes = [f.namespace for f in siblings if f.name == name.localname]
    namesakes += [etree.QName(tag).namespace or "" for tag in expected if etree.QName(tag).localname == name.localname]
    if namesakes:
        params |= {"found": name.namespace or "", "expected": namesakes[0]}
        fact = next((f for f in siblings if f.name == name.localname), None)
        return Offence(element=element, rule="xsd.namespace", params=params, fact=fact)
    near = get_close_matches(name.localname, [f.name for f in siblings], n=1)
    params["near"] = "".join(near)
    return Offence(element=element, rule="xsd.unexpected", params=params, value=_leaf(element))


def _leaf(element: Element) -> str:
    return "" if len(element) else text_of(element)


def _fact(element: Element, facts: FactTable | None, attribute: str = "") -> Fact | None:
    found = fact_of(element, facts)
    if facts is None or found is None or not attribute:
        return found
    return facts.facts.get(f"{found.path}/@{attribute}")


def _children(element: Element, facts: FactTable | None) -> tuple[Fact, ...]:
    found = fact_of(element, facts)
    if facts is None or found is None:
        return ()
    return tuple(fact for fact in facts.children(found.path) if not fact.attribute)


def _attributes(element: Element, facts: FactTable | None) -> list[str]:
    found = fact_of(element, facts)
    return [fact.name for fact in facts.children(found.path) if fact.attribute] if facts and found else []


def fact_of(element: Element, facts: FactTable | None) -> Fact | None:
    """What the schema's facts say of an element: by its QName, or by its local name where the namespace is wrong."""
    if facts is None:
        return None
    line = [element, *element.iterancestors()][::-1]
    plain = facts.facts.get("/".join(etree.QName(node).localname for node in line))
    if plain is not None and _tag(plain) == element.tag:
        return plain
    found: Fact | None = None
    for node in line:
        found = _closest(node, facts.children(found.path if found else ""))
        if found is None:
            return None
    return found


def _closest(element: Element, facts: tuple[Fact, ...]) -> Fact | None:
    alike = [f for f in facts if not f.attribute and f.name == etree.QName(element).localname]
    return next((f for f in alike if _tag(f) == element.tag), alike[0] if alike else None)


def _tag(fact: Fact) -> str:
    return f"{{{fact.namespace}}}{fact.name}" if fact.namespace else fact.name


def label(fact: Fact | None, name: str = "") -> str:
    """`CountryCode (063 Country of origin, coded)`: what the XML calls it, and what the WCO calls it."""
    if fact is None or not (fact.wco_id or fact.wco_name):
        return fact.name if fact is not None else name
    return f"{fact.name} ({' '.join((fact.wco_id, fact.wco_name)).strip()})"


def _labels(tags: tuple[str, ...], siblings: tuple[Fact, ...]) -> str:
    known = {_tag(fact): fact for fact in siblings}
    return ", ".join(label(known.get(tag), etree.QName(tag).localname) for tag in tags)
