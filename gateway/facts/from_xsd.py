"""Facts read from an XSD itself, for an agency that brings a schema and no table."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element as TreeElement

import xmlschema
from xmlschema.validators import XsdAttribute, XsdElement

from gateway.errors import ConfigurationError, Finding
from gateway.facts.fact import Fact, FactTable

_ANNOTATIONS = {"WCOID": "wco_id", "WCOName": "wco_name", "TDEDUID": "tded", "WCOFormat": "format"}
_WORDS = (("boolean", "boolean"), ("dateTime", "datetime"), ("date", "date"), ("time", "time"), ("integer", "integer"),
          ("decimal", "decimal"), ("anyURI", "uri"), ("base64Binary", "base64"), ("token", "token"))  # fmt: skip
_DEEPEST = 60


def facts_from_xsd(source: bytes | str, root: str) -> FactTable:
    """The facts of the global element `root` of an XSD, given as bytes, as a file path or as a file: URL.

    Nothing is fetched from the network. A class that holds itself is followed once. WCOID, WCOName, TDEDUID and
    WCOFormat are read from the annotations, where there are any. Raises ConfigurationError (`facts.xsd`).
    """
    try:
        schema = xmlschema.XMLSchema(io.BytesIO(source) if isinstance(source, bytes) else source, allow="local")
    except (xmlschema.XMLSchemaException, OSError, SyntaxError) as error:
        raise _refusal(str(error)) from None
    top = _root(schema, root)
    facts = {fact.path: fact for fact in _walk(top, root, (), optional=False)}
    return FactTable(
        namespace=top.target_namespace,
        root=root,
        version=schema.version or "",
        title=facts[root].wco_name or root,
        official=False,
        facts=facts,
    )


def _refusal(why: str) -> ConfigurationError:
    return ConfigurationError(why, findings=(Finding(rule="facts.xsd", params={"why": why[:200]}),))


def _root(schema: Any, root: str) -> XsdElement:
    own = schema.target_namespace
    for element in schema.elements.values():
        if element.local_name == root and element.target_namespace == own:
            return element  # type: ignore[no-any-return]
    raise _refusal(f"no global element {root} in {own or 'no namespace'}")


def _walk(element: Any, path: str, kinds: tuple[int, ...], *, optional: bool) -> Iterator[Fact]:
    content = element.type.has_complex_content() or element.type.is_empty()
    yield _fact(element, path, "class" if content else _word(element.type), optional=optional)
    for name, attribute in element.attributes.items():
        if name and isinstance(attribute, XsdAttribute):
            yield _attribute(attribute, path)
    if id(element.type) in kinds or len(kinds) > _DEEPEST or not element.type.has_complex_content():
        return
    names: dict[str, str] = {}
    for child, free in _children(element.type.content, optional=False):
        if child.name not in names:
            names[child.name] = _step(child, names)
            yield from _walk(child, f"{path}/{names[child.name]}", (*kinds, id(element.type)), optional=free)


def _step(child: Any, names: dict[str, str]) -> str:
    """The local name; with a prefix where a sibling of another namespace has it already."""
    if child.local_name not in names.values():
        return str(child.local_name)
    spaces = child.ref.schema.namespaces if child.ref is not None else child.schema.namespaces
    prefix = next((prefix for prefix, space in spaces.items() if prefix and space == child.target_namespace), "other")
    return f"{prefix}:{child.local_name}"


def _children(group: Any, *, optional: bool) -> Iterator[tuple[XsdElement, bool]]:
    """The elements of a model group, with True where a choice or an optional group lets them stay away."""
    free = optional or (group.model == "choice" and len(group) > 1) or group.min_occurs == 0
    for particle in group:
        if isinstance(particle, XsdElement):
            yield particle, free
        elif hasattr(particle, "model"):
            yield from _children(particle, optional=free)


def _fact(element: XsdElement, path: str, word: str, *, optional: bool) -> Fact:
    return Fact(
        path=path,
        namespace=element.target_namespace if element.name.startswith("{") else "",
        name=element.local_name,
        attribute=False,
        min=0 if optional else element.min_occurs,
        max=element.max_occurs,
        type=word,
        codes=_codes(element.type),
        **_annotated(element),
    )


def _attribute(attribute: XsdAttribute, path: str) -> Fact:
    return Fact(
        path=f"{path}/@{attribute.local_name}",
        namespace=attribute.target_namespace if attribute.name.startswith("{") else "",
        name=attribute.local_name,
        attribute=True,
        min=1 if attribute.use == "required" else 0,
        max=1,
        type=_word(attribute.type),
        codes=_codes(attribute.type),
    )


def _word(kind: Any) -> str:
    """The type word nearest to a simple type."""
    simple = kind.content if kind.is_complex() else kind
    bases: set[str] = set()
    while simple is not None:
        bases.add(simple.local_name or "")
        simple = simple.base_type
    return next((word for base, word in _WORDS if base in bases), "string")


def _codes(kind: Any) -> str:
    simple = kind.content if kind.is_complex() and not kind.has_complex_content() else kind
    values = getattr(simple, "enumeration", None)
    return "one of: " + " | ".join(str(value) for value in values) if values else ""


def _annotated(element: XsdElement) -> dict[str, str]:
    """The WCO annotations of an element, or of its type; the first of a kind counts."""
    found: dict[str, str] = {}
    for component in (element, element.type):
        for node in _documentation(component):
            key = _ANNOTATIONS.get(node.tag.rpartition("}")[2]) if isinstance(node.tag, str) else None
            if key is not None and node.text:
                found.setdefault(key, " ".join(node.text.split()))
    return found


def _documentation(component: Any) -> Iterator[TreeElement]:
    for note in component.annotations:
        for documentation in note.documentation:
            yield from documentation.iter()
