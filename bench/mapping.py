"""Translating: our table engine against lxml's XSLT of the same rules, both ending in canonical octets."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from bench import dense_table, wide_table
from bench.documents import SIZES, declaration
from bench.measure import Call, Effort, compare
from bench.report import Cell, Table
from bench.verify import rows
from gateway.mapping import Translation, translate
from gateway.xml import canonical, parse

FLOOR = "lxml XSLT: parse + transform + C14N"
METHOD = (
    "Octets in, canonical octets out; both results are compared before. The same rules: rename, canonical decimal, "
    "date, code list, cut. Ours includes the strict parse; XSLT has one template per rule."
)
_DENSE_ITEMS = {"6 KB": 1, "50 KB": 9, "1 MB": 180}
_COLUMNS = ("candidate", "message", "CPU µs", "× XSLT", "middle half")


def tables(effort: Effort, sizes: list[str]) -> Iterator[Table]:
    """A table of declarations and one of documents in which every rule works."""
    wide, dense = len(wide_table.carried()), len(dense_table.translation().table.rules)
    yield Table(
        name="mapping", title=f"Translate a declaration by {wide} rules", method=METHOD, columns=_COLUMNS,
        rows=_rows(effort, {size: declaration(SIZES[size]) for size in sizes}, wide_table.translation(),
                   wide_table.stylesheet()),
    )  # fmt: skip
    yield Table(
        name="mapping-dense", title=f"Translate a document in which all of {dense} rules work",
        method=f"As above. {_dense_words(sizes)}", columns=_COLUMNS,
        rows=_rows(effort, {size: dense_table.document(_DENSE_ITEMS[size]) for size in sizes},
                   dense_table.translation(), dense_table.stylesheet()),
    )  # fmt: skip


def _dense_words(sizes: list[str]) -> str:
    lengths = (f"{size}: {len(dense_table.document(_DENSE_ITEMS[size])):,} octets" for size in sizes)
    return f"The documents are made up ({'; '.join(lengths)})."


def _rows(
    effort: Effort, payloads: dict[str, bytes], table: Translation, sheet: etree.XSLT
) -> tuple[tuple[Cell, ...], ...]:
    found: list[tuple[Cell, ...]] = []
    for size, payload in payloads.items():
        timed = compare(_candidates(payload, table, sheet), effort)
        found += (row[:2] + row[3:] for row in rows(timed, size, "", lambda _name: FLOOR))
    return tuple(found)


def _candidates(payload: bytes, table: Translation, sheet: etree.XSLT) -> dict[str, Call]:
    calls: dict[str, Call] = {
        FLOOR: lambda: canonical(sheet(parse(payload)).getroot()),
        "ours: the table": lambda: translate(payload, table, wide_table.CONTEXT),
    }
    first, second = (call() for call in calls.values())
    if first != second:
        raise AssertionError("the table and the stylesheet differ")
    tree = parse(payload)
    return {
        **calls, "lxml XSLT: transform alone, parsed tree at hand": lambda: sheet(tree),
        "parse alone": lambda: parse(payload),
    }  # fmt: skip
