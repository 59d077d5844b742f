"""A translation shown value by value: where it came from and by which rule of which table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from gateway.errors import GatewayError
from gateway.mapping import Trace, Translation, explain
from gateway.model import CorridorId
from gateway.pipeline import context_of
from gateway.refusal import finding_members
from gateway.setup import OWN_ID
from gateway.shell.console.house import House
from gateway.shell.console.provenance import MadeBy, made_by
from gateway.shell.console.reads import way
from gateway.shell.pages import MessageStory
from gateway.shell.queries import message
from gateway.silence import context_of_silence

MOST: Final = 400
"""Values shown of one document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """What a corridor makes of a message now. `findings` instead of values when it cannot be translated."""

    corridor: str
    table: str
    takes: str
    gives: str
    version: str
    digest: str
    """SHA-256 of the table's text today."""
    then: MadeBy | None = None
    """What made the document that left, where one left."""
    question: UUID | None = None
    """The question that this message of our own was made from."""
    traces: tuple[Trace, ...] = ()
    total: int = 0
    code: str = ""
    findings: tuple[Mapping[str, Any], ...] = ()


def translated(house: House, story: MessageStory, corridor: str) -> Translated:
    """The document run through the table again; nothing is stored or sent. Raises MessageUnknown."""
    known = house.setup.corridors[CorridorId(corridor)]
    delivery = way(house.store, story.entry.id, corridor)
    made = house.setup.translations[known.mapping]
    shown = Translated(
        corridor=corridor, table=known.mapping, takes=known.takes, gives=known.gives, version=made.table.version,
        digest=made.table.digest, then=made_by(story, house.setup).get(corridor),
    )  # fmt: skip
    return _run(shown, delivery.entry.document.payload, made, context_of(delivery, known))


def of_silence(house: House, story: MessageStory) -> Translated | None:
    """What we told an asker whom nobody answered, as its question makes it; None for any other message."""
    entry = story.entry
    if entry.sender != OWN_ID or entry.answers is None:
        return None
    asked = message(house.store, entry.answers)
    ways = (house.setup.corridors.get(CorridorId(one.corridor)) for one in asked.deliveries)
    for known in ways:
        if known and known.silence and known.silence.gives == entry.document.type:
            made = house.setup.translations[known.silence.mapping]
            shown = Translated(
                corridor=known.id, table=known.silence.mapping, takes=known.takes, gives=known.silence.gives,
                version=made.table.version, digest=made.table.digest, question=asked.entry.id,
            )  # fmt: skip
            context = context_of_silence(asked.entry, entry.id, entry.received_at)
            return _run(shown, asked.entry.document.payload, made, context)
    return None


def _run(shown: Translated, payload: bytes, made: Translation, context: Mapping[str, str]) -> Translated:
    try:
        _, traces = explain(payload, made, context)
    except GatewayError as error:
        return replace(shown, code=error.code, findings=tuple(finding_members(one) for one in error.findings))
    return replace(shown, traces=traces[:MOST], total=len(traces))
