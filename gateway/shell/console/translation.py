"""A translation shown value by value: where it came from and by which rule of which table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from gateway.errors import GatewayError
from gateway.mapping import Trace, explain
from gateway.model import CorridorId
from gateway.pipeline import context_of
from gateway.refusal import finding_members
from gateway.shell.console.house import House
from gateway.shell.console.reads import way

MOST: Final = 400
"""Values shown of one document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """What a corridor makes of a message now. `findings` instead of values when it cannot be translated."""

    corridor: str
    table: str
    takes: str
    gives: str
    traces: tuple[Trace, ...] = ()
    total: int = 0
    code: str = ""
    findings: tuple[Mapping[str, Any], ...] = ()


def translated(house: House, entry: UUID, corridor: str) -> Translated:
    """The document run through the table again; nothing is stored or sent. Raises MessageUnknown."""
    known = house.setup.corridors[CorridorId(corridor)]
    delivery = way(house.store, entry, corridor)
    shown = Translated(corridor=corridor, table=known.mapping, takes=known.takes, gives=known.gives)
    try:
        _, traces = explain(
            delivery.entry.document.payload, house.setup.translations[known.mapping], context_of(delivery, known)
        )
    except GatewayError as error:
        return replace(shown, code=error.code, findings=tuple(finding_members(one) for one in error.findings))
    return replace(shown, traces=traces[:MOST], total=len(traces))
