"""What the REST resources ask of the store beside what people ask: a message by our id, a message handed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from gateway.errors import MessageUnknown
from gateway.model import Delivery, MessageId, PartnerId
from gateway.shell.own_ids import outgoing_words, uuid_of
from gateway.shell.pages import Status
from gateway.shell.queries import status
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store

OF_SENDER: Final[LiteralString] = """
select m.message_id, m.facts #>> '{claims,relates_to}' as relates_to, m.conversation_id
from delivery d join message m on m.received_at = d.received_at and m.id = d.entry
where d.entry = %s and m.sender = %s limit 1
"""
RECEIPTS: Final[LiteralString] = """
select r.corridor, r.id from delivery d join receipt r
on r.received_at = d.received_at and r.entry = d.entry and r.corridor = d.corridor
where d.entry = %s
"""
ANSWERS: Final[LiteralString] = """
select d.corridor, 'urn:uuid:' || a.out_id as id
from delivery d join delivery a on a.entry = d.answered_by and a.receiver = %s
where d.entry = %s
"""
HANDED: Final[LiteralString] = """
select w.* from delivery_way w
where w.entry between %(first)s and %(last)s and w.out_id = %(out_id)s and w.receiver = %(receiver)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMessage:
    """A sender's own message. `receipts` and `answers` are ids by corridor: what we were given, what we pass on."""

    id: UUID
    relates_to: str
    conversation_id: str
    status: Status
    receipts: dict[str, str]
    answers: dict[str, str]


def own_message(store: Store, partner: PartnerId, entry: str) -> OwnMessage:
    """The message we gave this id, if the partner sent it. Raises MessageUnknown, whosever it is otherwise (P1)."""
    known = uuid_of(entry)
    found = store.fetch(OF_SENDER, [known, partner]) if known else []
    if known is None or not found:
        raise MessageUnknown("no such message", threat="P1")
    row = found[0]
    return OwnMessage(
        id=known,
        relates_to=row["relates_to"] or "",
        conversation_id=row["conversation_id"],
        status=status(store, partner, MessageId(row["message_id"])),
        receipts={one["corridor"]: one["id"] for one in store.fetch(RECEIPTS, [known])},
        answers={one["corridor"]: one["id"] for one in store.fetch(ANSWERS, [partner, known])},
    )


def handed_out(store: Store, partner: PartnerId, message_id: str) -> tuple[Delivery, str]:
    """The delivery that our message to this partner was, and its state. MessageUnknown unless handed out (R6)."""
    known = uuid_of(message_id)
    found = store.fetch(HANDED, outgoing_words(known) | {"receiver": partner}) if known else []
    if not found or found[0]["sealed_facts"] is None:
        raise MessageUnknown("no such message was handed out", threat="R6")
    return delivery_of(found[0]), found[0]["state"]
