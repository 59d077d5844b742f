"""The agreed window rules what we take and what we send alike: envelopes, and what is sealed again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.errors import GatewayError
from gateway.model import Profile
from gateway.testing import times_out
from tests.builders import HEALTH, NOW
from tests.unit.test_testing_ledger import ask, small_world, tell

SHORT = timedelta(seconds=60)


@pytest.mark.parametrize("profile", ["soap-gw-1", "rest-gw-1"])
def test_our_envelopes_live_as_long_as_agreed(profile: Profile) -> None:
    """Kept bytes leave again while they are fresh, and are made anew when their minute is over."""
    world = small_world(profile)
    ask(world, profile)
    world = replace(world, setup=replace(world.setup, window=SHORT))
    world.courier.script(HEALTH, times_out, times_out, times_out)
    for wait, envelopes in ((0, 1), (59, 1), (1, 2)):
        world.clock.advance(timedelta(seconds=wait))
        with pytest.raises(GatewayError):
            tell(world)
        (kept,) = world.ledger.deliveries.values()
        assert [one.expires_at for one in kept.sealed] == [NOW + SHORT * n for n in range(1, envelopes + 1)]
