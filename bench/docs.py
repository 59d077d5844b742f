"""Writes the measured tables into docs/performance.md: `python -m bench.docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.documents import ROOT
from bench.goals import goals_of
from bench.report import Report, in_markdown, read_report

PAGE: Final = ROOT / "docs" / "performance.md"
RESULTS: Final = ROOT / "bench" / "results" / "measured.json"
BEGIN: Final = "<!-- measured: written by `python -m bench.docs` from bench/results/measured.json -->"
END: Final = "<!-- end of measured -->"


def written(page: str, report: Report) -> str:
    """The page with the tables of this run between its two marks. Raises ValueError when it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no place for the tables")
    told = Report(machine=report.machine, effort=report.effort, tables=[goals_of(report), *report.tables])
    return f"{before}{begin}\n\n{in_markdown(told)}\n\n{end}{after}"


def keep(report: Report, results: Path = RESULTS, page: Path = PAGE) -> None:
    """Keep a run and show it on the page."""
    results.parent.mkdir(exist_ok=True)
    results.write_text(report.as_json(), "utf-8")
    page.write_text(written(page.read_text("utf-8"), report), "utf-8")


if __name__ == "__main__":
    keep(read_report(RESULTS))
