"""What hinders a long message on its way is said at the door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway import registry
from gateway.errors import NoCorridor
from gateway.large import passable
from gateway.model import PartnerId
from gateway.testing.world import make_world

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_a_question_whose_silence_must_be_told_is_not_taken_long() -> None:
    """The answer of silence is made from the question by a table that needs all of it: nobody would be told."""
    setup = make_world(registry.load(), NOW).setup
    silence = next(one.silence for one in setup.corridors.values() if one.silence)
    receiver = PartnerId("mra_cn")
    plain = next(one for one in setup.corridors.values() if one.receiver == receiver)
    setup = replace(setup, partners={**setup.partners, receiver: replace(
        setup.partners[receiver], profile="rest-gw-1", format="xml")})  # fmt: skip
    way = replace(plain, mapping="", silence=None)
    passable([way], setup)
    with pytest.raises(NoCorridor) as refused:
        passable([replace(way, silence=silence)], setup)
    assert [one.rule for one in refused.value.findings] == ["route.large-table"]
