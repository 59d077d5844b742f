"""Every document of the tree with the facts of its message, for tests that hold for all of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.errors import GatewayError
from gateway.facts import FactTable
from gateway.model import DocumentType, Schema
from gateway.registry import Registry, load
from gateway.schema.generate import load_facts
from gateway.schema.shelf import all_records
from gateway.xml import Element, canonical, parse, tag_of
from tests.schemas import ROOT


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A document, the record of its message and, for a fixture, what became of it."""

    file: Path
    payload: bytes
    record: Schema
    case: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.file.parent.name}/{self.file.stem}"

    @property
    def facts(self) -> FactTable:
        return facts_of(self.record.document)


@cache
def registry() -> Registry:
    return load()


@cache
def facts_of(document: str) -> FactTable:
    """The facts of one message, by its name."""
    record = known()[DocumentType(document)]
    return load_facts(ROOT / record.path, record.root)


@cache
def known() -> dict[DocumentType, Schema]:
    """Every message that is exchanged, and every format that is known only."""
    return all_records(registry())


@cache
def fixtures() -> tuple[Sample, ...]:
    """Every document of every adapter's fixtures that the gateway recognises."""
    found = []
    for file in sorted((ROOT / "adapters").glob("*/fixtures/*/*.xml")):
        payload = file.read_bytes()
        case = tomllib.loads((file.parent / "case.toml").read_text("utf-8"))
        try:
            record = registry().schemas.recognise(parse(payload))
        except GatewayError:
            continue
        found.append(Sample(file=file, payload=payload, record=record, case=case))
    return tuple(found)


def plain(payload: bytes) -> Any:
    """A document as names, attributes and values: what a twin must keep, and nothing else."""
    return _plain(parse(canonical(parse(payload))))


def _plain(element: Element) -> Any:
    children = [_plain(child) for child in element]
    attributes = {str(name): value for name, value in element.attrib.items() if "schemaLocation" not in str(name)}
    return tag_of(element), attributes, children or element.text or ""


def qname(payload: bytes) -> str:
    return etree.QName(parse(payload)).localname
