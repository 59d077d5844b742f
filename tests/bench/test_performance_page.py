"""The page shows the run that is kept, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.docs import BEGIN, EARLIER, END, PAGE, RESULTS, keep, written
from bench.goals import goals_of
from bench.line import OURS
from bench.report import Report, Table, read_report


def a_report(ours: float, zeep: float) -> Report:
    """A run of one table with two rows."""
    rows = ((OURS, "6 KB", "RSA-2048", 1.0, ours, "-"), ("zeep.wsse + lxml", "6 KB", "RSA-2048", 1.0, zeep, "-"))
    columns = ("candidate", "message", "key", "CPU µs", "× floor", "middle half")
    table = Table(name="line", title="The line", method="m", columns=columns, rows=rows)
    return Report(machine={"python": "3"}, effort="full", tables=[table])


def test_the_page_shows_the_kept_run() -> None:
    """Nobody edits a figure by hand."""
    page = PAGE.read_text("utf-8")
    assert written(page, read_report(RESULTS)) == page, "run: python -m bench.docs"


def test_the_kept_run_was_a_full_one() -> None:
    """Quick figures are never shown."""
    report = read_report(RESULTS)
    assert report.effort == "full"
    assert {"verify", "sign", "line", "mapping", "accept", "http", "delivery"} <= {t.name for t in report.tables}


def test_keeping_a_run_changes_only_what_stands_between_the_marks(tmp_path: Path) -> None:
    """The words around the tables are written by people."""
    page, results = tmp_path / "page.md", tmp_path / "results" / "run.json"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    keep(a_report(2.0, 5.0), results, page)
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| 6 KB | RSA-2048 |" in text
    assert read_report(results) == a_report(2.0, 5.0)


def test_a_table_that_was_not_measured_again_says_of_when_it_is(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "run.json"
    page.write_text(f"{BEGIN}\n{END}\n", "utf-8")
    keep(replace(a_report(2.0, 5.0), machine={"date": "2026-11-01", "processor": "P, load 9"}), results, page)
    for _ in range(2):
        fresh = a_report(3.0, 6.0)
        keep(replace(fresh, tables=[replace(fresh.tables[0], name="other", title="Another")]), results, page)
    old = next(table for table in read_report(results).tables if table.name == "line")
    assert old.notes == (f"{EARLIER} 2026-11-01; P, load 9.",)


def test_a_page_without_marks_is_refused() -> None:
    """Nothing is lost silently."""
    with pytest.raises(ValueError, match="no place"):
        written("words", a_report(1.0, 1.0))


def test_goals_are_judged_by_the_run() -> None:
    """A goal is met at its limit and not above; one that the run says nothing of is left out."""
    rows = goals_of(a_report(1.25, 3.75)).rows
    assert [row[4] for row in rows] == ["yes", "yes"]
    assert [row[4] for row in goals_of(a_report(1.26, 3.75)).rows] == ["no", "no"]


def test_figures_are_judged_where_they_stand() -> None:
    """The worst row counts where no row is named; a table that was not measured is not judged."""
    rows = (("the newest", 1.0, 20.0, 50), ("exact key", 2.0, 301.0, 1))
    columns = ("page", "p50 ms", "p99 ms", "lines")
    found = goals_of(
        Report(
            machine={"python": "3"},
            effort="full",
            tables=[Table(name="search", title="S", method="m", columns=columns, rows=rows)],
        )
    ).rows
    assert [row[2:] for row in found] == [("at most 300", 301.0, "no")]
