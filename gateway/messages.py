"""The catalogue of messages: who says what to whom, by which key, answered by what; also those no adapter carries yet.

One table, `xsd/messages.csv`, that a customs officer can read. A message with a schema of its own there is known to the
gateway (validated, paged, twinned) before any corridor takes it; when an adapter brings the message, the adapter's word
counts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import ConfigurationError, Finding
from gateway.model import DocumentType

COLUMNS: Final = ("message", "schema", "keys", "kind", "from", "to", "key", "answer")
KINDS: Final = {
    "NT": "notification",
    "DI": "information distribution",
    "RR": "question and answer",
    "RC": "request and confirmation",
    "MO": "mutual obligation",
}
"""The exchange patterns, named as the EAEU names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One row. `schema` is a path of the tree, empty where an adapter or the format's own table says it."""

    document: DocumentType
    schema: str
    keys: Mapping[str, str]
    kind: str
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    key: str
    answers: tuple[DocumentType, ...]


def read_messages(text: str, file: str = "") -> dict[DocumentType, Message]:
    """The rows by message, in the order of the table.

    Raises ConfigurationError with one finding (`facts.columns`, params `file`, `line`, `wanted`, `found`) per problem.
    """
    problems: list[Finding] = []
    found: dict[DocumentType, Message] = {}
    for line, cells in _rows(text):
        fault = _fault(cells, found)
        if fault is not None:
            wanted, seen = fault
            params = {"file": file, "line": str(line), "wanted": wanted, "found": seen}
            problems.append(Finding(rule="facts.columns", params=params, line=line))
            continue
        message = _message(dict(zip(COLUMNS, cells, strict=True)))
        found[message.document] = message
    if problems:
        raise ConfigurationError(
            f"{len(problems)} problem(s) in the catalogue {file}".rstrip(), findings=tuple(problems)
        )
    return found


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row below the head."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    for cells in reader:
        if any(cells) and not cells[0].startswith("#") and tuple(cells) != COLUMNS:
            yield reader.line_num, [cell.strip() for cell in cells]


def _fault(cells: list[str], known: Mapping[DocumentType, Message]) -> tuple[str, str] | None:
    """What was wanted and what stands there, when a row cannot be read."""
    if len(cells) != len(COLUMNS):
        return f"{len(COLUMNS)} cells", str(len(cells))
    if not cells[0] or DocumentType(cells[0]) in known:
        return "a message that stands once", cells[0] or "nothing"
    if cells[3] not in KINDS:
        return " | ".join(KINDS), cells[3] or "nothing"
    loose = [pair for pair in _split(cells[2]) if not all(_pair(pair))]
    return ("scheme=path", loose[0]) if loose else None


def _message(row: Mapping[str, str]) -> Message:
    return Message(
        document=DocumentType(row["message"]),
        schema=row["schema"],
        keys=dict(map(_pair, _split(row["keys"]))),
        kind=row["kind"],
        senders=tuple(row["from"].split()),
        receivers=tuple(row["to"].split()),
        key=row["key"],
        answers=tuple(map(DocumentType, row["answer"].split())),
    )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()
