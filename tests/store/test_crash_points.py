"""Killed before and after every write and every sending: nothing acknowledged is lost, no effect is doubled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.shell.evidence import verify_chains
from tests.store.crash.page import page
from tests.store.crash.play import ELSEWHERE, POINTS, Ending, Play
from tests.store.crash.points import NAMES
from tests.store.crash.stage import Stage

PAGE = Path(__file__).parents[2] / "docs" / "crash-points.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One town for all points."""
    with Stage(Path(tmp_path_factory.mktemp("stage"))) as standing:
        yield standing


@pytest.fixture(scope="module")
def play(stage: Stage) -> Play:
    return Play(stage)


@pytest.fixture(scope="module")
def endings() -> dict[str, Ending]:
    """What was found so far."""
    return {}


@pytest.mark.parametrize("point", POINTS)
def test_a_death_at_this_point_changes_nothing_for_anybody(play: Play, endings: dict[str, Ending], point: str) -> None:
    """After a new start and a repetition, receiver and sender have what they would have had, once."""
    ending = play.run(point)
    endings[point] = ending
    assert (ending.lost, ending.doubled, ending.same) == (0, 0, True), ending


@pytest.mark.parametrize("point", ["worker.keep.after", "worker.send.after"])
def test_a_worker_that_wakes_up_late_is_fenced(play: Play, point: str) -> None:
    """Another has finished its message meanwhile: it sends nothing, it writes nothing, and then it serves again."""
    assert play.pause(point) == []


def test_the_evidence_holds_after_all_those_deaths(stage: Stage) -> None:
    """Every link and every kept byte."""
    with stage.open_store() as store:
        assert verify_chains(store).broken is None


def test_the_page_is_what_this_run_found(endings: dict[str, Ending]) -> None:
    """Every row of docs/crash-points.md, but what depends on how fast the machine is."""
    if set(endings) != set(POINTS):
        pytest.skip("not every point was played in this run")
    kept = PAGE.read_text("utf-8")
    assert without_repeats(kept) == without_repeats(page(endings[point] for point in POINTS))


def without_repeats(text: str) -> str:
    """The page without what a slow machine may see otherwise: who knew already, and what was sent again."""
    return re.sub(r"\| (?:yes|no) (\| [0-9]+ \| [0-9]+ )\| (?:yes|no) (\| (?:yes|no) \|\n)", r"\1\2", text)


def test_every_statement_that_writes_has_a_point_or_a_reason() -> None:
    """A new statement of the shell is named here, or in the list of those that need none."""
    steps = {word for point in POINTS for word in point.split(".")[1].replace("-answer", "").split("+")}
    missing = {name for name in NAMES.values() if name.lower() not in steps and name not in ELSEWHERE}
    assert not missing
