"""A partner that speaks JSON at the REST door of a gateway in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gateway import registry
from gateway.envelope.addressing import action_of
from gateway.model import Claims, DocumentType, MessageId, PartnerId, Sealed, Wire
from gateway.reception import receive
from gateway.registry import Registry
from gateway.seal.http_sign import sign_request
from gateway.testing import REST_URL, World, as_received, make_world
from tests.schemas import ROOT

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CUSTOMS, HEALTH = PartnerId("customs_kz"), PartnerId("health_kz")
FIXTURES = ROOT / "adapters/health_kz/fixtures"
JSON, XML = "application/json", "application/xml"


@cache
def rules() -> Registry:
    return registry.load()


def facts_of(kind: str) -> Any:
    return rules().facts(rules().records[DocumentType(kind)])


def world(*speakers: PartnerId) -> World:
    """Customs and the ministry speak REST; `speakers` JSON."""
    return make_world(rules(), NOW, profiles={CUSTOMS: "rest-gw-1", HEALTH: "rest-gw-1"}, json=speakers)


def sealed_by(
    here: World, octets: bytes, kind: str, *, media: str = JSON, number: str = "1", accept: str = ""
) -> tuple[Sealed, Wire]:
    """What customs signs over exactly these octets, and how it arrives."""
    claims = Claims(
        message_id=MessageId(f"urn:json:{number}"), action=action_of(DocumentType(kind)), to="", sender=CUSTOMS,
        receiver=HEALTH, conversation_id=f"talk-{number}",
    )  # fmt: skip
    key = here.trust.keyrings[CUSTOMS].key("ecdsa-sha256")
    sealed = sign_request(octets, claims, key, url=REST_URL, created=NOW, nonce=number, content_type=media)
    wire = as_received(sealed, REST_URL, NOW)
    return sealed, replace(wire, headers=(*wire.headers, ("accept", accept))) if accept else wire


def posted(here: World, octets: bytes, kind: str, **how: str) -> Sealed:
    """The answer to it."""
    return receive(sealed_by(here, octets, kind, **how)[1], "rest-gw-1", here.setup)


def problem(answer: Sealed) -> dict[str, Any]:
    """A refusal, which is problem+json."""
    assert answer.content_type == "application/problem+json", answer.body
    found: dict[str, Any] = json.loads(answer.body)
    assert found["status"] == answer.status
    return found
