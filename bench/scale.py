"""What one machine was measured to do, carried on to offices, countries and the world: `python -m bench.scale`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.docs import END, RESULTS
from bench.documents import ROOT
from bench.report import Cell, Report, read_report, spelled

PAGE: Final = ROOT / "docs" / "scale.md"
BEGIN: Final = "<!-- reckoned: written by `python -m bench.scale` from bench/results/measured.json -->"
SERVER: Final = "gateway, SOAP, RSA-2048: verified, validated, stored, receipt"
BURST: Final = "burst"
YEAR: Final = 365 * 86_400
MESSAGES: Final = 6
"""Of one item: declared and answered, a permit asked and answered, released, told to the other country."""
TWICE: Final = 2
"""Delivering is taken to cost as much as accepting; and half of every machine stays free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Items a year, and how many times the mean comes at the peak."""

    name: str
    items: float
    peak: float


TRAFFIC: Final = (
    Traffic(name="an office with 500 declarations a day", items=500 * 365, peak=10),
    Traffic(name="a country with 10 million declarations and parcels a year", items=10e6, peak=10),
    Traffic(name="the European Union", items=5.7e9, peak=4),
    Traffic(name="China", items=7e9, peak=4),
    Traffic(name="the world", items=20e9, peak=4),
)


def written(page: str, report: Report) -> str:
    """The page with what this run makes of the traffic. Raises ValueError when it has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no place for the tables")
    return "\n".join((before + begin, "", *_lines(report), "", end + after))


def keep(report: Report, page: Path = PAGE) -> None:
    """Show a run on the page."""
    page.write_text(written(page.read_text("utf-8"), report), "utf-8")


def _lines(report: Report) -> Iterator[str]:
    cost = _most(report, "http", SERVER, "server CPU ms")
    lane = _most(report, "delivery", BURST, "delivered/s")
    share = _most(report, "accept", "4 clients", "share")
    yield f"- Accepting a message of 6 KB took {spelled(cost)} ms of a core, with its share of PostgreSQL."
    yield f"- One lane delivered {spelled(lane)} messages a second, in order, on a machine that did all else too."
    yield f"- Four clients got {spelled(100 * share)} % of the plain inserts a second that this server did for them."
    yield ""
    yield "| traffic | items a year | messages/s | at the peak | cores at the peak |"
    yield "|---|---:|---:|---:|---:|"
    for one in TRAFFIC:
        mean = one.items * MESSAGES / YEAR
        busiest = mean * one.peak
        cores = max(1, round(busiest * cost / 1000 * TWICE * TWICE))
        yield f"| {one.name} | {one.items:,.0f} | {spelled(mean)} | {spelled(busiest)} | {cores:,} |"


def _most(report: Report, table: str, candidate: str, column: str) -> float:
    """A figure of the last row of this name, where most clients are at work."""
    found: list[Cell] = []
    for one in report.tables:
        if one.name == table:
            found += [row[one.columns.index(column)] for row in one.rows if row[0] == candidate]
    if not found:
        raise ValueError(f"this run has no {column} of {candidate}")
    return float(found[-1])


if __name__ == "__main__":
    keep(read_report(RESULTS))
