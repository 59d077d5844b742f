"""Plays one fixture in a world of its own: the message, and the answer or the silence that follows it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.envelope.addressing import action_of
from gateway.errors import GatewayError
from gateway.model import (
    Claims,
    DocumentType,
    Entry,
    MessageId,
    Partner,
    PartnerCertificate,
    Sealed,
    Wire,
)
from gateway.replay.blame import blamer
from gateway.replay.fixture import Answer, Captured, Fixture, FixtureBroken
from gateway.replay.report import Difference
from gateway.replay.walk import Leg, arrival_of, differing, empty_lanes, walk
from gateway.seal.profiles import open_envelope
from gateway.silence import tell_silence
from gateway.testing import Arrival, KeptDelivery, World, make_world, send_as
from gateway.testing.world import Rules
from gateway.xml import Element, parse, tag_of, text_of

Worlds = Callable[[Fixture], World]
"""Makes the world a fixture plays in: frozen at its time, its ids counted from its name."""


def worlds(rules: Rules) -> Worlds:
    """Worlds over these rules; every party speaks the style of the fixture."""

    def world(fixture: Fixture) -> World:
        first = (fixture.entry_id,) if fixture.entry_id else ()
        parties = {fixture.sender: fixture.style, fixture.receiver: fixture.style}
        made = make_world(rules, fixture.now, seed=fixture.message_id, first_ids=first, profiles=parties)
        made.ledger.name_outgoing(fixture.sender, fixture.message_id, fixture.sent_id)
        return made

    return world


def play(fixture: Fixture, world: World) -> list[Difference]:
    """Every difference, hop by hop. Raises FixtureBroken when the fixture cannot be played at all."""
    claims = Claims(
        message_id=fixture.message_id,
        action=action_of(fixture.type),
        to="",
        sender=fixture.sender,
        receiver=fixture.receiver,
        conversation_id=fixture.conversation_id,
        relates_to=fixture.relates_to,
    )
    if fixture.captured:
        world, wire = _captured(fixture, fixture.captured, world)
        sent = None
    else:
        sent, wire = _sent(fixture, fixture.payload, claims, world)
    leg = Leg(
        hops=("accept", "out"), claims=claims, wire=wire, sent=sent, style=fixture.style, expect=fixture.expect,
        findings=fixture.findings, out=fixture.out,
    )  # fmt: skip
    walked = walk(leg, world)
    if fixture.answer is None or walked.arrival is None or walked.delivery is None:
        return walked.differences
    follow = _silence if fixture.silent else _answer
    return walked.differences + follow(fixture, fixture.answer, walked.delivery, world)


def _sent(fixture: Fixture, payload: bytes, claims: Claims, world: World) -> tuple[Sealed, Wire]:
    return send_as(
        world.trust, payload, claims, fixture.style, at=world.clock(), nonce=f"{claims.sender}-{claims.message_id}"
    )


def _answer(fixture: Fixture, answer: Answer, asked: KeptDelivery, world: World) -> list[Difference]:
    """The receiver's own signed message about what it got, and what the asker makes of it."""
    if answer.payload is None:
        return []
    world.clock.advance(answer.now - world.clock())
    claims = Claims(
        message_id=answer.message_id or MessageId(f"{fixture.message_id}.answer"),
        action=action_of(_type_of(answer.payload, world)),
        to="",
        sender=fixture.receiver,
        receiver=fixture.sender,
        conversation_id=asked.entry.claims.conversation_id,
        relates_to=asked.message_id,
    )
    sent, wire = _sent(fixture, answer.payload, claims, world)
    leg = Leg(
        hops=("answer", "answer-out"), claims=claims, wire=wire, sent=sent, style=fixture.style, expect=answer.expect,
        findings=answer.findings, out=answer.out,
    )  # fmt: skip
    walked = walk(leg, world)
    return walked.differences + (_got(answer, walked.arrival) if walked.arrival else [])


