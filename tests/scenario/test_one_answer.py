"""A question has one answer where its corridor says so; lists and declarations may have many."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from gateway import registry
from gateway.model import Claims, MessageId, Sealed
from gateway.reception import receive
from gateway.replay import Fixture, Worlds, play, read_fixture, worlds
from gateway.testing import World, send_as

ADAPTERS = Path(__file__).parents[2] / "adapters"


@cache
def trees() -> Worlds:
    return worlds(registry.load())


def answered(name: str) -> tuple[Fixture, World, Claims]:
    """A world in which the question of this story has had its answer, and the claims of that answer."""
    fixture = read_fixture(ADAPTERS / name)
    world = trees()(fixture)
    assert play(fixture, world) == []
    given = [one for one in world.ledger.messages.values() if one.entry.sender == fixture.receiver]
    return fixture, world, given[-1].entry.claims


def again(fixture: Fixture, world: World, claims: Claims) -> Sealed:
    """The receiver's answer once more, with these claims."""
    assert fixture.answer is not None
    assert fixture.answer.payload is not None
    nonce = f"again {claims.message_id}"
    _, wire = send_as(world.trust, fixture.answer.payload, claims, fixture.style, at=world.clock(), nonce=nonce)
    return receive(wire, fixture.style, world.setup)


@pytest.mark.parametrize("name", ["health_kz/fixtures/10-query-ok", "health_kz/fixtures/25-reserve-12000"])
def test_a_second_answer_is_refused(name: str) -> None:
    """By a code of its own; the first stands, nothing more goes to the asker, and the refusal is recorded."""
    fixture, world, claims = answered(name)
    kept = len(world.ledger.messages)
    told = again(fixture, world, replace(claims, message_id=MessageId("urn:uuid:of-another-id")))
    assert b"message.answered" in told.body
    assert len(world.ledger.messages) == kept
    assert [one.code for one in world.ledger.intakes][-1:] == ["message.answered"]


def test_the_same_answer_again_gets_its_receipt() -> None:
    """A repeat is no second answer."""
    fixture, world, claims = answered("health_kz/fixtures/10-query-ok")
    told = again(fixture, world, claims)
    assert b"message.answered" not in told.body
    assert told.status == 200


@pytest.mark.parametrize("name", ["health_kz/fixtures/24-declaration-lodged", "mra_cn/fixtures/50-full-list"])
def test_lists_and_declarations_may_have_many(name: str) -> None:
    """One answer per record or part, one objection after another."""
    fixture, world, claims = answered(name)
    kept = len(world.ledger.messages)
    told = again(fixture, world, replace(claims, message_id=MessageId("urn:uuid:of-another-id")))
    assert told.status in (200, 202)
    assert len(world.ledger.messages) == kept + 1
