"""A refusal that cannot be recorded, for whatever reason, is still a refusal in the sender's own protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway import registry
from gateway.errors import DatabaseAway
from gateway.model import Intake, Profile, Wire
from gateway.reception import receive
from gateway.testing.ledger import MemoryLedger
from gateway.testing.world import make_world
from tests.builders import NOW


class FullLedger(MemoryLedger):
    """It takes no record."""

    trouble: Exception

    def refuse(self, intake: Intake) -> None:
        raise self.trouble


@pytest.mark.parametrize(
    "trouble", [DatabaseAway("gone"), RuntimeError("cannot execute INSERT in a read-only transaction")]
)
@pytest.mark.parametrize("profile", ["soap-gw-1", "rest-gw-1"])
def test_the_sender_is_told_what_was_wrong_and_the_log_why_nothing_was_kept(
    trouble: Exception, profile: Profile
) -> None:
    world = make_world(registry.load(), NOW)
    ledger = FullLedger(world.setup.corridors.values(), clock=world.clock, ids=world.setup.ids)
    ledger.trouble = trouble
    said: list[tuple[str, dict[str, Any]]] = []
    setup = replace(world.setup, ledger=ledger, log=lambda event, **words: said.append((event, words)))
    wire = Wire(body=b"<x", headers=(), content_type="text/xml", received_at=NOW, peer="192.0.2.1")
    refused = receive(wire, profile, setup)
    assert refused.status in {400, 500}
    assert b"envelope." in refused.body
    assert [words["cause"] for event, words in said if event == "intake-not-recorded"] == [trouble]