def _silence(_fixture: Fixture, answer: Answer, asked: KeptDelivery, world: World) -> list[Difference]:
    """Nobody answers until the corridor says what that means."""
    silence = world.setup.corridors[asked.corridor].silence
    if silence is None:
        raise FixtureBroken(f"case.toml: silent, but corridor {asked.corridor} says nothing about silence")
    world.clock.advance(silence.after)
    tell_silence(world.ledger.overdue(), world.ledger.silence, world.setup)
    empty_lanes(world)
    told = [one for one in world.ledger.deliveries.values() if one.entry.answers == asked.entry.id]
    if not told:
        return [Difference(hop="answer-out", kind="code", path="", expected="told", got="nothing")]
    arrival = arrival_of(told[0], world)
    blame = blamer(
        world.setup.translations[silence.mapping], asked.entry.document.payload, _silence_context(told[0].entry, asked)
    )
    found = differing("answer-out", answer.out, arrival.verified.payload, blame) if answer.out else []
    return found + _got(answer, arrival)


def _silence_context(told: Entry, asked: KeptDelivery) -> dict[str, str]:
    """The context in which what was told was made."""
    now = told.received_at.isoformat().replace("+00:00", "Z")
    return {
        "message_id": told.claims.message_id,
        "relates_to": asked.entry.claims.message_id,
        "conversation_id": told.claims.conversation_id,
        "sender": told.sender,
        "receiver": asked.entry.sender,
        "entry_id": str(asked.entry.id),
        "now": now,
        "received_at": now,
    }


def _got(answer: Answer, arrival: Arrival) -> list[Difference]:
    """The type and the values that the asker must get."""
    hop, action = "answer-out", arrival.verified.claims.action
    found = []
    if answer.type and action != action_of(answer.type):
        found.append(Difference(hop=hop, kind="type", path="", expected=action_of(answer.type), got=action))
    root = parse(arrival.verified.payload)
    for path, value in answer.values.items():
        values = values_at(root, path)
        if value not in values:
            found.append(Difference(hop=hop, kind="value", path=f"/{path}", expected=value, got=", ".join(values)))
    return found


def values_at(root: Element, path: str) -> list[str]:
    """The texts at a path of local names from the root, attributes as `@name`, in the order of the document."""
    first, *steps = path.strip("/").split("/")
    here = [root] if _local(root) == first else []
    for step in steps:
        if step.startswith("@"):
            return [str(value) for element in here if (value := element.get(step[1:])) is not None]
        here = [child for element in here for child in element.iterchildren("{*}*") if _local(child) == step]
    return [text_of(element).strip(" \t\r\n") for element in here]


def _local(element: Element) -> str:
    return tag_of(element).rpartition("}")[2]


def _type_of(payload: bytes, world: World) -> DocumentType:
    """What the receiver would call its answer; an unknown document gets a name that is refused by itself."""
    try:
        return world.setup.schemas.recognise(parse(payload)).document
    except GatewayError:
        return DocumentType("UNKNOWN")


def _captured(fixture: Fixture, captured: Captured, world: World) -> tuple[World, Wire]:
    """The bytes as they came, and a world that knows the certificate they were signed with."""
    told = captured.headers
    wire = Wire(
        body=captured.body,
        content_type=str(told.get("content_type", "")),
        peer=str(told.get("peer", "")),
        received_at=fixture.now,
        method=str(told.get("method", "POST")),
        authority=str(told.get("authority", "")),
        target=str(told.get("target", "")),
        headers=tuple((str(name).lower(), str(value)) for name, value in told.get("headers", ())),
    )
    sender = _signer(world.setup.partners[fixture.sender], captured)
    try:
        to = open_envelope(wire, fixture.style).claims.to
    except GatewayError:
        to = ""
    setup = replace(
        world.setup,
        partners={**world.setup.partners, sender.id: sender},
        addresses=world.setup.addresses | {to, wire.authority},
    )
    return replace(world, setup=setup), wire


def _signer(partner: Partner, captured: Captured) -> Partner:
    try:
        certificates = [_der(pem) for pem in captured.certificates]
        anchors = tuple(_der(pem) for pem in captured.anchors)
    except ValueError as error:
        raise FixtureBroken(f"case.toml [wire]: {error}") from None
    known = tuple(PartnerCertificate(der=der, sha256=hashlib.sha256(der).hexdigest()) for der in certificates)
    return replace(partner, certificates=known or partner.certificates, anchors=anchors or partner.anchors)


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
