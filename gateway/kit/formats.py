"""Which XSD files and sample messages belong into a partner's kit."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from gateway.model import XS, DocumentType, PartnerId, Schema
from gateway.registry import Registry
from gateway.xml import parse

OWN = ("xsd/gateway/receipt.xsd", "xsd/gateway/notice.xsd", "xsd/gateway/problem.xsd")


def xsd_files(trees: Registry, records: Iterable[Schema]) -> dict[str, bytes]:
    """The XSDs of these documents, of receipts, notices and problems, and all they import: content by path."""
    found: dict[str, bytes] = {}
    todo = [*OWN, *(record.path for record in records)]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found[path] = trees.tree.read(path)
        folder = PurePosixPath(path).parent
        for tag in ("import", "include"):
            places = (child.get("schemaLocation") for child in parse(found[path]).iterchildren(f"{{{XS}}}{tag}"))
            todo += [str(folder / place) for place in places if place]
    return dict(sorted(found.items()))


def samples(trees: Registry, partner: PartnerId, types: Iterable[DocumentType]) -> Iterator[tuple[DocumentType, bytes]]:
    """For each type the first fixture in which the partner sends it, as a message or as an answer, and it arrives."""
    wanted = set(types)
    for folder in trees.tree.folders("adapters"):
        for case in sorted(folder.glob("fixtures/*/case.toml")):
            for kind, file in _sent(trees, partner, tomllib.loads(case.read_text("utf-8"))):
                if kind in wanted and (case.parent / file).is_file():
                    wanted.remove(kind)
                    yield kind, (case.parent / file).read_bytes()


def _sent(trees: Registry, partner: PartnerId, said: dict[str, Any]) -> Iterator[tuple[DocumentType, str]]:
    """What the partner sends in a fixture: type and file."""
    if said.get("expect") != "delivered":
        return
    if said.get("from") == partner:
        yield DocumentType(said["type"]), "in.xml"
    answer = said.get("answer", {}).get("type")
    for way in trees.corridors.values():
        if answer and said.get("to") == partner == way.sender and way.gives == answer:
            yield way.takes, "answer-in.xml"
