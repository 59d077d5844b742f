"""The other side of the line in memory: partners that seal messages to us, verify ours and answer as they would."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway import receipt as receipts
from gateway import refusal
from gateway.envelope.addressing import action_of
from gateway.envelope.rest import REST_MEDIA_TYPE
from gateway.errors import DeliveryFailed, DeliveryRefused, GatewayError
from gateway.model import (
    RECEIPT_TYPE,
    SOAP12,
    WSA_ANONYMOUS,
    Claims,
    DocumentType,
    MessageId,
    PartnerId,
    Profile,
    Sealed,
    Verified,
    Wire,
)
from gateway.ports import Clock, Ids
from gateway.seal.http_signature import as_wire
from gateway.seal.profiles import fresh, open_envelope, seal, seal_answer, verify
from gateway.setup import OWN_ID
from gateway.testing.trust import Trust
from gateway.xml import canonical, parse

PEER: Final = "192.0.2.1"
_FAULT: Final = DocumentType("FAULT")


def as_received(sealed: Sealed, url: str, at: datetime, method: str = "POST") -> Wire:
    """What the other side reads off the network when these bytes were sent to `url`."""
    wire = as_wire(sealed, url, method)
    headers = (("host", wire.authority), ("content-type", wire.content_type), *wire.headers)
    lower = tuple((name.lower(), value) for name, value in headers)
    return replace(wire, headers=lower, peer=PEER, received_at=at)


def as_answered(sealed: Sealed, at: datetime) -> Wire:
    """What the asker reads off the network."""
    headers = tuple((name.lower(), value) for name, value in (("Content-Type", sealed.content_type), *sealed.headers))
    return Wire(
        body=sealed.body, content_type=sealed.content_type, peer=PEER, received_at=at, headers=headers,
        status=sealed.status,
    )  # fmt: skip


def send_as(
    trust: Trust, payload: bytes, claims: Claims, profile: Profile, *, at: datetime, nonce: str
) -> tuple[Sealed, Wire]:
    """A message that the partner `claims.sender` seals for the gateway: as it left, and as it arrives at our door.

    `payload` is well-formed XML; it leaves in canonical form. `claims.to` is filled in.
    """
    gateway = trust.gateway_for(profile)
    addressed = replace(claims, to=gateway.endpoint)
    octets = canonical(parse(payload))
    sealed = seal(octets, addressed, gateway, trust.keyrings[claims.sender], now=at, nonce=nonce)
    return sealed, as_received(sealed, gateway.endpoint, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message of ours at a partner, proven there."""

    partner: PartnerId
    verified: Verified
    sealed: Sealed
    at: datetime


Answer = Callable[["LoopCourier", Arrival], Wire]


class LoopCourier:
    """A courier (`gateway.ports.Courier`) to partners in this process.

    Each verifies our seal as it would over the network and answers with a signed receipt, or with what `script` says
    next. `arrivals` is everything that was proven, in order; a repeat appears again.
    """

    def __init__(self, trust: Trust, *, clock: Clock, ids: Ids) -> None:
        self.trust = trust
        self.clock = clock
        self.ids = ids
        self.arrivals: list[Arrival] = []
        self._scripts: dict[PartnerId, deque[Answer]] = {}
        self._doors = {partner.endpoint: partner for partner in trust.partners.values()}

    def script(self, partner: PartnerId, *answers: Answer) -> None:
        """The next answers of a partner, one per message; afterwards it gives receipts again."""
        self._scripts.setdefault(partner, deque()).extend(answers)

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """Raises DeliveryFailed when nobody is there, or where the script says so."""
        partner = self._doors.get(endpoint)
        if partner is None:
            raise DeliveryFailed(f"{endpoint}: connection refused")
        arrival = self._arrive(partner.id, partner.profile, endpoint, sealed)
        script = self._scripts.get(partner.id)
        return (script.popleft() if script else receipt)(self, arrival)

    def _arrive(self, partner: PartnerId, profile: Profile, endpoint: str, sealed: Sealed) -> Arrival:
        at, us = self.clock(), self.trust.gateway_for(profile)
        envelope = open_envelope(as_received(sealed, endpoint, at), profile)
        verified = verify(envelope, {us.id: us}, at)
        fresh(verified, at)
        arrival = Arrival(partner=partner, verified=verified, sealed=sealed, at=at)
        self.arrivals.append(arrival)
        return arrival

    def answer(
        self,
        arrival: Arrival,
        payload: bytes,
        document: DocumentType,
        *,
        status: int = 202,
        content_type: str = REST_MEDIA_TYPE,
    ) -> Wire:
        """A signed answer of the partner on the same connection."""
        claims = Claims(
            message_id=MessageId(self.ids().urn),
            action=action_of(document),
            to=WSA_ANONYMOUS,
            sender=arrival.partner,
            receiver=OWN_ID,
            conversation_id=arrival.verified.claims.conversation_id,
            relates_to=arrival.verified.claims.message_id,
        )
        keyring = self.trust.keyrings[arrival.partner]
        sealed = seal_answer(
            payload,
            claims,
            arrival.verified,
            keyring,
            now=self.clock(),
            nonce=str(self.ids()),
            status=status,
            content_type=content_type,
        )
        return as_answered(sealed, self.clock())


def receipt(courier: LoopCourier, arrival: Arrival) -> Wire:
    """The partner's signed receipt for exactly what came."""
    body = receipts.write_receipt(arrival.verified, courier.ids(), arrival.at)
    return courier.answer(arrival, body, RECEIPT_TYPE)


def refuses(error: GatewayError) -> Answer:
    """A signed refusal with this error's words: a SOAP Fault, or problem+json with its status."""

    def refused(courier: LoopCourier, arrival: Arrival) -> Wire:
        incident = courier.ids()
        if arrival.verified.profile == "soap-gw-1":
            soap = arrival.verified.soap or SOAP12
            body = canonical(refusal.fault_element(error, incident, soap))
            return courier.answer(arrival, body, _FAULT, status=refusal.fault_status(error, soap))
        body = json.dumps(refusal.problem(error, incident), ensure_ascii=False).encode()
        return courier.answer(arrival, body, _FAULT, status=error.status, content_type="application/problem+json")

    return refused


def rejects(detail: str = "not for us") -> Answer:
    """A signed refusal that blames us: it ends the delivery."""
    return refuses(_Rejected(detail))


class _Rejected(DeliveryRefused):
    """The partner says the fault is ours."""

    status, blame = 422, "sender"


def times_out(_courier: LoopCourier, _arrival: Arrival) -> Wire:
    """The message arrived, the answer is lost."""
    raise DeliveryFailed("timed out after 30 s")


def unsigned(status: int, body: bytes = b"", content_type: str = "text/html") -> Answer:
    """Something on the way answers without a seal: a proxy, a login page."""

    def answered(courier: LoopCourier, _arrival: Arrival) -> Wire:
        return Wire(body=body, content_type=content_type, peer=PEER, received_at=courier.clock(), status=status)

    return answered
