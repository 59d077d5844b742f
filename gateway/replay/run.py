"""Replays fixtures one after the other, each in a world of its own, and gathers the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter

from gateway.replay.fixture import Fixture, FixtureBroken, find_fixtures, read_fixture
from gateway.replay.play import Worlds, play
from gateway.replay.report import CAP, Difference, ReplayReport, Result, remember, remembered

Play = Callable[[Fixture], Sequence[Difference]]


def replay(
    paths: Iterable[Path],
    make_world: Worlds,
    *,
    state: Path | None = None,
    only_failed: bool = False,
    told: Callable[[Result], None] = lambda _result: None,
) -> ReplayReport:
    """Play every fixture at or below `paths` in memory. Never raises for what a fixture holds.

    `make_world` comes from `worlds(registry)`. `state` is a file that keeps which fixtures did not pass; with
    `only_failed` just those are played. `told` is called after each fixture.
    """
    return run_each(
        _chosen(paths, state, only_failed=only_failed),
        lambda fixture: play(fixture, make_world(fixture)),
        state=state,
        told=told,
    )


def run_each(
    folders: Iterable[Path],
    play_one: Play,
    *,
    state: Path | None = None,
    told: Callable[[Result], None] = lambda _result: None,
) -> ReplayReport:
    """Read and play each folder in order; remember in `state` which did not pass."""
    results = []
    for folder in folders:
        result = _result(folder, play_one)
        told(result)
        results.append(result)
    report = ReplayReport(results=tuple(results))
    if state is not None and results:
        remember(state, report)
    return report


def _chosen(paths: Iterable[Path], state: Path | None, *, only_failed: bool) -> list[Path]:
    folders = find_fixtures(paths)
    if not only_failed or state is None:
        return folders
    failed = set(remembered(state))
    return [folder for folder in folders if folder in failed]


def _result(folder: Path, play_one: Play) -> Result:
    started = perf_counter()
    try:
        fixture = read_fixture(folder)
        found = play_one(fixture)
    except FixtureBroken as error:
        return Result(
            fixture=folder.name, folder=folder, outcome="broken", reason=str(error), seconds=perf_counter() - started
        )
    return Result(
        fixture=fixture.name,
        folder=folder,
        outcome="failed" if found else "passed",
        why=fixture.why,
        differences=tuple(found[:CAP]),
        total=len(found),
        seconds=perf_counter() - started,
    )
