"""Formats that are known here though no adapter exchanges them: every schema table that no record of a message uses.

The catalogue (`xsd/messages.csv`) names those that are messages of ours and says what they are found by.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.facts import FactTable
from gateway.messages import Message, read_messages
from gateway.model import DocumentType, Schema
from gateway.registry import Registry
from gateway.schema import Schemas
from gateway.schema.generate import load_facts

CATALOGUE = "xsd/messages.csv"
_OURS = "gateway"


def shelved(registry: Registry) -> dict[DocumentType, Schema]:
    """The records of those formats, called as the catalogue says, else by folder and file (`NCTS_CC015C`).

    A table with the root of a message that is exchanged is left out: a document has one meaning.
    """
    used = {record.path for record in registry.schemas}
    taken = {(record.namespace, record.root) for record in registry.schemas}
    named = {message.schema: message for message in catalogue(registry).values() if message.schema}
    records = (
        _record(family.name, table, named.get(_xsd(family, table)))
        for family, table in _tables(registry)
        if _xsd(family, table) not in used
    )
    return {record.document: record for record in records if (record.namespace, record.root) not in taken}


def catalogue(registry: Registry) -> dict[DocumentType, Message]:
    """The messages of the catalogue, a later root's rows over an earlier one's. Raises ConfigurationError."""
    found: dict[DocumentType, Message] = {}
    for file in (root / CATALOGUE for root in registry.tree.roots):
        if file.is_file():
            found |= read_messages(file.read_text("utf-8"), str(file))
    return found


def all_records(registry: Registry) -> dict[DocumentType, Schema]:
    """Every message that is exchanged, then every other format that is known."""
    return {**registry.records, **shelved(registry)}


def every_record(registry: Registry) -> tuple[Schema, ...]:
    """The same with every version of a message that is exchanged in several."""
    return (*registry.schemas, *shelved(registry).values())


def called(registry: Registry, record: Schema) -> str:
    """The name of a message, with its version where it is not the one that stands for the message."""
    plain = all_records(registry).get(record.document) == record
    return str(record.document) if plain else f"{record.document}@{record.version}"


def record_of(registry: Registry, document: DocumentType, label: str) -> Schema:
    """The record by which a document was judged: its type and the file of its schema (`path@sha256`)."""
    path = label.partition("@")[0]
    return next(one for one in every_record(registry) if (one.document, one.path) == (document, path))


def all_schemas(registry: Registry) -> Schemas:
    """The compiled schemas of all of them. Raises ConfigurationError."""
    tree = registry.tree
    more = Schemas(shelved(registry).values(), tree.read, lambda record: facts_of(registry, record))
    return registry.schemas.beside(more)


def facts_of(registry: Registry, record: Schema) -> FactTable:
    """The facts of a record, from the table in its tree."""
    return load_facts(registry.tree.path(record.path), record.root)


def _tables(registry: Registry) -> Iterator[tuple[Path, Path]]:
    for family in registry.tree.folders("xsd"):
        if family.name != "codes":
            yield from ((family, table) for table in registry.tree.files(f"xsd/{family.name}", "*.csv"))


def _xsd(family: Path, table: Path) -> str:
    return f"xsd/{family.name}/{table.stem}.xsd"


def _record(family: str, table: Path, message: Message | None) -> Schema:
    facts = load_facts(table)
    name = table.stem if family == _OURS else f"{family}_{table.stem}"
    return Schema(
        document=message.document if message else DocumentType(name.upper()), namespace=facts.namespace,
        root=facts.root, path=f"xsd/{family}/{table.stem}.xsd", version=facts.version,
        keys=message.keys if message else {},
    )  # fmt: skip
