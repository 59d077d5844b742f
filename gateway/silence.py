"""The consequence of silence: what an asker is told when nobody answered in time. Never "approved"."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from gateway.errors import GatewayError
from gateway.mapping import translate
from gateway.model import CorridorId, Delivery, Entry
from gateway.notice import own_entry
from gateway.pipeline import context_of
from gateway.schema import check
from gateway.setup import Setup


class Overdue(Protocol):
    """Where deliveries without an answer are found and marked."""

    def overdue(self) -> list[Delivery]:
        """Deliveries whose corridor wants an answer that did not come by its time."""
        ...

    def silence(self, entry: UUID, corridor: CorridorId, *, means: str, notice: Entry | None = None) -> bool:
        """Say it once, with what the asker is told, in one transaction."""
        ...


def tell_silence(source: Overdue, setup: Setup) -> int:
    """Tell every asker whose answer is overdue what that means (`Corridor.silence`); how many were told.

    The message is made from the question by the corridor's own table, so that it is an answer in the asker's words.
    """
    told = 0
    for delivery in source.overdue():
        corridor = setup.corridors[delivery.corridor]
        if corridor.silence is None:
            continue
        try:
            message = _message(delivery, setup)
        except GatewayError as error:
            setup.log("silence-not-told", entry=str(delivery.entry.id), code=error.code, detail=error.detail)
            message = None
        told += source.silence(delivery.entry.id, delivery.corridor, means=corridor.silence.means, notice=message)
    return told


def _message(delivery: Delivery, setup: Setup) -> Entry:
    corridor, entry_id = setup.corridors[delivery.corridor], setup.ids()
    silence = corridor.silence
    assert silence is not None  # noqa: S101 - the caller looked
    context = {**context_of(delivery, corridor), "relates_to": delivery.entry.claims.message_id,
               "message_id": f"urn:uuid:{entry_id}", "now": _iso(setup)}  # fmt: skip
    payload = translate(delivery.entry.document.payload, setup.translations[silence.mapping], context)
    return own_entry(entry_id, delivery.entry, check(payload, silence.gives, setup.schemas), setup)


def _iso(setup: Setup) -> str:
    return setup.clock().isoformat().replace("+00:00", "Z")
