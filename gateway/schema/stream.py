"""Whether a document too long for memory is one we know and valid by its schema: libxml2 decides while it reads.

The document is read twice: once for what it is (`gateway.schema.sketch`), once for its schema, without a tree. Only
when the schema says no is it read again, for the places (`gateway.schema.traced`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from gateway.errors import Finding, GatewayError, MappingInvalid, SchemaUnknown, SchemaViolation
from gateway.model import Document, DocumentType, Large
from gateway.schema import Schemas, Shape
from gateway.schema.explain import place
from gateway.schema.recognise import Step, steps_of, unknown_document, unknown_function
from gateway.schema.sketch import Sketch, sketch
from gateway.schema.traced import traced, valid
from gateway.xml import Element


def validate_large(source: BinaryIO, large: Large, schemas: Schemas) -> Document:
    """The octets of `source` are a known document, valid by its schema, with its business keys at hand.

    `source` is seekable and stands at the beginning; memory does not grow with its length. Raises EnvelopeMalformed,
    MediaTypeUnknown, SchemaUnknown, SchemaViolation with the first findings.
    """
    seen = sketch(source, lambda root: _wanted(root, schemas))
    shape = _shape(seen, schemas)
    if not valid(source, shape):
        findings = traced(source, shape)
        raise SchemaViolation(f"{len(findings)} or more finding(s) by {shape.schema.path}", findings=findings)
    return Document(
        type=shape.schema.document, version=shape.schema.version, payload=b"", schema=shape.compiled.label,
        keys=_keys(seen, shape), large=large,
    )  # fmt: skip


def check_large(
    source: BinaryIO, large: Large, document: DocumentType, schemas: Schemas, version: str = ""
) -> Document:
    """Our own long translation is the document it is meant to be, and valid. Raises MappingInvalid, as `check`."""
    try:
        found = validate_large(source, large, schemas)
    except GatewayError as refusal:
        reason = f"our {document} is not valid: {refusal.code} {refusal.detail}"
        raise MappingInvalid(reason, findings=refusal.findings) from refusal
    if found.type != document or version not in ("", found.version):
        raise MappingInvalid(f"our {document} {version} reads as {found.type} {found.version}")
    return found


def _wanted(root: Element, schemas: Schemas) -> Iterable[tuple[Step, ...]]:
    for shape in schemas.candidates(root):
        yield from (selector.steps for selector in shape.when)
        yield from (steps for _, steps in _key_steps(shape))


def _key_steps(shape: Shape) -> Iterator[tuple[str, tuple[Step, ...]]]:
    for scheme, path in shape.schema.keys.items():
        yield scheme, steps_of(path, shape.schema.root, shape.facts)


def _keys(seen: Sketch, shape: Shape) -> tuple[tuple[str, str], ...]:
    found = ((scheme, value) for scheme, steps in _key_steps(shape) for value in seen.values[steps] if value)
    return tuple(dict.fromkeys(found))


def _shape(seen: Sketch, schemas: Schemas) -> Shape:
    root = seen.root
    found = schemas.chosen(root, dict(seen.values))
    if found is not None:
        return found
    candidates = schemas.candidates(root)
    if not candidates:
        raise _unknown(place(root, (unknown_document(root, [(one.namespace, one.root) for one in schemas]),), None))
    told = unknown_function(root, tuple((shape.schema.document, shape.when) for shape in candidates))
    codes = {"/".join(name for name, _ in steps): ", ".join(values[:3]) or "-" for steps, values in seen.values.items()}
    paths = {selector.path for shape in candidates for selector in shape.when}
    found_there = "; ".join(f"{path} = {text}" for path, text in codes.items() if path in paths)
    raise _unknown(
        tuple(
            Finding(rule=one.rule, params={**one.params, "found": found_there or "-"}, path=one.path)
            for one in place(root, (told,), None)
        )
    )


def _unknown(findings: tuple[Finding, ...]) -> SchemaUnknown:
    return SchemaUnknown(findings[0].rule, findings=findings)
