"""Deterministic replay: fixtures through the real line in memory, with every difference traced to its mapping rule."""

from gateway.replay.compare import Change, compare
from gateway.replay.fixture import Fixture, FixtureBroken, find_fixtures, read_fixture
from gateway.replay.play import Worlds, play, worlds
from gateway.replay.report import (
    BROKEN,
    DIFFERENT,
    PASSED,
    USAGE,
    Blame,
    Difference,
    ReplayReport,
    Result,
    remember,
    remembered,
)
from gateway.replay.run import replay

__all__ = [
    "BROKEN",
    "DIFFERENT",
    "PASSED",
    "USAGE",
    "Blame",
    "Change",
    "Difference",
    "Fixture",
    "FixtureBroken",
    "ReplayReport",
    "Result",
    "Worlds",
    "compare",
    "find_fixtures",
    "play",
    "read_fixture",
    "remember",
    "remembered",
    "replay",
    "worlds",
]
