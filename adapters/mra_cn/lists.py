"""The documents of the invented China format as the simulated receiver reads them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gateway.xml import Element, canonical, parse, text_of

_NS = "{urn:cn:gacc:aeo:1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One operator of a list. `fields` are the element names that are there and not empty; `content` is what counts
    for "the same": everything of the record except whether it was new or changed."""

    code: str
    version: int
    deletes: bool
    certificate: str
    fields: frozenset[str]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AeoList:
    """A list of one agreement. `kind` is `F` (full) or `I` (changes); `digest` is SHA-256 of its canonical octets."""

    id: str
    number: int
    kind: str
    agreement: str
    total: int
    """How many records the head announces."""
    digest: str
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The totals that the sender believes we hold after list `number`."""

    id: str
    number: int
    agreement: str
    total: int
    digest: str


def read_list(payload: bytes) -> AeoList:
    """Read a schema-valid AeoList."""
    root = parse(payload)
    head = root.find(f"{_NS}listHead")
    if head is None:
        raise ValueError("a list has a head")
    return AeoList(
        id=_text(head, "listId"),
        number=int(_text(head, "listNo")),
        kind=_text(head, "listType"),
        agreement=_text(head, "agreementNo"),
        total=int(_text(head, "recordTotal")),
        digest=hashlib.sha256(canonical(root)).hexdigest(),
        records=tuple(_record(element) for element in root.iterchildren(f"{_NS}aeoRecord")),
    )


def read_check(payload: bytes) -> Check:
    """Read a schema-valid AeoCheck."""
    root = parse(payload)
    return Check(
        id=_text(root, "checkId"),
        number=int(_text(root, "listNo")),
        agreement=_text(root, "agreementNo"),
        total=int(_text(root, "total")),
        digest=_text(root, "digest"),
    )


def _record(element: Element) -> Record:
    present = frozenset(
        str(child.tag).removeprefix(_NS) for child in element.iterchildren("{*}*") if "".join(child.itertext()).strip()
    )
    return Record(
        code=_text(element, "aeoCode"),
        version=int(_text(element, "recordVer")),
        deletes=_text(element, "changeFlag") == "D",
        certificate=_text(element, "certNo"),
        fields=present,
        content=_content(element),
    )


def _content(element: Element) -> str:
    """Canonical text of the record's children but `changeFlag`; a deletion says nothing but that it is one."""
    if _text(element, "changeFlag") == "D":
        return "D"
    children = element.iterchildren("{*}*")
    return "".join(canonical(child).decode() for child in children if child.tag != f"{_NS}changeFlag")


def _text(element: Element, name: str) -> str:
    child = element.find(f"{_NS}{name}")
    return "" if child is None else " ".join(text_of(child).split())
