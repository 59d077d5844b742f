"""The verdict on a document without an envelope, with the schema it was held to even when it is not valid."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import Finding, GatewayError
from gateway.model import Document, DocumentType
from gateway.schema import Schemas, Shape, validate_bare
from gateway.xml import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`schema` (`path@sha256`) and `type` are empty where no schema takes such a document; no findings = valid.

    `advice` is worth telling and changes no verdict.
    """

    schema: str = ""
    type: DocumentType | None = None
    findings: tuple[Finding, ...] = ()
    advice: tuple[Finding, ...] = ()

    @property
    def valid(self) -> bool:
        """True when its schema takes it."""
        return bool(self.schema) and not self.findings


def judge(payload: bytes, schemas: Schemas) -> Verdict:
    """Which schema a document belongs to and all that is wrong with it; never raises for what the payload holds."""
    found = validate_bare(payload, schemas)
    if isinstance(found, Document):
        return Verdict(schema=found.schema, type=found.type)
    try:
        shape = schemas.shape(parse(payload))
    except GatewayError:
        return Verdict(findings=found)
    if not isinstance(shape, Shape):
        return Verdict(findings=found)
    return Verdict(schema=shape.compiled.label, type=shape.schema.document, findings=found)
