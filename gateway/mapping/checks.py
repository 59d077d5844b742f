"""Checks a table's rules against both schemas before anything is compiled."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import Finding
from gateway.mapping.chain import CODE, EACH
from gateway.mapping.conditions import Bench, scope_of
from gateway.mapping.converters import COMBINERS
from gateway.mapping.outcome import CONTEXT, ILLEGAL
from gateway.mapping.paths import Shape
from gateway.mapping.predicate import paths_of
from gateway.mapping.rows import UNIT, innermost_scope
from gateway.mapping.source import Scope, way
from gateway.mapping.spoken import dropped_path
from gateway.mapping.table import Rule, problem, target_steps


def check_paths(rules: tuple[Rule, ...], source: Shape, target: Shape, table: str) -> Iterator[tuple[Rule, Finding]]:
    """Every path that its schema does not have, or that names the wrong kind of thing there."""
    for rule in rules:
        for kind, reason, path in _wrong_paths(rule, source, target):
            yield rule, problem(table, rule.line, rule.id, kind, reason, path=path)


def _wrong_paths(rule: Rule, source: Shape, target: Shape) -> Iterator[tuple[str, str, str]]:
    sources = map(dropped_path, rule.sources) if rule.drop else rule.sources
    for path in (*sources, *paths_of(rule.when)):
        if path.startswith("$"):
            if path[1:] not in CONTEXT:
                yield "path", f"no context value {path}; known: {', '.join(sorted(CONTEXT))}", path
        elif path not in source.facts:
            yield "path", f"not in the source schema{_nearest(path, source)}", path
    yield from _wrong_sources(rule, source)
    if rule.target:
        yield from _wrong_target(rule, target)


def _nearest(path: str, shape: Shape) -> str:
    """The longest part of the path that does exist, as a hint."""
    while path and path not in shape.facts:
        path = path.rpartition("/")[0]
    return f"; {path} is there" if path else ""


def _wrong_sources(rule: Rule, source: Shape) -> Iterator[tuple[str, str, str]]:
    word = rule.steps[0].name if rule.steps else ""
    known = [path for path in rule.sources if path in source.facts]
    if word not in (EACH, "count") and not rule.drop:
        for path in known:
            if source.container(path):
                yield "kind", "the source holds elements, not a text", path
    if word == EACH and (rule.sources[0].startswith("$") or any(source.facts[path].attribute for path in known)):
        yield "kind", "each runs over elements", rule.sources[0]
    if word == UNIT and len(rule.sources) != 2:  # noqa: PLR2004
        yield "sources", "unit(LIST) takes two sources: quantity + unit", ""
    if rule.constant is not None and (not rule.constant or ILLEGAL.search(rule.constant)):
        yield "kind", "the constant is empty or holds a character that XML cannot carry", ""


def _wrong_target(rule: Rule, target: Shape) -> Iterator[tuple[str, str, str]]:
    steps = target_steps(rule.target)
    path = "/".join(name for name, _ in steps)
    if path not in target.facts:
        yield "path", f"not in the target schema{_nearest(path, target)}", path
        return
    if target.container(path) and not rule.each:
        yield "kind", "the target holds elements, not a text", path
    if rule.each and target.facts[path].attribute:
        yield "kind", "each makes elements", path
    for depth, (name, label) in enumerate(steps, start=1):
        at = "/".join(step for step, _ in steps[:depth])
        if label > 1 and not target.repeats(at):
            yield "cardinality", f"{name}[{label}]: this element comes only once", at


def check_row(bench: Bench, rule: Rule, here: Scope) -> Iterator[tuple[str, str]]:
    """What is wrong with how often the sources of a rule occur, seen from the scope it is evaluated in."""
    if rule.constant is not None:
        return
    innermost = innermost_scope(bench, rule, here)
    for source in rule.sources:
        if way(innermost, scope_of(bench, source, here))[1]:
            yield "sources", f"{source} repeats independently of the other sources"
            return
    inward = way(here, innermost)[1]
    takes_many = bool(rule.steps) and rule.steps[0].name in COMBINERS and len(rule.sources) == 1
    if inward and not takes_many and not _selects(bench, rule, here, innermost):
        yield "cardinality", f"{rule.sources[0]} may come more than once: use each, when, first, join, count or sum"


def _selects(bench: Bench, rule: Rule, here: Scope, innermost: Scope) -> bool:
    """True when the condition looks inside what repeats."""
    inside = {scope.path for scope in innermost.chain()} - {scope.path for scope in here.chain()}
    seen = (scope_of(bench, path, here).chain() for path in paths_of(rule.when))
    return any(scope.path in inside for chain in seen for scope in chain)


def code_lists_of(rules: tuple[Rule, ...]) -> set[str]:
    """The names of all code lists that the rules use."""
    return {step.args for rule in rules for step in rule.steps if step.name in (CODE, UNIT)}
