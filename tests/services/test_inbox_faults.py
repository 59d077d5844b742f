"""A fault of ours in one message does not close the box behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from gateway.errors import ReceiptRefused
from gateway.lifecycle import State
from gateway.model import Delivery, MessageId, PartnerId
from gateway.shell.inbox_door import FAULTS_ALLOWED, InboxDoor
from gateway.shell.ledger import PostgresLedger
from gateway.shell.patience import Patience
from gateway.shell.rows import delivery_of
from tests.builders import a_sealed, a_verified, a_wire, some_claims
from tests.running import Running
from tests.services.clients import Clients
from tests.services.test_rest_door import emptied, own_receipt

HEALTH = PartnerId("health_kz")


def asked(clients: Clients, conversation: str) -> UUID:
    """The entry of a question to the ministry."""
    _, receipt = clients.send_soap("customs_kz", "LPCO_QUERY", conversation_id=conversation)
    return UUID(str(receipt.ReceiptID).removeprefix("urn:uuid:"))


def way(running: Running, entry: UUID) -> Delivery:
    """Its delivery as it is now."""
    return delivery_of(running.store.fetch("select * from delivery_way where entry = %s", [entry])[0])


def change(running: Running, what: str, entry: UUID) -> None:
    """Something that is not ours to do has happened to a delivery, or time has passed."""
    statement = f"update delivery set {what} where entry = %s"  # noqa: S608 - a text of these tests
    running.store.run(lambda connection: connection.execute(statement, [entry]))


def message_id(entry: UUID, running: Running) -> str:
    """Of our envelope."""
    return way(running, entry).message_id


def test_a_fault_of_ours_lets_one_message_wait_and_what_may_not_overtake_it(gateway: Running, clients: Clients) -> None:
    """Its corridor went with an upgrade: others are handed out, it is tried again, and in the end it is told."""
    ministry = emptied(clients, "health_kz")
    broken, bound, other = asked(clients, "fault-1"), asked(clients, "fault-1"), asked(clients, "fault-2")
    change(gateway, "corridor = 'gone'", broken)
    pulled = ministry.pull()
    assert pulled is not None
    assert pulled.headers["gw-message-id"] == message_id(other, gateway)
    ministry.acknowledge(pulled)
    assert ministry.pull() is None
    later = asked(clients, "fault-1")
    assert ministry.pull() is None, "a message overtook one that it is bound to"
    for attempt in range(2, FAULTS_ALLOWED + 1):
        assert way(gateway, broken).attempt == attempt
        for entry in (broken, bound, later):
            change(gateway, "next_at = 'epoch'", entry)
        pulled = ministry.pull()
    assert pulled is not None
    for entry in (bound, later):
        pulled = ministry.pull()
        assert pulled is not None
        assert pulled.headers["gw-message-id"] == message_id(entry, gateway)
        ministry.acknowledge(pulled)
    status = clients.rest("customs_kz").status(f"/api/v1/messages/{broken}")
    assert (status["state"], status["deliveries"][0]["code"]) == ("failed", "internal")


def test_what_was_made_to_be_pushed_is_made_again_to_be_pulled(gateway: Running, clients: Clients) -> None:
    """A partner that has given up its endpoint: while an envelope to it is still good that message waits."""
    ministry = emptied(clients, "health_kz")
    first, second = asked(clients, "push-1"), asked(clients, "push-2")
    now = gateway.house.setup.clock()
    for entry, expires in ((first, now + timedelta(hours=1)), (second, now - timedelta(hours=1))):
        gateway.house.ledger.keep(way(gateway, entry), a_sealed(b"<Envelope/>", headers=(), expires_at=expires))
    pulled = ministry.pull()
    assert pulled is not None
    assert pulled.headers["gw-message-id"] == message_id(second, gateway)
    assert pulled.headers["gw-action"] == "HEALTH_PERMIT_QUERY"
    ministry.acknowledge(pulled)
    assert ministry.pull() is None
    gateway.store.run(lambda connection: connection.execute("update outgoing set expires_at = 'epoch'"))
    change(gateway, "next_at = 'epoch'", first)
    assert emptied(clients, "health_kz").pull() is None
    assert gateway.store.fetch("select state from delivery where entry = %s", [first])[0]["state"] == State.DELIVERED


class Meanwhile:
    """A ledger in which a delivery ends in another way just before it is settled."""

    def __init__(self, ledger: PostgresLedger, end: State) -> None:
        self._ledger = ledger
        self._end = end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def settle(self, delivery: Delivery, state: State, **given: Any) -> None:
        """The other was faster."""
        self._ledger.settle(delivery, self._end)
        self._ledger.settle(delivery, state, **given)


@pytest.mark.parametrize("end", [State.EXPIRED, State.FAILED, State.DELIVERED])
def test_a_receipt_that_comes_as_the_delivery_ends_is_answered_for_that_end(
    gateway: Running, clients: Clients, end: State
) -> None:
    """As one that comes a moment later."""
    ministry = emptied(clients, "health_kz")
    entry = asked(clients, "race")
    pulled = ministry.pull()
    assert pulled is not None
    house = gateway.house
    setup = replace(house.setup, ledger=Meanwhile(house.ledger, end))
    door = InboxDoor(replace(house, setup=setup), Patience(1))
    of = message_id(entry, gateway)
    wire = replace(a_wire(own_receipt(of, pulled.content)), content_type="application/xml")
    said = a_verified(some_claims("r", sender=HEALTH, receiver=None), wire.body, wire=wire)
    verified = replace(said, profile="rest-gw-1", partner=house.setup.partners[HEALTH])
    if end == State.DELIVERED:
        assert door.acknowledge(verified, MessageId(of)).status == 204
    else:
        with pytest.raises(ReceiptRefused, match=f"ended before as {end}"):
            door.acknowledge(verified, MessageId(of))
