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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A figure of a table, in its own column, stays at or below `most`, or at or above `least`; without a row: the
    worst of all rows.
    """

    words: str
    table: str
    column: str
    row: str = ""
    most: float | None = None
    least: float = 0.0

    def wanted(self) -> str:
        """In words."""
        return f"at least {self.least:,}" if self.most is None else f"at most {self.most:,}"

    def met(self, figure: float) -> bool:
        """It is as wanted."""
        return figure >= self.least if self.most is None else figure <= self.most


MARKS: Final = (
    Mark(words="accept against a plain insert, 4 clients", table="accept", row="4 clients", column="share", least=0.7),
    Mark(
        words="the same where a flush takes 2 ms longer",
        table="accept",
        row="4 clients, a flush 2 ms longer",
        column="share",
        least=0.7,
    ),
    Mark(words="accepts a second, 4 clients", table="accept", row="4 clients", column="accepts/s", least=1500),
    Mark(words="lost by a killed worker", table="engine-drain", row="ours", column="killed: lost", most=0),
    Mark(words="accept, with a backlog and without", table="backlog", row="accept", column="full / empty", most=1.15),
    Mark(words="drain, with a backlog and without", table="backlog", row="drain", column="full / empty", most=1.15),
    Mark(words="a page of a list or a search, ms, p99", table="search", column="p99 ms", most=300),
    Mark(words="a receipt over HTTP at 70 % load, ms, p99", table="steady", column="p99 ms", most=250),
    Mark(words="errors over HTTP at 70 % load", table="steady", column="errors", most=0),
)


def goals_of(report: Report) -> Table:
    """One row per goal that the run can speak of."""
    rows = [_row(goal, report) for goal in GOALS] + [_mark(mark, report) for mark in MARKS]
    return Table(
        name="goals", title="Goals", method="From the tables below. Lines and verify: RSA-2048, ratios of CPU time.",
        columns=("goal", "message", "wanted", "measured", "met"),
        rows=tuple(row for row in rows if row is not None),
    )  # fmt: skip


def _mark(mark: Mark, report: Report) -> tuple[Cell, ...] | None:
    found = [
        float(row[table.columns.index(mark.column)])
        for table in report.tables
        for row in table.rows
        if table.name == mark.table and mark.row in ("", row[0])
    ]
    if not found:
        return None
    figure = min(found) if mark.most is None else max(found)
    return mark.words, "-", mark.wanted(), figure, "yes" if mark.met(figure) else "no"


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
