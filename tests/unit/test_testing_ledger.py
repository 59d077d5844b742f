"""What the gateway in memory has beyond the ports: a chain to check, ids that count, partners that can be scripted.

The promises both ledgers share are in `tests/contract/test_every_ledger.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import UUID

import pytest

from gateway.errors import DeliveryFailed, InternalError, ReceiptInvalid
from gateway.lifecycle import State
from gateway.model import Claims, Corridor, CorridorId, DocumentType, MessageId, PartnerId, Profile, Schema, Wire
from gateway.pipeline import forward
from gateway.reception import receive
from gateway.schema import Schemas
from gateway.seal.profiles import read_answer
from gateway.testing import (
    Answer,
    Arrival,
    FrozenClock,
    LoopCourier,
    MemoryLedger,
    World,
    as_answered,
    counting_ids,
    first_break,
    make_trust,
    make_world,
    receipt,
    refuses,
    rejects,
    send_as,
    times_out,
    unsigned,
)
from tests.builders import CUSTOMS, HEALTH, NOW, a_sealed, a_verified, an_entry, some_claims, some_corridors

STYLES: list[Profile] = ["soap-gw-1", "rest-gw-1"]
XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:test:1"
  elementFormDefault="qualified"><xs:element name="Q" type="xs:string"/></xs:schema>"""
QUERY = DocumentType("LPCO_QUERY")


def small_world(style: Profile) -> World:
    """One corridor, one schema, nothing translated."""
    schema = Schema(document=QUERY, namespace="urn:test:1", root="Q", path="q.xsd", version="1")
    corridor = Corridor(id=CorridorId("ask"), sender=CUSTOMS, receiver=HEALTH, takes=QUERY, gives=QUERY)
    rules = SimpleNamespace(
        schemas=Schemas([schema], lambda _path: XSD), corridors={corridor.id: corridor}, translations={}
    )
    return make_world(rules, NOW, seed="small", profiles={CUSTOMS: style, HEALTH: style})


def ask(world: World, style: Profile) -> int:
    """Customs sends its question; the status of our answer."""
    claims = Claims(
        message_id=MessageId("urn:uuid:1"), action="urn:swgw:action:LPCO_QUERY", to="", sender=CUSTOMS, receiver=HEALTH
    )
    payload = '<Q xmlns="urn:test:1"> Қ </Q>'.encode()
    _, wire = send_as(world.trust, payload, claims, style, at=world.clock(), nonce="n-1")
    return receive(wire, style, world.setup).status


def tell(world: World) -> None:
    """Forward the one delivery that waits for the ministry."""
    (delivery,) = world.ledger.due(HEALTH)
    forward(delivery, world.setup)


@pytest.mark.parametrize("style", STYLES)
def test_a_message_goes_all_the_way(style: Profile) -> None:
    """The partner proves our seal, we prove its receipt, and the chain of events holds."""
    world = small_world(style)
    assert ask(world, style) in (200, 202)
    tell(world)
    (kept,) = world.ledger.deliveries.values()
    assert (kept.state, kept.code) == (State.DELIVERED, "accepted")
    assert [arrival.verified.payload for arrival in world.courier.arrivals] == [
        '<Q xmlns="urn:test:1"> Қ </Q>'.encode()
    ]
    assert [link.event for link in world.ledger.events] == ["accepted", "sealed", "delivered", "receipt"]
    assert first_break(world.ledger.events) is None


@pytest.mark.parametrize("style", STYLES)
def test_a_partner_that_rejects_ends_the_delivery(style: Profile) -> None:
    world = small_world(style)
    world.courier.script(HEALTH, rejects("not ours"))
    ask(world, style)
    tell(world)
    states = [kept.state for kept in world.ledger.deliveries.values()]
    assert states == [State.REFUSED, State.QUEUED]
    assert [link.event for link in world.ledger.events][-2:] == ["refused-by-partner", "notice"]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "answer",
    [times_out, unsigned(502, b"<html/>"), refuses(InternalError("down"))],
    ids=["times-out", "proxy", "own-fault"],
)
def test_trouble_is_tried_again_with_the_same_bytes(style: Profile, answer: Answer) -> None:
    """Whatever the trouble was, the second attempt carries what was kept of the first."""
    world = small_world(style)
    world.courier.script(HEALTH, answer)
    ask(world, style)
    with pytest.raises(DeliveryFailed):
        tell(world)
    tell(world)
    first, second = world.courier.arrivals
    assert first.sealed == second.sealed
    assert world.ledger.due(HEALTH) == []


