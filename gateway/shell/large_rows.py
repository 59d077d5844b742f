"""How long bodies stand among the facts of a row: what is known of them, and under which name their pieces are."""

from __future__ import annotations

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
    return {} if large is None else {"large": {"size": large.size, "digests": dict(large.digests), "name": large.name}}


def large_of(facts: Mapping[str, Any]) -> Large | None:
    """What `large_facts` was made from."""
    return Large(**facts["large"]) if "large" in facts else None


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
