"""The real line in memory: customs seals a document, the ministry gets it, and its answer comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from lxml import etree

from adapters.health_kz.simulator import Ledger
from gateway import registry
from gateway.envelope.addressing import action_of
from gateway.lifecycle import State
from gateway.model import Claims, DocumentType, MessageId, PartnerId, Profile, Sealed, Wire
from gateway.pipeline import forward
from gateway.reception import receive
from gateway.registry import Registry
from gateway.seal.profiles import seal
from gateway.testing import Arrival, World, as_received, make_world, send_as
from tests.real import Sample, text

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CUSTOMS, HEALTH = PartnerId("customs_kz"), PartnerId("health_kz")
STYLES: tuple[Profile, ...] = ("soap-gw-1", "rest-gw-1")


@cache
def rules() -> Registry:
    return registry.load()


def claims_for(kind: DocumentType, number: str) -> Claims:
    return Claims(
        message_id=MessageId(f"urn:real:{number}"), action=action_of(kind), to="", sender=CUSTOMS, receiver=HEALTH,
        conversation_id=f"talk-{number}",
    )  # fmt: skip


def posted(world: World, payload: bytes, kind: DocumentType, style: Profile, number: str) -> tuple[Sealed, Wire]:
    """Customs seals these bytes. REST carries them as they are; an envelope carries the same document in its Body."""
    claims = claims_for(kind, number)
    if style == "soap-gw-1":
        return send_as(world.trust, payload, claims, style, at=NOW, nonce=number)
    door = world.trust.gateway_for(style)
    sealed = seal(payload, claims, door, world.trust.keyrings[CUSTOMS], now=NOW, nonce=number)
    return sealed, as_received(sealed, door.endpoint, NOW)


def passed_on(world: World, lane: PartnerId) -> Arrival:
    """What the one message that waits for a partner becomes there; the partner has proven our seal."""
    (delivery,) = world.ledger.due(lane)
    forward(delivery, world.setup)
    kept = world.ledger.deliveries[delivery.entry.id, delivery.corridor]
    assert kept.state is State.DELIVERED, (kept.code, kept.detail)
    arrival = world.courier.arrivals[-1]
    assert arrival.partner == lane
    return arrival


@dataclass(frozen=True)
class Journey:
    """One real declaration there and back."""

    sample: Sample
    style: Profile
    world: World
    ministry: Ledger
    sealed: Sealed
    told: Arrival
    answered: Arrival

    @property
    def notice(self) -> etree._Element:
        return etree.fromstring(self.told.verified.payload)

    @property
    def response(self) -> etree._Element:
        (found,) = etree.fromstring(self.answered.verified.payload).iterchildren("{*}Response")
        return found

    @property
    def remarks(self) -> list[tuple[str, str, str]]:
        """Every error: its code, its pointer chain, and the document or code it names."""
        return [
            (text(node, "ValidationCode"), _chain(node), text(node, "Description"))
            for node in self.response.iterchildren("{*}Error")
        ]


def _chain(error: etree._Element) -> str:
    """`42A 67A 68A:1 02A/D006`: class ids, item number behind a colon, tag behind a slash."""
    parts = []
    for pointer in error.iterchildren("{*}Pointer"):
        number, tag = text(pointer, "SequenceNumeric"), text(pointer, "TagID")
        section = text(pointer, "DocumentSectionCode")
        parts.append(section + (f":{number}" if number else "") + (f"/{tag}" if tag else ""))
    return " ".join(parts)


def travelled(sample: Sample, style: Profile, state: Path) -> Journey:
    """Send a sample through the line, let the ministry answer, and bring the answer back."""
    world = make_world(rules(), NOW, seed=f"{sample.name} {style}", profiles={CUSTOMS: style})
    sealed, wire = posted(world, sample.payload, sample.type, style, sample.name)
    receipt = receive(wire, style, world.setup)
    assert receipt.status == (200 if style == "soap-gw-1" else 202), receipt.body.decode()
    told = passed_on(world, HEALTH)
    ministry = Ledger(str(state / "health_kz.sqlite"))
    came = told.verified
    kind = DocumentType(came.claims.action.removeprefix("urn:swgw:action:"))
    (reply,) = ministry.receive(kind, came.payload, came.claims, NOW)
    back = Claims(
        message_id=MessageId(f"urn:real:answer:{sample.name}"), action=action_of(reply.type), to="", sender=HEALTH,
        relates_to=came.claims.message_id, conversation_id=came.claims.conversation_id,
    )  # fmt: skip
    _, wire = send_as(world.trust, reply.payload, back, "soap-gw-1", at=NOW, nonce="answer")
    assert receive(wire, "soap-gw-1", world.setup).status == 200
    answered = passed_on(world, CUSTOMS)
    assert not world.causes
    return Journey(sample, style, world, ministry, sealed, told, answered)
