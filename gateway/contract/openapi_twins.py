"""The JSON twins in the OpenAPI document: their schemas as components, and the bodies that may be written in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.facts import FactTable
from gateway.model import RECEIPT_TYPE, DocumentType
from gateway.twin.json_schema import json_schema

Json = dict[str, Any]
_MEDIA: Final = "application/json"
_PLACE: Final = "#/components/schemas/"
_OWN: Final = frozenset({"$schema", "$id"})
"""Members that would give a component another base than the document's."""


def twin_components(twins: Mapping[DocumentType, FactTable]) -> Json:
    """One component per message, its definitions inside it."""
    return {_name(one): _moved(json_schema(facts), f"{_PLACE}{_name(one)}/") for one, facts in twins.items()}


def in_json(
    operation: Json,
    twins: Mapping[DocumentType, FactTable],
    *,
    asked: Sequence[DocumentType] = (),
    told: tuple[str, Sequence[DocumentType]] = ("", ()),
) -> Json:
    """The operation with the JSON forms of what is `asked` and of what is `told` with a status beside the XML."""
    status, types = told
    if asked:
        operation["requestBody"]["content"] = _beside(operation["requestBody"]["content"], asked, twins)
    if types:
        answer = operation["responses"][status]
        answer["content"] = _beside(answer["content"], types, twins)
    return operation


def _beside(content: Json, types: Sequence[DocumentType], twins: Mapping[DocumentType, FactTable]) -> Json:
    """The content of a body with its JSON form beside, where these messages have one."""
    refs = [{"$ref": _PLACE + _name(one)} for one in types if one in twins]
    if not refs:
        return content
    return {**content, _MEDIA: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}}


def receipt_types(twins: Mapping[DocumentType, FactTable]) -> list[DocumentType]:
    """The receipt, where anything is written in JSON."""
    return [RECEIPT_TYPE] if RECEIPT_TYPE in twins else []


def _name(document: DocumentType) -> str:
    return f"Twin.{document}"


def _moved(node: Any, place: str, *, top: bool = True) -> Any:
    """The same schema at a place of its own: references lead there."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if not (top and key in _OWN)}
        return {
            key: place + value.removeprefix("#/") if key == "$ref" else _moved(value, place, top=False)
            for key, value in kept.items()
        }
    return [_moved(item, place, top=False) for item in node] if isinstance(node, list) else node
