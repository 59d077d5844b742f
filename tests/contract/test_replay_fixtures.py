"""Every fixture of every adapter plays through the real line and comes out as it says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from gateway import registry
from gateway.replay import Worlds, find_fixtures, play, read_fixture, worlds

ROOT = Path(__file__).parents[2]
FIXTURES = find_fixtures(sorted((ROOT / "adapters").glob("*/fixtures")))


@cache
def trees() -> Worlds:
    return worlds(registry.load())


def test_there_are_fixtures() -> None:
    """An empty list would make the test below say nothing."""
    assert len(FIXTURES) >= 70


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda folder: f"{folder.parents[1].name}-{folder.name}")
def test_a_fixture_comes_out_as_it_says(folder: Path) -> None:
    fixture = read_fixture(folder)
    assert [str(difference) for difference in play(fixture, trees()(fixture))] == []
