"""The bytes that are kept of a message, each under a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from gateway.model import Large
from gateway.shell.pages import MessageStory

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Exact bytes of one step. `kind` names it in words, `corridor` tells the ways apart."""

    id: str
    kind: str
    body: bytes
    at: datetime
    media: str
    corridor: str = ""
    large: Large | None = None
    """Bytes that are too many to be held: they stand in `body`, which is empty or short then, at `split`."""
    split: int = 0

    @property
    def digest(self) -> str:
        """SHA-256, hex."""
        return sha256(self.body).hexdigest() if self.large is None else self.large.digests["sha256"]

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.body) + (self.large.size if self.large else 0)

    def file_name(self, entry: object) -> str:
        """What a download is called: letters, digits, points and dashes only."""
        known = (end for end in ("json", "pdf", "png", "jpeg", "tiff") if self.media.partition(";")[0].endswith(end))
        ending = next(known, "xml")
        return _UNSAFE.sub("-", f"{entry}-{self.id}") + f".{ending}"


def parts_of(story: MessageStory) -> tuple[Part, ...]:
    """In the order in which they came to be."""
    return tuple(_parts(story))


def part_of(story: MessageStory, wanted: str) -> Part | None:
    """The part of that id, the first one for an empty id."""
    parts = parts_of(story)
    return next((part for part in parts if part.id == wanted), None) if wanted else parts[0]


def _came(document: Large, facts: Mapping[str, Any]) -> Large:
    """All of what came, of which a long document may be a stretch."""
    return replace(document, at=0, size=facts["size"], digests={"sha256": facts["digest"]}) if document.at else document


def _parts(story: MessageStory) -> Iterator[Part]:
    received, document = story.entry.received_at, story.entry.document.payload
    large = story.entry.document.large
    came = large and _came(large, story.wire_facts)
    if story.wire is not None or came is not None:
        media = str(story.wire_facts.get("content_type", ""))
        yield Part(id="received", kind="received", body=story.wire or b"", at=received, media=media, large=came)
    if document != story.wire if large is None else large != came:
        yield Part(id="document", kind="document", body=document, at=received, media="application/xml", large=large)
    if story.answer is not None:
        answer = story.answer
        yield Part(id="answer", kind="answer", body=answer.body, at=received, media=answer.content_type)
    for kept in story.sealed:
        yield Part(
            id=f"sent-{kept.corridor}-{kept.number}", kind="sent", body=kept.sealed.body, at=kept.kept_at,
            media=kept.sealed.content_type, corridor=kept.corridor, large=kept.sealed.large,
            split=kept.sealed.split,
        )  # fmt: skip
    for number, told in enumerate(story.receipts, 1):
        yield Part(
            id=f"receipt-{told.corridor}-{number}", kind="receipt", body=told.receipt.body, at=told.kept_at,
            media="", corridor=told.corridor,
        )  # fmt: skip
