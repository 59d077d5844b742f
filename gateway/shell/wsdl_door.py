"""Gives out the WSDL: of everything partners may send, or of what one partner may."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from flask import Response

from gateway.contract.wsdl import Operation, write_wsdl
from gateway.errors import NotFound
from gateway.facts import FactTable
from gateway.model import NOTICE_TYPE, RECEIPT_TYPE, DocumentType, Partner, PartnerId, Schema
from gateway.registry import Registry
from gateway.shell.house import House


class WsdlDoor:
    """Every WSDL is written once."""

    def __init__(self, house: House) -> None:
        self._registry = house.registry
        self._partners = house.setup.partners
        self._endpoint = f"{house.settings.url}/soap"
        self._text = lru_cache(maxsize=64)(self._write)

    def answer(self, partner: str) -> Response:
        """The WSDL, of one partner when it is named. Raises NotFound for a partner that may send nothing by SOAP."""
        return Response(self._text(partner), headers={"Content-Type": "text/xml; charset=utf-8"})

    def _write(self, partner: str) -> bytes:
        if partner and PartnerId(partner) not in self._partners:
            raise NotFound("no such partner")
        chosen = [self._partners[PartnerId(partner)]] if partner else list(self._partners.values())
        return wsdl_of(self._registry, chosen, self._endpoint)


def wsdl_of(registry: Registry, partners: list[Partner], endpoint: str) -> bytes:
    """The WSDL of what these partners may send. Raises NotFound when that is nothing."""
    types = sorted({one for partner in partners for one in sendable(registry, partner)})
    if not types:
        raise NotFound("nothing may be sent")
    operations = [_operation(registry, one, partners) for one in types]
    return write_wsdl(operations, registry.tree.read, endpoint)


def sendable(registry: Registry, partner: Partner) -> list[DocumentType]:
    """The document types a partner may send and that some corridor takes from it, sorted."""
    taken = {corridor.takes for corridor in registry.corridors.values() if corridor.sender == partner.id}
    return sorted(
        one for one in taken - {NOTICE_TYPE, RECEIPT_TYPE}
        if one in registry.records and any(fnmatchcase(one, pattern) for pattern in partner.sends)
    )  # fmt: skip


def receivable(registry: Registry, partner: Partner) -> list[DocumentType]:
    """The document types a partner may be sent, sorted: answers, and the gateway's notices."""
    given = {corridor.gives for corridor in registry.corridors.values() if corridor.receiver == partner.id}
    given |= {way.silence.gives for way in registry.corridors.values() if way.silence and way.sender == partner.id}
    return sorted((given | {NOTICE_TYPE}) & set(registry.records))


def record_of(registry: Registry, document: DocumentType, partner: Partner) -> Schema:
    """The schema of a message in the version this partner exchanges."""
    return registry.versions.of_partner(document, partner.id, registry.corridors.values())


def twins_of(registry: Registry, partners: Iterable[Partner]) -> dict[DocumentType, FactTable]:
    """The facts of all that those of these partners who agreed on JSON send and get, receipts too."""
    found: dict[DocumentType, FactTable] = {}
    for partner in partners:
        if partner.format == "json":
            types = [*sendable(registry, partner), *receivable(registry, partner), RECEIPT_TYPE]
            found |= {one: registry.facts(record_of(registry, one, partner)) for one in types}
    return dict(sorted(found.items()))


def _operation(registry: Registry, document: DocumentType, partners: list[Partner]) -> Operation:
    """Of one partner: in its version; of all: in the latest."""
    [only] = partners if len(partners) == 1 else [None]
    record = record_of(registry, document, only) if only else registry.records[document]
    return Operation(type=document, schema=record, said=_said(registry, document, record))


def _said(registry: Registry, document: DocumentType, record: Schema) -> str:
    ways = [way for way in registry.corridors.values() if way.takes == document]
    status = "official schema" if record.official else "profile, not official"
    receivers = ", ".join(sorted({f"{way.sender} to {way.receiver}" for way in ways}))
    return f"{document}: {record.root} by {record.path} ({status}). {receivers}."
