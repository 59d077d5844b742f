"""How long bodies stand among the facts of a row: what is known of them, and under which name their pieces are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.model import Entry, Large, Sealed

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


@dataclass(slots=True)
class Stretch:
    """A part of a long body, and the event that says what it is: `accepted` of a document, `sealed` of what left."""

    event: str
    at: int
    left: int
    hashed: Any = field(default_factory=hashlib.sha256)

    def update(self, octets: bytes) -> None:
        """The next piece of the whole."""
        mine = octets[self.at : self.at + self.left]
        self.hashed.update(mine)
        self.at = max(0, self.at - len(octets))
        self.left -= len(mine)


def stretch_of(event: str, facts: Mapping[str, Any]) -> Stretch:
    """Which part of a body the facts of a long document name."""
    return Stretch(event, int(facts.get("at", 0)), int(facts["size"]))


class Hashed:
    """SHA-256 of a long body that comes in pieces, and of its stretches."""

    def __init__(self, stretches: Iterable[Stretch] = ()) -> None:
        self.whole = hashlib.sha256()
        self.stretches = tuple(stretches)

    def update(self, octets: bytes) -> None:
        """The next piece."""
        self.whole.update(octets)
        for one in self.stretches:
            one.update(octets)


def named(at: datetime, entry: UUID, part: str, large: Large) -> Large:
    """A long body as the ledger knows it."""
    return replace(large, name=f"{at.isoformat()} {entry} {part}", source=None)


def around(sealed: Sealed) -> dict[str, str]:
    """What the evidence says of the octets around a long document: their SHA-256, and where in them it stands."""
    if sealed.large is None or not sealed.body:
        return {}
    return {"around": f"{hashlib.sha256(sealed.body).hexdigest()} {sealed.split}"}


def kept(entry: Entry) -> Entry:
    """The entry as it will be read again: a long document is that of the ledger."""
    large = entry.document.large
    if large is None:
        return entry
    mine = named(entry.received_at, entry.id, WIRE, large)
    return replace(entry, document=replace(entry.document, large=mine))
