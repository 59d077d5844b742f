"""Writes the measured tables into docs/performance.md: `python -m bench.docs`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.documents import ROOT
from bench.goals import goals_of
from bench.report import Report, in_markdown, read_report

PAGE: Final = ROOT / "docs" / "performance.md"
RESULTS: Final = ROOT / "bench" / "results" / "measured.json"
BEGIN: Final = "<!-- measured: written by `python -m bench.docs` from bench/results/measured.json -->"
EARLIER: Final = "Of an earlier run:"
END: Final = "<!-- end of measured -->"


def written(page: str, report: Report) -> str:
    """The page with the tables of this run between its two marks. Raises ValueError when it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no place for the tables")
    told = Report(machine=report.machine, effort=report.effort, tables=[goals_of(report), *report.tables])
    return f"{before}{begin}\n\n{in_markdown(told)}\n\n{end}{after}"


def beside(report: Report, earlier: Report) -> Report:
    """A run, and the tables of an earlier one that it has not; each of these tells when and under what load it ran."""
    fresh = {table.name for table in report.tables}
    said = f"{EARLIER} {earlier.machine.get('date', '')}; {earlier.machine.get('processor', '')}."
    kept = [
        table if any(note.startswith(EARLIER) for note in table.notes) else replace(table, notes=(*table.notes, said))
        for table in earlier.tables
        if table.name not in fresh
    ]
    return replace(report, tables=[*report.tables, *kept])


def keep(report: Report, results: Path = RESULTS, page: Path = PAGE) -> None:
    """Keep a run and show it on the page. What it did not measure stays as it was, and says of when it is."""
    results.parent.mkdir(exist_ok=True)
    if results.exists():
        report = beside(report, read_report(results))
    results.write_text(report.as_json(), "utf-8")
    page.write_text(written(page.read_text("utf-8"), report), "utf-8")


if __name__ == "__main__":
    keep(read_report(RESULTS))
