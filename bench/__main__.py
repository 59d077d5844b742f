"""Measure how fast the gateway is, beside its floors and its peers.

Every candidate of a table runs in the same rounds in turns, and a figure counts only beside the others of its run.
Say --quick to see that everything works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import accept, backlog, docs, engines, http, line, mapping, scale, verify
from bench.documents import SIZES
from bench.machine import machine
from bench.measure import FULL, QUICK
from bench.report import Report, Table, in_text, read_report

Bench = Callable[[bool], Iterator[Table]]


def _sizes(quick: bool) -> list[str]:
    return list(SIZES)[:1] if quick else list(SIZES)


BENCHES: dict[str, Bench] = {
    "verify": lambda quick: verify.tables(QUICK if quick else FULL, _sizes(quick)),
    "line": lambda quick: line.tables(QUICK if quick else FULL, _sizes(quick)),
    "mapping": lambda quick: mapping.tables(QUICK if quick else FULL, _sizes(quick)),
    "accept": lambda quick: accept.tables(quick=quick),
    "engines": lambda quick: engines.tables(quick=quick),
    "backlog": lambda quick: backlog.tables(quick=quick),
    "http": lambda quick: http.tables(quick=quick),
}


def run(names: list[str], *, quick: bool) -> Report:
    """Run benches one after another."""
    report = Report(machine=machine(), effort="quick, figures mean nothing" if quick else "full")
    for name in names:
        for table in BENCHES[name](quick):
            report.tables.append(table)
            sys.stderr.write(f"{name}: {table.title} measured\n")
    return report


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", default=["all"], help=f"{', '.join(BENCHES)} or all")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it works")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-", help="write JSON here; without a file: print it"
    )
    parser.add_argument("--record", action="store_true", help="keep the run and write it into docs/performance.md")
    given = parser.parse_args(arguments)
    unknown = set(given.what) - set(BENCHES) - {"all"}
    if unknown:
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    names = [name for name in BENCHES if name in given.what or "all" in given.what]
    report = run(names, quick=given.quick)
    sys.stdout.write(report.as_json() if given.json == "-" else in_text(report) + "\n")
    if given.json not in (None, "-"):
        Path(given.json).write_text(report.as_json(), "utf-8")
    if given.record:
        docs.keep(report)
        scale.keep(read_report(docs.RESULTS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