@pytest.mark.parametrize("style", STYLES)
def test_a_sender_can_prove_our_refusal(style: Profile) -> None:
    """A refusal of a proven sender is signed, a Fault as well as problem+json."""
    world = small_world(style)
    claims = Claims(
        message_id=MessageId("urn:uuid:1"), action="urn:swgw:action:LPCO_QUERY", to="", sender=CUSTOMS, receiver=HEALTH
    )
    sent, wire = send_as(world.trust, b'<Q xmlns="urn:unknown"/>', claims, style, at=world.clock(), nonce="n-1")
    answer = receive(wire, style, world.setup)
    gateway = world.trust.gateway_for(style)
    proven = read_answer(as_answered(answer, world.clock()), sent, gateway, world.clock())
    assert "schema.unknown" in proven.payload.decode()


@pytest.mark.parametrize("style", STYLES)
def test_a_receipt_for_another_message_is_not_believed(style: Profile) -> None:
    world = small_world(style)

    def about_another(courier: LoopCourier, arrival: Arrival) -> Wire:
        other = tuple(replace(one, digest="AAAA") for one in arrival.verified.references)
        return receipt(courier, replace(arrival, verified=replace(arrival.verified, references=other)))

    world.courier.script(HEALTH, about_another)
    ask(world, style)
    with pytest.raises(ReceiptInvalid):
        tell(world)


def test_nobody_at_an_endpoint_is_a_failed_delivery() -> None:
    world = small_world("soap-gw-1")
    with pytest.raises(DeliveryFailed):
        world.courier.deliver("https://nobody.test/", a_sealed())


def test_a_changed_event_breaks_the_chain() -> None:
    """Whatever is changed, taken away or put in another order is found at its place."""
    ledger = MemoryLedger(some_corridors(), clock=FrozenClock(NOW), ids=counting_ids())
    for number in range(4):
        entry = an_entry(UUID(int=number), some_claims(f"urn:uuid:{number}"))
        ledger.enter(entry, a_verified(entry.claims), a_sealed(), {})
    links = ledger.events
    assert first_break(links) is None
    assert first_break([*links[:2], replace(links[2], event="delivered"), links[3]]) == 3
    assert first_break([*links[:1], *links[2:]]) == 2
    assert first_break([links[1], links[0], *links[2:]]) == 1
    assert first_break([replace(links[0], detail={}), *links[1:]]) == 1


def test_ids_count_from_their_seed() -> None:
    """The same seed gives the same ids, in rising order, and in the form of UUIDv7."""
    first, again, other = counting_ids("a"), counting_ids("a"), counting_ids("b")
    found = [first() for _ in range(3)]
    assert found == [again() for _ in range(3)] == sorted(found)
    assert other() not in found
    assert {one.version for one in found} == {7}


def test_given_ids_come_first() -> None:
    ids = counting_ids("a", [UUID(int=5)])
    assert ids() == UUID(int=5)
    assert ids() == counting_ids("a")()


def test_a_clock_stands_until_it_is_moved() -> None:
    clock = FrozenClock(datetime(2026, 11, 23, 11, tzinfo=timezone(timedelta(hours=5))))
    assert clock() == clock() == datetime(2026, 11, 23, 6, tzinfo=UTC)
    clock.advance(timedelta(minutes=1))
    assert clock() == datetime(2026, 11, 23, 6, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="zone"):
        FrozenClock(datetime(2026, 11, 23))  # noqa: DTZ001


def test_keys_stay_the_same_in_one_process() -> None:
    name = PartnerId("customs_kz")
    assert make_trust({name: "soap-gw-1"}).partners == make_trust({name: "soap-gw-1"}).partners
    with pytest.raises(Exception, match="no key"):
        make_trust({name: "soap-gw-1"}).keyring.key("ed25519")


def test_a_message_can_be_given_the_id_it_leaves_with() -> None:
    ledger = MemoryLedger(some_corridors(), clock=FrozenClock(NOW), ids=counting_ids())
    entry = an_entry(UUID(int=1), some_claims("urn:uuid:1"))
    ledger.name_outgoing(CUSTOMS, entry.claims.message_id, MessageId("urn:uuid:chosen"))
    ledger.enter(entry, a_verified(entry.claims), a_sealed(), {})
    (delivery,) = ledger.due(HEALTH)
    assert delivery.message_id == "urn:uuid:chosen"
    ledger.keep(delivery, a_sealed())
    assert ledger.outgoing(MessageId("urn:uuid:chosen"), HEALTH) == entry
