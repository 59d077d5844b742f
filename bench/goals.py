"""What we want of the figures, and whether a run shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.line import OURS as LINE
from bench.report import Cell, Report, Table
from bench.verify import OURS as VERIFY

ZEEP: Final = "zeep.wsse + lxml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A row of a table stays at or below `most` times its floor; with `slower`, that row takes `least` times ours."""

    words: str
    table: str
    candidate: str
    message: str
    most: float = 0.0
    slower: str = ""
    least: float = 0.0


GOALS: Final = (
    *(
        Goal(words="verify, all checks, against the C calls", table="verify", candidate=VERIFY, message=size, most=most)
        for size, most in {"6 KB": 1.3, "50 KB": 1.15, "1 MB": 1.05}.items()
    ),
    *(
        Goal(words="the whole line against the C calls", table="line", candidate=LINE, message=size, most=1.25)
        for size in ("6 KB", "50 KB", "1 MB")
    ),
    Goal(words="the line with zeep against ours", table="line", candidate=LINE, message="6 KB", slower=ZEEP, least=3.0),
)


def goals_of(report: Report) -> Table:
    """One row per goal that the run can speak of."""
    return Table(
        name="goals", title="Goals", method="RSA-2048. Ratios of CPU time from the tables below.",
        columns=("goal", "message", "wanted", "measured", "met"),
        rows=tuple(row for goal in GOALS if (row := _row(goal, report)) is not None),
    )  # fmt: skip


def _row(goal: Goal, report: Report) -> tuple[Cell, ...] | None:
    ours = _share(goal.table, goal.candidate, goal.message, report)
    if ours is None:
        return None
    if not goal.slower:
        return goal.words, goal.message, f"at most {goal.most}", ours, "yes" if ours <= goal.most else "no"
    other = _share(goal.table, goal.slower, goal.message, report)
    if other is None:
        return None
    times = other / ours
    return goal.words, goal.message, f"at least {goal.least}", times, "yes" if times >= goal.least else "no"


def _share(table: str, candidate: str, message: str, report: Report) -> float | None:
    """The ratio to the floor, the fifth column of these tables."""
    for found in report.tables:
        for row in found.rows if found.name == table else ():
            if row[:3] == (candidate, message, "RSA-2048"):
                return float(row[4])
    return None
