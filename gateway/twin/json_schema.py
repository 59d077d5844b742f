"""The JSON Schema (2020-12) of a twin: what a program may check before it sends; the verdict stays with the XSD.

Every value is a string, so the schema says forms, lengths and codes by patterns. It asks a little more than the XSD:
no white space around codes. It asks a little less: how many digits a number has in all is told, not checked, because
leading and trailing zeros do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from gateway.facts.ecma_pattern import ecma
from gateway.facts.fact import Fact, FactTable
from gateway.outline import Outline
from gateway.twin.write import TEXT

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NUMBERS: Final = frozenset({"numeric", "amount", "quantity", "measure", "decimal"})
_TEXTUAL: Final = frozenset({"text", "code", "id", "token-id", "string", "line", "token"})
_ZONE: Final = r"(Z|[+\-][0-9]{2}:[0-9]{2})?"
_LEXICAL: Final[Mapping[str, str]] = {
    **dict.fromkeys(_NUMBERS, r"[+\-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"),
    "integer": r"[+\-]?[0-9]+",
    "int": r"[+\-]?[0-9]+",
    "indicator": "true|false",
    "boolean": "true|false|1|0",
    "date": rf"-?[0-9]{{4,}}-[0-9]{{2}}-[0-9]{{2}}{_ZONE}",
    "datetime": rf"-?[0-9]{{4,}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?{_ZONE}",
    "time": rf"[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?{_ZONE}",
}
_WCO_DATE: Final = r"20[0-9]{6}([0-9]{6}(Z|[+\-][0-9]{2}))?"
_LETTERS: Final[Mapping[str, str]] = {"a": "[a-zA-Z]", "n": "[0-9]"}
_FORMAT: Final = re.compile(r"(an|a|n)(\.\.)?([0-9]+)")
_WCO_MARKS: Final = frozenset({"listID", "schemeID", "languageID"})


def twin_id(facts: FactTable) -> str:
    """The `$id` of the schema of the twins of one message, which is also their media type's `profile`: a URI."""
    return f"urn:swgw:twin:{quote(facts.root)}:{quote(facts.version)}"


def json_schema(facts: FactTable) -> dict[str, Any]:
    """The schema of the twins of one message, with WCO names as titles and WCO ids as `x-wco-id`."""
    making = _Making(facts)
    root = next(fact for fact in facts.children("") if not fact.attribute)
    body = making.element(root)
    return {
        "$schema": DIALECT,
        "$id": twin_id(facts),
        "title": facts.title,
        "description": f"JSON twin of {{{facts.namespace}}}{facts.root}, version {facts.version}"
        + ("" if facts.official else "; profile, not official"),
        "type": "object",
        "properties": {root.name: body},
        "required": [root.name],
        "additionalProperties": False,
        "$defs": making.definitions,
    }


class _Making:
    def __init__(self, facts: FactTable) -> None:
        self._outline = Outline(facts)
        self.definitions: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    def element(self, fact: Fact) -> dict[str, Any]:
        """The schema of one occurrence of an element."""
        if self._outline.container(fact):
            return {**_titles(fact), **self._class(fact)}
        attributes = self._outline.attributes(fact.path)
        value = self._named(fact, _value(fact, wco=any(a.name in _WCO_MARKS for a in attributes.values())))
        if not attributes:
            return {**_titles(fact), **value}
        whole = _object({TEXT: value, **self._members(attributes.values())}, [TEXT, *self._needed(attributes.values())])
        if any(child.min for child in attributes.values()):
            return {**_titles(fact), **whole}
        either = {"anyOf": [value, {**whole, "minProperties": 2}]}
        return {**_titles(fact), **self._named(fact, either, "-attributed")}

    def _class(self, fact: Fact) -> dict[str, Any]:
        below = (*self._outline.elements(fact.path).values(), *self._outline.attributes(fact.path).values())
        return _object(self._members(below), self._needed(below))

    def _members(self, facts: Iterable[Fact]) -> dict[str, Any]:
        return {self._outline.step(fact): self._member(fact) for fact in facts}

    def _member(self, fact: Fact) -> dict[str, Any]:
        if fact.attribute:
            return {**_titles(fact), **self._named(fact, _value(fact, wco=True))}
        if fact.max == 1:
            return self.element(fact)
        most = {} if fact.max is None else {"maxItems": fact.max}
        return {"type": "array", "items": self.element(fact), "minItems": 1, **most}

    def _needed(self, facts: Iterable[Fact]) -> list[str]:
        return [self._outline.step(fact) for fact in facts if fact.min]

    def _named(self, fact: Fact, schema: dict[str, Any], tail: str = "") -> dict[str, Any]:
        """A reference to the definition of this very schema, made when it is first met."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._names:
            plain = fact.type + (f"-{fact.format}" if fact.format else "") + tail
            name = next(n for n in _numbered(plain) if n not in self.definitions)
            self._names[key] = name
            self.definitions[name] = schema
        return {"$ref": f"#/$defs/{self._names[key]}"}


def _numbered(name: str) -> Iterable[str]:
    yield name
    number = 1
    while number := number + 1:
        yield f"{name}-{number}"


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    needed = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


def _titles(fact: Fact) -> dict[str, Any]:
    """Name, id, format and code list for people and for generated documentation."""
    said = {
        "title": fact.wco_name,
        "x-wco-id": fact.wco_id,
        "x-format": fact.format,
        "x-codes": "" if fact.choices else fact.codes,
    }
    return {key: text for key, text in said.items() if text}


def _value(fact: Fact, *, wco: bool) -> dict[str, Any]:
    """The schema of the text of an element or attribute."""
    if fact.choices:
        return {"type": "string", "enum": list(fact.choices)}
    if fact.type == "base64":
        return {"type": "string", "contentEncoding": "base64"}
    shape = _FORMAT.fullmatch(fact.format) if fact.type in _TEXTUAL else None
    lengths = {} if shape is None else {"maxLength": int(shape[3])} | ({} if shape[2] else {"minLength": int(shape[3])})
    pattern = ecma(fact.pattern) if fact.pattern else _implied(fact, shape[1] if shape else "", wco=wco)
    return {"type": "string", **lengths, **({"pattern": f"^(?:{pattern})$"} if pattern else {})}


def _implied(fact: Fact, kind: str, *, wco: bool) -> str:
    """The pattern of a value whose table row has none."""
    if fact.name == "DateTimeString":
        return _WCO_DATE
    if fact.type in _LEXICAL:
        return _LEXICAL[fact.type]
    if kind in _LETTERS:
        return _LETTERS[kind] + ("*" if wco else "+")
    return "" if wco or fact.type not in _TEXTUAL else r"[ \t\n\r]*[^ \t\n\r][\s\S]*"
