"""The REST resources: submit a message, read what became of it, fetch what waits, acknowledge it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from flask import Flask, Response

from gateway.envelope.addressing import stamp
from gateway.lifecycle import State
from gateway.model import Verified
from gateway.reading import Answer, ask, in_json
from gateway.reception import admit, receive
from gateway.shell.house import House
from gateway.shell.inbox_door import InboxDoor
from gateway.shell.pages import DeliveryLine
from gateway.shell.patience import Patience, number
from gateway.shell.rest_queries import OwnMessage, own_message
from gateway.shell.wires import Wires, spell


def add_rest(app: Flask, house: House, wires: Wires) -> None:
    """Put the REST resources into the application."""
    setup, patience = house.setup, Patience(house.settings.threads // 2)
    inbox = InboxDoor(house, patience)

    @app.post("/api/v1/messages")
    def submit() -> Response:
        """One XML document under an RFC 9421 signature in; `202`, `Location` and the signed receipt out.

        Of a long one the head comes first, alone, and is told whether the rest may come.
        """
        wire = wires.wire()
        take = receive if wire.large is None or wire.large.digests else admit
        return spell(take(wire, "rest-gw-1", setup))

    @app.get("/api/v1/messages/<entry>")
    def read(entry: str) -> Response:
        """How a message stands, for the partner that sent it."""
        return spell(ask(wires.wire(), lambda verified: _status(house, patience, verified, entry), setup))

    @app.get("/api/v1/inbox")
    def pull() -> Response:
        """The next waiting message of a partner that pulls."""
        return spell(ask(wires.wire(), inbox.next, setup), setup.depot)

    @app.post("/api/v1/inbox/<message_id>/receipt")
    def acknowledge(message_id: str) -> Response:
        """A partner's signed receipt for a message it pulled."""
        return spell(ask(wires.wire(), lambda verified: inbox.acknowledge(verified, message_id), setup))


def _status(house: House, patience: Patience, verified: Verified, entry: str) -> Answer:
    query = parse_qs(verified.wire.target.partition("?")[2], keep_blank_values=True)
    seconds = number(query.get("wait", [None])[-1], "wait")
    found = patience.wait(
        seconds,
        lambda: own_message(house.store, verified.partner.id, entry),
        lambda message: message.status.state != State.QUEUED,
    )
    return in_json(status_members(found))


def status_members(message: OwnMessage) -> dict[str, Any]:
    """What a sender may know of its own message, ready for JSON."""
    status = message.status
    return {
        "id": str(message.id),
        "messageId": status.message_id,
        "type": status.type,
        "receivedAt": stamp(status.received_at),
        "state": status.state,
        "finished": all(line.state != State.QUEUED for line in status.deliveries),
        "relatesTo": message.relates_to or None,
        "conversationId": message.conversation_id or None,
        "deliveries": [_delivery(line, message) for line in status.deliveries],
    }


def _delivery(line: DeliveryLine, message: OwnMessage) -> dict[str, Any]:
    return {
        "receiver": line.receiver,
        "state": line.state,
        "attempts": line.attempts,
        "deadline": stamp(line.deadline),
        "settledAt": stamp(line.settled_at) if line.settled_at else None,
        "code": line.code or None,
        "receiptId": message.receipts.get(line.corridor),
        "answerDue": stamp(line.answer_due) if line.answer_due else None,
        "answerMessageId": message.answers.get(line.corridor),
    }
