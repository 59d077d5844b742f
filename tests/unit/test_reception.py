"""The reception desk: whatever comes, there is an answer and a record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from gateway import registry
from gateway.model import Claims, Large, MessageId, PartnerId, Profile
from gateway.reception import admit, receive
from gateway.registry import Registry
from gateway.shell.config import TREE
from gateway.testing.partner import send_as
from gateway.testing.world import World, make_world

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CUSTOMS = PartnerId("customs_kz")
QUERY = (TREE / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_bytes()
CLAIMS = Claims(
    message_id=MessageId("urn:uuid:0196f2a0-0000-7000-8000-000000000010"), action="urn:swgw:action:LPCO_QUERY", to="",
    sender=CUSTOMS, receiver=PartnerId("health_kz"),
)  # fmt: skip


@cache
def rules() -> Registry:
    return registry.load()


def world(profile: Profile) -> World:
    return make_world(rules(), NOW, profiles={CUSTOMS: profile})


@pytest.mark.parametrize("profile", ["soap-gw-1", "rest-gw-1"])
@pytest.mark.threat("R2")
def test_the_same_id_with_other_content_is_refused_recorded_and_raises_an_alarm(profile: Profile) -> None:
    here = world(profile)
    _, first = send_as(here.trust, QUERY, CLAIMS, profile, at=NOW, nonce="1")
    _, other = send_as(here.trust, QUERY.replace(b"12000", b"12001"), CLAIMS, profile, at=NOW, nonce="2")
    assert first.body != other.body
    kept = receive(first, profile, here.setup)
    refused = receive(other, profile, here.setup)
    assert kept.status in (200, 202)
    assert refused.status in (400, 409)
    assert b"message.conflict" in refused.body
    (intake,) = here.ledger.intakes
    assert (intake.code, intake.threat, intake.alarm) == ("message.conflict", "R2", True)
    assert len(here.ledger.messages) == 1


@pytest.mark.parametrize("profile", ["soap-gw-1", "rest-gw-1"])
@pytest.mark.threat("R1")
def test_the_same_message_again_gets_the_same_receipt_byte_for_byte_however_late(profile: Profile) -> None:
    here = world(profile)
    _, wire = send_as(here.trust, QUERY, CLAIMS, profile, at=NOW, nonce="1")
    first = receive(wire, profile, here.setup)
    again = receive(replace(wire, received_at=NOW + timedelta(days=2)), profile, here.setup)
    assert (again.body, again.headers, again.status) == (first.body, first.headers, first.status)
    assert len(here.ledger.messages) == 1
    assert not here.ledger.intakes


@pytest.mark.parametrize("profile", ["soap-gw-1", "rest-gw-1"])
def test_the_settings_say_how_long_a_message_is_fresh(profile: Profile) -> None:
    """A window and a skew of this installation, not the profile's widest, decide."""
    here = world(profile)
    _, wire = send_as(here.trust, QUERY, CLAIMS, profile, at=NOW, nonce="1")
    strict = replace(here.setup, window=timedelta(seconds=30))
    assert receive(wire, profile, strict).status in (400, 401)
    early = replace(wire, received_at=NOW - timedelta(seconds=20))
    assert receive(early, profile, replace(here.setup, skew=timedelta(seconds=5))).status in (400, 401)
    assert receive(early, profile, here.setup).status in (200, 202)


def test_a_long_message_is_as_old_as_its_head_was() -> None:
    """A body that takes longer than the window, or waits for its judge, is not refused for our own slowness."""
    here = world("rest-gw-1")
    _, wire = send_as(here.trust, QUERY, CLAIMS, "rest-gw-1", at=NOW, nonce="1")
    head = replace(wire, body=b"", large=Large(size=len(wire.body)))
    went_on = admit(head, "rest-gw-1", here.setup)
    admitted = datetime.fromisoformat(dict(went_on.headers)["gw-admitted"])
    assert (went_on.status, admitted) == (100, NOW)
    come = Large(size=len(wire.body), digests={"sha256": wire.digest}, admitted=admitted)
    late = replace(head, large=come, received_at=NOW + timedelta(minutes=20))
    assert b"seal.expired" not in receive(late, "rest-gw-1", here.setup).body
    unasked = replace(late, large=replace(come, admitted=None))
    assert b"seal.expired" in receive(unasked, "rest-gw-1", here.setup).body
