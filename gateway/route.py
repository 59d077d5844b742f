"""Which corridors take a document: by sender, document type, version and, where the sender named one, receiver."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import NoCorridor
from gateway.model import Claims, Corridor, Document


def route(document: Document, claims: Claims, corridors: Iterable[Corridor]) -> tuple[Corridor, ...]:
    """Every corridor this document goes through, at least one.

    A receiver named by the sender narrows the choice to that receiver; without one all subscribers get the document.
    Raises NoCorridor.
    """
    found = tuple(
        corridor
        for corridor in corridors
        if corridor.sender == claims.sender
        and corridor.takes == document.type
        and corridor.takes_version in ("", document.version)
        and claims.receiver in (None, corridor.receiver)
    )
    if not found:
        to = claims.receiver or "anyone"
        what = f"{document.type} {document.version}".strip()
        raise NoCorridor(f"no corridor takes {what} from {claims.sender} to {to}")
    return found
