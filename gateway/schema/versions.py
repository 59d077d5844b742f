"""Versions of one message side by side: which there are, and which one a corridor takes and gives.

A document says its version by its namespace, its root or a value in it (`Schema.when`, such as `@version`); an adapter
declares one record for each version, all of one document type. Which version a partner exchanges, its corridors say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.errors import Finding
from gateway.model import Corridor, DocumentType, PartnerId, Schema


@dataclass(frozen=True, slots=True)
class Versions:
    """Every record by document type, each type's in the order they were declared: the last is the latest."""

    records: Mapping[DocumentType, tuple[Schema, ...]]

    def find(self, document: DocumentType, version: str = "") -> Schema:
        """The record of a version; without one: of the latest. Raises LookupError."""
        for record in reversed(self.records.get(document, ())):
            if version in ("", record.version):
                return record
        raise LookupError(f"no schema of {document}" + (f" version {version}" if version else ""))

    def latest(self) -> dict[DocumentType, Schema]:
        """The latest version of every message."""
        return {document: records[-1] for document, records in self.records.items()}

    def of_partner(self, document: DocumentType, partner: PartnerId, corridors: Iterable[Corridor]) -> Schema:
        """The version a partner exchanges, as the corridors say that it sends or gets the message through."""
        said = {one.takes_version for one in corridors if one.sender == partner and one.takes == document}
        said |= {one.gives_version for one in corridors if one.receiver == partner and one.gives == document}
        mine = [record for record in self.records.get(document, ()) if record.version in said]
        return mine[-1] if mine else self.find(document)


def versions_of(records: Iterable[Schema]) -> Versions:
    """The versions among these records."""
    found: dict[DocumentType, tuple[Schema, ...]] = {}
    for record in records:
        found[record.document] = (*found.get(record.document, ()), record)
    return Versions(found)


def check_versions(versions: Versions, corridors: Iterable[Corridor]) -> Iterator[Finding]:
    """What keeps two versions from living side by side; one finding for each (`config.value`)."""
    yield from _alike(record for records in versions.records.values() for record in records)
    tables: dict[str, tuple[str, str]] = {}
    for corridor in corridors:
        sides = [
            ("takes", corridor.takes, corridor.takes_version),
            ("gives", corridor.gives, corridor.gives_version),
        ]
        if corridor.silence:
            sides.append(("silence gives", corridor.silence.gives, corridor.silence.gives_version))
        for side, document, version in sides:
            yield from _unsaid(versions, corridor, side, document, version)
        said = (corridor.takes_version, corridor.gives_version)
        if not corridor.mapping and said[0] != said[1]:
            yield _problem(corridor, "without a mapping a document leaves in the version it came in")
        if corridor.mapping and tables.setdefault(corridor.mapping, said) != said:
            yield _problem(corridor, f"{corridor.mapping} is a table of other versions in another corridor")


def _unsaid(
    versions: Versions, corridor: Corridor, side: str, document: DocumentType, version: str
) -> Iterator[Finding]:
    known = [record.version for record in versions.records.get(document, ())]
    if version and version not in known:
        yield _problem(corridor, f"{side} {document} {version}; there is {', '.join(known) or 'none'}")
    elif not version and len(known) > 1:
        yield _problem(corridor, f"{side} {document}: say which version: {', '.join(known)}")


def _alike(records: Iterable[Schema]) -> Iterator[Finding]:
    """Two records that nothing in a document tells apart, or that bear one name."""
    seen: dict[object, Schema] = {}
    for record in records:
        selected = frozenset(record.when.items())
        for key in ((record.document, record.version), (record.namespace, record.root, selected)):
            other = seen.setdefault(key, record)
            if other is not record:
                reason = f"{record.document} {record.version} and {other.document} {other.version} cannot be told apart"
                yield Finding(rule="config.value", params={"file": record.path, "reason": reason})


def _problem(corridor: Corridor, reason: str) -> Finding:
    return Finding(rule="config.value", params={"file": f"corridor {corridor.id}", "reason": reason})
