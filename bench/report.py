"""Tables of results: printed for people, kept as JSON, and written into the documentation from that JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Cell = str | float | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One measured thing. The first column of a row names what was measured; figures are shown as they are."""

    name: str
    title: str
    method: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Report:
    """A run: where and with what it ran, and its tables."""

    machine: dict[str, str]
    effort: str
    tables: list[Table] = field(default_factory=list)

    def as_json(self) -> str:
        """The run as a file keeps it."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


def read_report(file: Path) -> Report:
    """A run kept by `as_json`."""
    kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
    tables = [_table(table) for table in kept["tables"]]
    return Report(machine=kept["machine"], effort=kept["effort"], tables=tables)


def _table(kept: dict[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in kept["rows"])
    return Table(**{**kept, "columns": tuple(kept["columns"]), "rows": rows, "notes": tuple(kept["notes"])})


def spelled(cell: Cell) -> str:
    """Three figures that count; whole numbers from a hundred on."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def in_text(report: Report) -> str:
    """The whole run for a terminal."""
    head = [f"{name}: {value}" for name, value in report.machine.items()]
    return "\n".join([*head, f"effort: {report.effort}", *(f"\n{_text(table)}" for table in report.tables)])


def _text(table: Table) -> str:
    rows = [table.columns, *(tuple(spelled(cell) for cell in row) for row in table.rows)]
    wide = [max(len(row[at]) for row in rows) for at in range(len(table.columns))]
    lines = [_line(row, wide) for row in rows]
    notes = [f"  {note}" for note in table.notes]
    return "\n".join([f"== {table.title}", f"   {table.method}", lines[0], "-" * len(lines[0]), *lines[1:], *notes])


def _line(row: Sequence[str], wide: Sequence[int]) -> str:
    first, *others = (cell.ljust(wide[0]) if at == 0 else cell.rjust(wide[at]) for at, cell in enumerate(row))
    return "  ".join([first, *others]).rstrip()


def in_markdown(report: Report) -> str:
    """The generated part of the documentation."""
    machine = "; ".join(f"{name} {value}" for name, value in report.machine.items())
    parts = [f"Measured with: {machine}. Effort: {report.effort}."]
    for table in report.tables:
        parts += [f"### {table.title}", table.method, _markdown(table), *(f"- {note}" for note in table.notes)]
    return "\n\n".join(parts)


def _markdown(table: Table) -> str:
    head = f"| {' | '.join(table.columns)} |"
    rule = f"|---|{'---:|' * (len(table.columns) - 1)}"
    rows = (f"| {' | '.join(spelled(cell) for cell in row)} |" for row in table.rows)
    return "\n".join([head, rule, *rows])
