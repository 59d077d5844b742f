"""A mapping table, checked against both schemas and compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import ConfigurationError, Finding
from gateway.facts.fact import FactTable
from gateway.mapping.checks import check_paths, code_lists_of
from gateway.mapping.codes import CodeList
from gateway.mapping.conditions import Bench
from gateway.mapping.emit import Emit, careful
from gateway.mapping.layout import lay_out
from gateway.mapping.outcome import Frame
from gateway.mapping.paths import Shape
from gateway.mapping.source import Reading
from gateway.mapping.spoken import Spoken
from gateway.mapping.swift import Swift
from gateway.mapping.table import MapTable, problem
from gateway.mapping.write import Writer
from gateway.model import Converter
from gateway.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Translation:
    """A compiled table; `codes` gives the version of every code list it uses. Safe to share between threads."""

    table: MapTable
    codes: Mapping[str, str]
    root: str
    """QName of the source's root element."""
    read: Callable[[Element], Frame]
    write: Emit
    write_traced: Emit
    swift: Swift | None
    """The same faster, as long as there is nothing to say against a document; None for a stylesheet."""
    bench: Bench
    target: Shape
    silent: frozenset[str] = frozenset()
    """Paths of the source that can hold a value and of which no rule speaks, not even to drop them."""
    stylesheet: bool = False
    """True: a stylesheet makes the document; the table has no rows, and values cannot tell where they come from."""


def compile_table(
    table: MapTable,
    source: FactTable,
    target: FactTable,
    converters: Mapping[str, Converter],
    codes: Mapping[str, CodeList],
) -> Translation:
    """The translation that a table describes, ready to run.

    Raises ConfigurationError with one finding per problem, never only the first: `mapping.path` (no such path),
    `mapping.kind` (element, attribute or container do not fit), `mapping.cardinality`, `mapping.sources`,
    `mapping.converter`, `mapping.unreachable`, `mapping.target-missing` (the schema wants it, no rule gives it).
    """
    from_shape, to_shape = Shape(source), Shape(target)
    wrong = list(check_paths(table.rules, from_shape, to_shape, table.name))
    bad = {rule.id for rule, _ in wrong}
    problems = [finding for _, finding in wrong]
    rules = [rule for rule in table.rules if rule.id not in bad and not rule.drop]
    groups = frozenset(rule.sources[0] for rule in rules if rule.each)
    bench = Bench(Reading(from_shape, groups), converters, codes, table.name)
    tree = lay_out(rules, to_shape)
    writer = Writer(bench, to_shape)
    plan = writer.document(tree)
    problems += _without(writer.problems, bad, table)
    if problems or not rules:
        problems = problems or [problem(table.name, 1, "", "table", "no rule gives anything")]
        raise ConfigurationError(f"{table.name}: {len(problems)} problems", findings=tuple(problems))
    used = code_lists_of(table.rules)
    root = from_shape.root
    read = bench.reading.fill()
    return Translation(
        table=table,
        codes={name: codes[name].version for name in sorted(used)},
        root=f"{{{root.namespace}}}{root.name}" if root.namespace else root.name,
        read=read,
        write=careful(plan, traced=False),
        write_traced=careful(plan, traced=True),
        swift=Swift(bench.reading, read, plan),
        bench=bench,
        target=to_shape,
        silent=frozenset(Spoken(table.rules).silent(from_shape)),
    )


def _without(problems: list[Finding], bad: set[str], table: MapTable) -> list[Finding]:
    """Without repeats, and without targets that only miss a rule because that rule was refused for its path."""
    refused = {"/".join(step.partition("[")[0] for step in r.target.split("/")) for r in table.rules if r.id in bad}
    found: list[Finding] = []
    for finding in problems:
        hidden = finding.rule == "mapping.target-missing" and any(path.startswith(finding.path) for path in refused)
        if not hidden and finding not in found:
            found.append(finding)
    return found
