"""The part of JSON Schema 2020-12 that our own schemas use, for tests that ask whether a twin keeps to its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.twin.json_schema import DIALECT

KNOWN = {
    "$schema", "$id", "$ref", "$defs", "title", "description", "type", "properties", "required", "additionalProperties",
    "items", "minItems", "maxItems", "minProperties", "anyOf", "enum", "pattern", "minLength", "maxLength",
    "contentEncoding",
}  # fmt: skip
TYPES = {"object": dict, "array": list, "string": str}


def complaints(value: Any, schema: dict[str, Any]) -> list[str]:
    """What the schema has against a value, by JSON pointer."""
    assert schema["$schema"] == DIALECT
    return list(_walk(value, schema, schema, ""))


def _walk(value: Any, schema: dict[str, Any], whole: dict[str, Any], at: str) -> Iterator[str]:
    strange = {word for word in schema if word not in KNOWN and not word.startswith("x-")}
    assert not strange, f"a word that this validator does not know: {strange}"
    if "$ref" in schema:
        yield from _walk(value, whole["$defs"][schema["$ref"].removeprefix("#/$defs/")], whole, at)
    if "anyOf" in schema and all(list(_walk(value, one, whole, at)) for one in schema["anyOf"]):
        yield f"{at}: none of anyOf"
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{at}: not {schema['type']}"
    elif "type" in schema:
        yield from _typed(value, schema, whole, at)


def _typed(value: Any, schema: dict[str, Any], whole: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from _object(value, schema, whole, at)
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield f"{at}: {len(value)} items"
        for number, item in enumerate(value):
            yield from _walk(item, schema["items"], whole, f"{at}/{number}")
    else:
        yield from _text(value, schema, at)


def _object(value: dict[str, Any], schema: dict[str, Any], whole: dict[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    if len(value) < schema.get("minProperties", 0):
        yield f"{at}: too few members"
    for name, member in value.items():
        if name in schema["properties"]:
            yield from _walk(member, schema["properties"][name], whole, f"{at}/{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{at}: {name} is not known"


def _text(value: str, schema: dict[str, Any], at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at}: length {len(value)}"
    if "pattern" in schema and not re.search(schema["pattern"].removesuffix("$") + r"\Z", value):
        yield f"{at}: {value!r} is not {schema['pattern']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not one of {schema['enum']}"
