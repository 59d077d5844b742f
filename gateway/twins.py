"""The JSON twin in the line: JSON of a partner becomes the XML that every desk judges, and our XML its JSON.

Seal, evidence and repeats are about the octets as they crossed the wire; the XSD judges what was made of them. Only
partners whose record says `format = "json"` write and are written to in JSON; they may send XML as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from gateway.envelope.media import JSON_MEDIA, XML_MEDIA, Media, media_of, wanted
from gateway.errors import Finding, GatewayError, MappingInvalid, MediaTypeUnknown, ReceiptInvalid, SchemaUnknown
from gateway.facts import FactTable
from gateway.model import ACTION, RECEIPT_TYPE, Corridor, DocumentType, Partner, Schema, Verified
from gateway.schema.versions import Versions
from gateway.twin import from_json, to_json
from gateway.twin.json_schema import twin_id
from gateway.twin.places import path_of, pointer_of
from gateway.xml import parse

Facts = Callable[[Schema], FactTable]


class Twins:
    """Reads and writes the twins of every message; made once at start, safe to share."""

    def __init__(self, versions: Versions, corridors: Collection[Corridor], facts: Facts) -> None:
        self._versions = versions
        self._corridors = corridors
        self._facts = facts

    def read(self, verified: Verified, document: DocumentType | None = None) -> Verified:
        """The same proof with XML as its payload, whatever was signed; `document` None = what the action names.

        Raises MediaTypeUnknown where JSON was not agreed, SchemaUnknown, EnvelopeMalformed (J5, X5), SchemaViolation;
        findings carry the JSON pointer of their place.
        """
        media = _media(verified)
        if not media.json:
            return verified
        if verified.partner.format != "json":
            raise MediaTypeUnknown(f"JSON was not agreed with this partner; send {XML_MEDIA}", threat="S3")
        facts = self._facts_of(verified, media, document)
        try:
            payload = from_json(verified.wire.body, facts)
        except GatewayError as refusal:
            refusal.findings = tuple(_at_pointer(finding) for finding in refusal.findings)
            raise
        parse(payload)  # the limits of shape (X5, X6) hold for every message
        return replace(verified, payload=payload)

    @contextmanager
    def pointing(self, verified: Verified) -> Iterator[None]:
        """What is found wrong in here with XML that was made of JSON is also told as a place in the JSON."""
        try:
            yield
        except GatewayError as refusal:
            media = _media(verified)
            if media.json and refusal.findings:
                facts = self._facts_of(verified, media, None)
                refusal.findings = tuple(
                    replace(finding, pointer=pointer_of(finding.path, facts), line=None, column=None)
                    for finding in refusal.findings
                )
            raise

    def wanted(self, verified: Verified) -> str:
        """The media type of an answer to this partner. Raises NotAcceptable where its Accept takes none."""
        return wanted(verified.wire, formats(verified.partner)) if verified.profile == "rest-gw-1" else XML_MEDIA

    def receipt(self, answer: Verified) -> Verified:
        """A partner's receipt, whatever it is written in, with XML as its payload. Raises ReceiptInvalid."""
        try:
            return self.read(answer, RECEIPT_TYPE)
        except GatewayError as error:
            raise ReceiptInvalid(f"unreadable receipt: {error.detail}", threat="R6") from error

    def write(self, payload: bytes, document: DocumentType, media: str, version: str = "") -> tuple[bytes, str]:
        """A document of ours in this media type, and its Content-Type. Raises MappingInvalid."""
        if media != JSON_MEDIA:
            return payload, XML_MEDIA
        facts = self._facts(self._versions.find(document, version))
        try:
            return to_json(payload, facts), f'{JSON_MEDIA}; profile="{twin_id(facts)}"'
        except GatewayError as refusal:
            reason = f"our {document} has no JSON twin: {refusal.detail}"
            raise MappingInvalid(reason, findings=refusal.findings) from refusal

    def _facts_of(self, verified: Verified, media: Media, document: DocumentType | None) -> FactTable:
        """By what the message says it is, in the version its profile names or the partner's corridors take."""
        name = document or DocumentType(verified.claims.action.removeprefix(ACTION))
        records = self._versions.records.get(name, ())
        if not records:
            raise SchemaUnknown(f"no message is called {name}")
        if not media.profile:
            return self._facts(self._versions.of_partner(name, verified.partner.id, self._corridors))
        known = {twin_id(facts): facts for facts in map(self._facts, records)}
        if media.profile not in known:
            raise MediaTypeUnknown(f"the profiles of {name} are {', '.join(known)}", threat="S3")
        return known[media.profile]


def _none(record: Schema) -> FactTable:
    raise LookupError(record.document)


NO_TWINS: Final = Twins(Versions({}), (), _none)
"""JSON is of nobody."""


def formats(partner: Partner) -> tuple[str, ...]:
    """The media types agreed with a partner, the one it likes first."""
    return (JSON_MEDIA, XML_MEDIA) if partner.format == "json" else (XML_MEDIA,)


def in_json(verified: Verified) -> bool:
    """True when what was signed is JSON."""
    return verified.profile == "rest-gw-1" and verified.wire.content_type.strip(" \t").lower().startswith(JSON_MEDIA)


def _media(verified: Verified) -> Media:
    return media_of(verified.wire.content_type) if in_json(verified) else Media(json=False)


def _at_pointer(finding: Finding) -> Finding:
    return replace(finding, pointer=finding.path, path=path_of(finding.path))
