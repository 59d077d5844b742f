"""The consequence of silence: what an asker is told when nobody answered in time. Never "approved"."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.mapping import translate
from gateway.model import CorridorId, Entry, Silence
from gateway.notice import own_entry
from gateway.refusal import any_error
from gateway.schema import check
from gateway.setup import OWN_ID, Setup


class Asked(Protocol):
    """A question whose answer should be here and is not."""

    @property
    def entry(self) -> Entry: ...
    @property
    def corridor(self) -> str: ...


class Tell(Protocol):
    """Keeps what the asker is told, once, in one transaction."""

    def __call__(self, entry: UUID, corridor: CorridorId, *, means: str, notice: Entry | None = None) -> bool: ...


def tell_silence(overdue: Iterable[Asked], tell: Tell, setup: Setup) -> int:
    """Tell every asker whose answer is overdue what that means (`Corridor.silence`); how many were told.

    The message is made from the question by the corridor's own table, so that it is an answer in the asker's words.
    Where nothing is agreed any more (the corridor went, or says nothing of silence) it is noted for a person.
    """
    told = 0
    for asked in overdue:
        corridor = setup.corridors.get(CorridorId(asked.corridor))
        silence = corridor.silence if corridor is not None else None
        if silence is None:
            setup.log("silence-not-agreed", entry=str(asked.entry.id), corridor=asked.corridor)
        means, notice = (silence.means, _try(asked, silence, setup)) if silence else ("manual", None)
        told += tell(asked.entry.id, CorridorId(asked.corridor), means=means, notice=notice)
    return told


def _try(asked: Asked, silence: Silence, setup: Setup) -> Entry | None:
    """None = it cannot be said in the asker's words; one question never keeps the others from their answer."""
    try:
        return _message(asked, silence, setup)
    except Exception as error:  # noqa: BLE001 - a table of somebody else's runs here
        found = any_error(error)
        setup.log("silence-not-told", entry=str(asked.entry.id), code=found.code, detail=found.detail, cause=error)
        return None


def context_of_silence(question: Entry, entry_id: UUID, at: datetime) -> dict[str, str]:
    """What the table of a silence may use beside the question: we answer it, as message `entry_id` of that time."""
    now = at.isoformat().replace("+00:00", "Z")
    return {
        "message_id": f"urn:uuid:{entry_id}", "relates_to": question.claims.message_id,
        "conversation_id": question.claims.conversation_id or question.claims.message_id, "sender": OWN_ID,
        "receiver": question.sender, "entry_id": str(question.id), "now": now, "received_at": now,
    }  # fmt: skip


def _message(asked: Asked, silence: Silence, setup: Setup) -> Entry:
    entry, entry_id = asked.entry, setup.ids()
    context = context_of_silence(entry, entry_id, setup.clock())
    payload = translate(entry.document.payload, setup.translations[silence.mapping], context)
    document = check(payload, silence.gives, setup.schemas, silence.gives_version)
    return own_entry(entry_id, entry, document, setup)
