"""How long bodies stand among the facts of a row: what is known of them, and under which name their pieces are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.model import Entry, Large

WIRE = "wire"
"""The part of a message that came."""


def large_facts(large: Large | None) -> dict[str, Any]:
    """What is known of a long body, to be put beside other facts; nothing for a short one."""
    if large is None:
        return {}
    known = {"size": large.size, "digests": dict(large.digests), "name": large.name}
    return {"large": known | ({"at": large.at} if large.at else {})}


def large_of(facts: Mapping[str, Any]) -> Large | None:
    """What `large_facts` was made from."""
    known = ("size", "at", "digests", "name")
    return Large(**{one: facts["large"][one] for one in known if one in facts["large"]}) if "large" in facts else None


class Hashed:
    """SHA-256 of a long body that comes in pieces, and of the stretch of it that the facts of its document name."""

    def __init__(self, facts: Mapping[str, Any] | None = None) -> None:
        known = facts or {}
        self._at, self._left = int(known.get("at", 0)), int(known.get("size", 0))
        self.whole, self.stretch = hashlib.sha256(), hashlib.sha256()
        self.has_stretch = bool(self._at)

    def update(self, octets: bytes) -> None:
        """The next piece."""
        self.whole.update(octets)
        if self.has_stretch:
            mine = octets[self._at : self._at + self._left]
            self.stretch.update(mine)
            self._at = max(0, self._at - len(octets))
            self._left -= len(mine)


def named(at: datetime, entry: UUID, part: str, large: Large) -> Large:
    """A long body as the ledger knows it."""
    return replace(large, name=f"{at.isoformat()} {entry} {part}", source=None)


def kept(entry: Entry) -> Entry:
    """The entry as it will be read again: a long document is that of the ledger."""
    large = entry.document.large
    if large is None:
        return entry
    mine = named(entry.received_at, entry.id, WIRE, large)
    return replace(entry, document=replace(entry.document, large=mine))
