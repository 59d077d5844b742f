"""Small makers of the words of the house, for tests: every argument has a harmless value of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from gateway.model import (
    Claims,
    Corridor,
    CorridorId,
    Document,
    DocumentType,
    Entry,
    Intake,
    MessageId,
    Partner,
    PartnerId,
    Receipt,
    Reference,
    Sealed,
    Silence,
    Verified,
    Wire,
)

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
CUSTOMS = PartnerId("customs_kz")
HEALTH = PartnerId("health_kz")
AEO = PartnerId("aeo_registry_kz")
CHINA = PartnerId("mra_cn")
GATEWAY = PartnerId("gateway")


class FrozenClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        """Move on by `timedelta(**by)` and return the new time."""
        self.now += timedelta(**by)
        return self.now


def counted_ids(start: int = 1) -> Iterator[UUID]:
    """UUIDs of version 7 that count up: the same in every run."""
    number = start
    while True:
        yield UUID(int=(0x0199_0000_0000_7000_8000 << 48) + number)
        number += 1


class CountedIds:
    """`gateway.ports.Ids` for tests."""

    def __init__(self, start: int = 1) -> None:
        self._ids = counted_ids(start)

    def __call__(self) -> UUID:
        return next(self._ids)


def a_partner(id: PartnerId = CUSTOMS, **given: object) -> Partner:
    """A partner that pushes and is pushed to."""
    rest = {"name": {"en": id}, "role": "pga", "endpoint": f"https://{id}.example/gateway", **given}
    return Partner(id=id, **rest)  # type: ignore[arg-type]


def a_wire(body: bytes = b"<Envelope/>", *, at: datetime = NOW, headers: tuple[tuple[str, str], ...] = ()) -> Wire:
    """Bytes as they came."""
    return Wire(body=body, content_type="application/soap+xml", peer="192.0.2.1", received_at=at, headers=headers)


def some_claims(message_id: str, **given: object) -> Claims:
    """Claims of a permit query from customs to the ministry."""
    rest: dict[str, object] = {
        "action": "urn:swgw:action:LPCO_QUERY",
        "to": "https://gateway.example/soap",
        "sender": CUSTOMS,
        "receiver": HEALTH,
        "created_at": NOW,
        **given,
    }
    return Claims(message_id=MessageId(message_id), **rest)  # type: ignore[arg-type]


def a_verified(claims: Claims, payload: bytes = b"<Query/>", *, wire: Wire | None = None) -> Verified:
    """What a seal proved about a payload."""
    return Verified(
        wire=wire or a_wire(b"<Envelope>" + payload + b"</Envelope>"),
        profile="soap-gw-1",
        claims=claims,
        partner=a_partner(claims.sender),
        certificate="ab" * 32,
        algorithm="rsa-sha256",
        references=(Reference(part="#body", algorithm="sha256", digest="qg=="),),
        payload=payload,
        content_digest=hashlib.sha256(payload).hexdigest(),
    )


def a_sealed(body: bytes = b"<Receipt/>", message_id: str = "urn:uuid:answer", **given: object) -> Sealed:
    """Bytes ready to leave."""
    rest: dict[str, object] = {
        "content_type": "application/soap+xml; charset=utf-8",
        "references": (Reference(part="#body", algorithm="sha256", digest="AA=="),),
        "headers": (("x-first", "1"), ("x-first", "2")),
        **given,
    }
    return Sealed(body=body, message_id=MessageId(message_id), **rest)  # type: ignore[arg-type]


def an_entry(
    id: UUID,
    claims: Claims,
    *,
    payload: bytes = b"<Query/>",
    type: str = "LPCO_QUERY",
    corridors: tuple[str, ...] = ("permit-query",),
    keys: tuple[tuple[str, str], ...] = (("permit", "KZ-77-0001"),),
    received_at: datetime = NOW,
    answers: UUID | None = None,
) -> Entry:
    """An accepted message."""
    return Entry(
        id=id,
        sender=claims.sender,
        claims=claims,
        document=Document(
            type=DocumentType(type), version="1", payload=payload, schema="xsd/lpco/lpco.xsd@00", keys=keys
        ),
        corridors=tuple(CorridorId(one) for one in corridors),
        received_at=received_at,
        answers=answers,
    )


def a_corridor(id: str, sender: PartnerId, receiver: PartnerId, **given: object) -> Corridor:
    """One way of a permit query."""
    rest: dict[str, object] = {"takes": DocumentType("LPCO_QUERY"), "gives": DocumentType("LPCO_QUERY"), **given}
    return Corridor(id=CorridorId(id), sender=sender, receiver=receiver, **rest)  # type: ignore[arg-type]


def some_corridors() -> tuple[Corridor, ...]:
    """Questions from customs to the ministry (silence after ten days), answers back, notices, lists to China."""
    silence = Silence(
        after=timedelta(days=10), means="hold", gives=DocumentType("LPCO_STATUS"), mapping="mappings/silence.csv"
    )
    return (
        a_corridor("permit-query", CUSTOMS, HEALTH, silence=silence),
        a_corridor("permit-status", HEALTH, CUSTOMS, reply=True),
        a_corridor("aeo-list", AEO, CHINA),
        a_corridor("aeo-result", CHINA, AEO, reply=True),
        a_corridor("notice-customs", GATEWAY, CUSTOMS),
    )


def a_receipt(refers_to: str, *, id: str = "urn:uuid:r-1", body: bytes = b"<Receipt/>") -> Receipt:
    """A receiver's signed word."""
    return Receipt(
        id=id,
        refers_to=MessageId(refers_to),
        decision="accepted",
        received_at=NOW,
        references=(Reference(part="#body", algorithm="sha256", digest="qg=="),),
        signer=HEALTH,
        body=body,
    )


def an_intake(incident: UUID, **given: object) -> Intake:
    """A record of a refused message."""
    rest: dict[str, object] = {
        "at": NOW,
        "peer": "192.0.2.7",
        "claimed": "customs_kz urn:uuid:claimed",
        "size": 11,
        "digest": hashlib.sha256(b"hello world").hexdigest(),
        "code": "seal.broken",
        "threat": "W1",
        "detail": "a digest does not match",
        **given,
    }
    return Intake(incident=incident, **rest)  # type: ignore[arg-type]
