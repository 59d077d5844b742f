"""The chain of events in memory: each link is made over its own words and the link before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

START: Final = hashlib.sha256(b"chain 0").digest()
"""What the first link is linked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One event. `digest` is that of the bytes it is about; `link` that of its words after `previous`."""

    seq: int
    at: datetime
    event: str
    entry: UUID | None
    digest: bytes | None
    detail: Mapping[str, str]
    previous: bytes
    link: bytes

    def words(self) -> str:
        """What the link is made over, one field a line; detail is last, so that no value can look like another."""
        return "\n".join(
            (
                "0",
                str(self.seq),
                self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                self.event,
                str(self.entry or "-"),
                self.digest.hex() if self.digest else "-",
                json.dumps(dict(self.detail), ensure_ascii=False, sort_keys=True),
            )
        )

    def holds(self) -> bool:
        """True when the link is made over these words and no others."""
        return self.link == hashlib.sha256(self.previous + self.words().encode()).digest()


class Evidence:
    """A growing chain."""

    def __init__(self) -> None:
        self.links: list[Link] = []

    def add(
        self, at: datetime, event: str, entry: UUID | None, digest: bytes | None, detail: Mapping[str, str]
    ) -> None:
        """Append one event."""
        previous = self.links[-1].link if self.links else START
        bare = Link(
            seq=len(self.links) + 1, at=at, event=event, entry=entry, digest=digest, detail=dict(detail),
            previous=previous, link=b"",
        )  # fmt: skip
        link = hashlib.sha256(previous + bare.words().encode()).digest()
        self.links.append(replace(bare, link=link))


def first_break(links: Sequence[Link]) -> int | None:
    """The number of the first link that does not hold, or None for a whole chain."""
    previous = START
    for at, link in enumerate(links, 1):
        if link.seq != at or link.previous != previous or not link.holds():
            return at
        previous = link.link
    return None
