"""What only the console asks of the store."""

from __future__ import annotations

from typing import Any, Final, LiteralString
from uuid import UUID

from gateway.errors import MessageUnknown
from gateway.model import Delivery
from gateway.shell.pages import IntakeLine
from gateway.shell.queries import in_utc
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store

WAY: Final[LiteralString] = "select * from delivery_way where entry = %s and corridor = %s"
INCIDENT: Final[LiteralString] = """
select incident, at, peer, claimed, size, digest, code, threat, detail, findings, alarm from intake where incident = %s
"""


def way(store: Store, entry: UUID, corridor: str) -> Delivery:
    """A delivery as the line sees it. Raises MessageUnknown."""
    found = store.fetch(WAY, [entry, corridor])
    if not found:
        raise MessageUnknown(f"no delivery of {entry} by {corridor}")
    return delivery_of(found[0])


def incident(store: Store, wanted: UUID) -> IntakeLine:
    """One refused message by its incident id. Raises MessageUnknown."""
    found = store.fetch(INCIDENT, [wanted])
    if not found:
        raise MessageUnknown(f"no incident {wanted}")
    row: dict[str, Any] = in_utc(found[0])
    return IntakeLine(**{**row, "findings": tuple(row["findings"])})
