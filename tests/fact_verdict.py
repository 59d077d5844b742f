"""A verdict on a document by the facts alone, written without the generator and without libxml2.

Knows the type words of our own profiles. Used to see that the XSD made from a table says what the table says.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from unicodedata import category

from gateway.facts import Fact, FactTable
from gateway.xml import Element, tag_of, text_of

_COLLAPSED = ("code", "token", "token-id")
_UNSEEN = ("Cc", "Cf", "Co")
_NUMBERS = ("integer", "decimal", "measure", "quantity", "amount")
_XML_BLANK = " \t\r\n"
SEEN = r"[^\p{Cc}\p{Cf}\p{Co}\p{Z}]+( [^\p{Cc}\p{Cf}\p{Co}\p{Z}]+)*"
"""Signs that can be seen, with single spaces between."""


def taken(root: Element, table: FactTable) -> bool:
    """True when the facts take the document."""
    (top,) = table.children("")
    return _names(root, top) and _element(root, top, table)


def _names(node: Element, fact: Fact) -> bool:
    return tag_of(node) == (f"{{{fact.namespace}}}{fact.name}" if fact.namespace else fact.name)


def _element(node: Element, fact: Fact, table: FactTable) -> bool:
    below = table.children(fact.path)
    if not _attributes(node, [one for one in below if one.attribute]):
        return False
    children = list(node.iterchildren("{*}*"))
    if fact.type != "class":
        return not children and value_taken(text_of(node), fact)
    beside = [node.text or "", *(child.tail or "" for child in node)]
    if any(text.strip(_XML_BLANK) for text in beside):
        return False
    for one in (one for one in below if not one.attribute):
        count = 0
        while children and _names(children[0], one):
            count += 1
            if not _element(children.pop(0), one, table):
                return False
        if count < one.min or (one.max is not None and count > one.max):
            return False
    return not children


def _attributes(node: Element, facts: list[Fact]) -> bool:
    given = {str(name): str(value) for name, value in node.attrib.items()}
    for fact in facts:
        value = given.pop(fact.name, None)
        if (value is None and fact.min) or (value is not None and not value_taken(value, fact)):
            return False
    return not given


def value_taken(text: str, fact: Fact) -> bool:
    """True when the facts take a value."""
    value = text if fact.type in ("text", "string", "id") else re.sub(f"[{_XML_BLANK}]+", " ", text).strip(_XML_BLANK)
    if fact.choices and value not in fact.choices:
        return False
    if not _typed(value, fact):
        return False
    if fact.pattern == SEEN:
        return _seen(value) and _sized(value, fact)
    if fact.pattern and "\\p{" not in fact.pattern:
        return re.fullmatch(fact.pattern, value) is not None and _sized(value, fact)
    return _sized(value, fact) and (fact.type in _NUMBERS or bool(fact.choices) or bool(value.strip(_XML_BLANK)))


def _seen(value: str) -> bool:
    words = value.split(" ")
    return all(words) and not any(category(sign)[0] == "Z" or category(sign) in _UNSEEN for sign in "".join(words))


def _typed(value: str, fact: Fact) -> bool:
    try:
        if fact.type in _NUMBERS:
            shape = r"[+-]?[0-9]+" if fact.type == "integer" else r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
            return re.fullmatch(shape, value) is not None
        if fact.type == "indicator":
            return value in ("true", "false")
        if fact.type == "date":
            return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is not None and bool(date.fromisoformat(value))
        if fact.type == "datetime":
            return _moment(value)
    except ValueError:
        return False
    return True


def _moment(value: str) -> bool:
    found = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?"
        r"(Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))",
        value,
    )
    if found is None:
        return False
    day, hour, minute, second = found[1], int(found[2]), int(found[3]), int(found[4])
    midnight = hour == 24 and minute == second == 0 and not (found[5] or ".0").strip(".0")
    datetime.fromisoformat(f"{day}T00:00:00")
    return midnight or (hour < 24 and minute < 60 and second < 60)


def _sized(value: str, fact: Fact) -> bool:
    found = re.fullmatch(r"(an|a|n)(\.\.)?([0-9]+)(?:,([0-9]+))?", fact.format)
    if found is None:
        return True
    most, fraction = int(found[3]), int(found[4] or 0)
    if fact.type in _NUMBERS:
        whole, _, part = value.lstrip("+-").partition(".")
        digits = len(whole.lstrip("0")) + len(part.rstrip("0"))
        return digits <= most and len(part.rstrip("0")) <= fraction
    if found[1] != "an" and not fact.pattern and not re.fullmatch("[a-zA-Z]*" if found[1] == "a" else "[0-9]*", value):
        return False
    return len(value) <= most if found[2] else len(value) == most
