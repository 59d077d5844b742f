"""Compiles the tree of a target document to functions that write it as canonical text."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from gateway.errors import Finding
from gateway.mapping.canonical import opening
from gateway.mapping.chain import COPY
from gateway.mapping.checks import check_row
from gateway.mapping.conditions import Bench, Value, condition
from gateway.mapping.converters import collapsed
from gateway.mapping.emit import (
    Attribute,
    Emit,
    Gap,
    Part,
    as_token,
    attributes_of,
    container,
    first_of,
    leaf,
    one_after_another,
)  # fmt: skip
from gateway.mapping.layout import Node, branch
from gateway.mapping.outcome import Frame, Run
from gateway.mapping.paths import Shape
from gateway.mapping.rows import Direct, Row, compile_row, sources_at
from gateway.mapping.source import Scope, frames_in, out_of, way
from gateway.mapping.table import Rule, problem

_EXACT = frozenset({"date", "decimal", "code", "scale", "round", "count", "sum", "unit"})
"""Steps whose result has no white space to collapse."""


class Writer:
    """Compiles one table's target tree; `problems` collects what cannot be, `traced` makes every value leave a mark."""

    def __init__(self, bench: Bench, target: Shape, *, traced: bool) -> None:
        self._bench = bench
        self._target = target
        self._traced = traced
        self.problems: list[Finding] = []

    def document(self, root: Node) -> Emit:
        """The function that writes the whole document."""
        chosen = frozenset(rule.id for rule in root.all_rules())
        here = self._bench.reading.document
        emit, gap = self._node(root, here, chosen, "").emit, self._gap(root, here, chosen)

        def document(frame: Frame, out: list[str], run: Run) -> bool:
            if not emit(frame, out, run):
                gap(frame, run)
            return True

        return document

    def _node(self, node: Node, here: Scope, chosen: frozenset[str], around: str) -> Part:
        groups = [group for group in node.groups if group.id in chosen]
        if not groups:
            return self._element(node, here, chosen, around)
        return Part(one_after_another([self._group(node, group, here, chosen, around) for group in groups]))

    # --- groups -------------------------------------------------------------------------------------------------------
    def _group(self, node: Node, group: Rule, here: Scope, chosen: frozenset[str], around: str) -> Emit:
        """One element for every occurrence of the group's source that its condition lets through."""
        source = group.sources[0]
        there = self._bench.reading.scope_of(source)
        outward, inward = way(here, there)
        holds = condition(self._bench, group.when, there) if group.when is not None else None
        below = branch(node, group, chosen)
        if not self._target.container(node.fact.path) and not any(rule.id in below for rule in node.rules):
            node = _copying(node, group)
            below = below | {group.id}
        emit = self._element(node, there, below, around).emit
        if node.fact.max == 1 and inward and holds is None:
            self._say(group, "cardinality", f"{source} repeats, {node.fact.name} does not", node.shown)
        gap = self._gap(node, here, chosen) if group.required else None

        def every(frame: Frame, out: list[str], run: Run) -> bool:
            wrote = False
            for inner in frames_in(out_of(frame, outward), inward, run):
                if holds is None or holds(inner, run):
                    wrote = emit(inner, out, run) or wrote
            if gap is not None and not wrote:
                gap(frame, run)
            return wrote

        return every

    # --- elements -----------------------------------------------------------------------------------------------------
    def _element(self, node: Node, here: Scope, chosen: frozenset[str], around: str) -> Part:
        self._check_children(node, chosen)
        attributes = attributes_of(self._attributes(node, here, chosen))
        start, end = opening(node.fact.name, node.fact.namespace, around), f"</{node.fact.name}>"
        if self._target.container(node.fact.path):
            return Part(container(start, end, attributes, self._children(node, here, chosen)))
        rows = self._rows(node, here, chosen)
        part = Part(leaf(start, end, self._pick(node, here, chosen, rows), attributes))
        direct = rows[0].direct if len(rows) == 1 and not rows[0].holds else None
        if direct is None or attributes is not None or self._traced:
            return part
        quiet = not rows[0].rule.required
        return part._replace(slot=direct.slot, quiet=quiet, change=direct.change, head=f"{start}>", end=end)

    def _attributes(self, node: Node, here: Scope, chosen: frozenset[str]) -> list[Attribute]:
        found: list[Attribute] = []
        for child in node.attributes():
            if any(rule.id in chosen for rule in child.rules):
                pick = self._pick(child, here, chosen, self._rows(child, here, chosen))
                found.append(
                    (f' {child.fact.name}="', pick, self._gap(child, here, chosen) if child.fact.min else None)
                )
        return found

    def _children(self, node: Node, here: Scope, chosen: frozenset[str]) -> list[Part]:
        parts: list[Part] = []
        for child in node.elements():
            if any(rule.id in chosen for rule in child.all_rules()):
                part = self._node(child, here, chosen, node.fact.namespace)
                needed = child.fact.min > 0 and child.label == 1
                gap = self._gap(child, here, chosen) if needed else None
                parts.append(part._replace(gap=gap, quiet=part.quiet and not needed))
        return parts

    def _check_children(self, node: Node, chosen: frozenset[str]) -> None:
        """Everything the schema wants inside this element must have a rule."""
        given = {
            child.fact.path for child in node.below.values() if any(rule.id in chosen for rule in child.all_rules())
        }
        for fact in self._target.below.get(node.fact.path, ()):
            if fact.min and fact.path not in given:
                reason = f"{node.fact.name} needs it and no rule gives it"
                self.problems.append(problem(self._bench.table, 0, "", "target-missing", reason, path=fact.path))

    # --- values -------------------------------------------------------------------------------------------------------
    def _pick(self, node: Node, here: Scope, chosen: frozenset[str], rows: list[Row]) -> Value:
        """The first rule that applies and yields a value wins."""
        gap = self._gap(node, here, chosen) if any(row.rule.required for row in rows) else None
        if len(rows) == 1 and rows[0].holds is None and gap is None and not self._traced:
            return rows[0].value
        return first_of(rows, gap, marked=self._traced)

    def _rows(self, node: Node, here: Scope, chosen: frozenset[str]) -> list[Row]:
        rules = [rule for rule in node.rules if rule.id in chosen]
        for rule, after in pairwise(rules):
            if rule.constant is not None and rule.when is None:
                self._say(after, "unreachable", f"never reached: {rule.id} always gives a value", node.shown)
        return [row for rule in rules for row in self._row(node, rule, here)]

    def _row(self, node: Node, rule: Rule, here: Scope) -> list[Row]:
        """The compiled rule; none when something is wrong with it."""
        wrong = list(check_row(self._bench, rule, here))
        for kind, reason in wrong:
            self._say(rule, kind, reason, rule.sources[0])
        if wrong:
            return []
        try:
            row = compile_row(self._bench, rule, here)
        except ValueError as error:
            self._say(rule, "converter", str(error), node.shown)
            return []
        return [_as_token(row) if self._to_collapse(node, rule) else row]

    def _to_collapse(self, node: Node, rule: Rule) -> bool:
        """True when the target is token-like and the value may not be."""
        if rule.constant is not None or not self._target.tokens(node.fact.path):
            return False
        if rule.steps:
            return rule.steps[-1].name not in _EXACT
        shape = self._bench.reading.shape
        return any(not source.startswith("$") and not shape.tokens(source) for source in rule.sources)

    # --- findings -----------------------------------------------------------------------------------------------------
    def _gap(self, node: Node, here: Scope, chosen: frozenset[str]) -> Gap:
        rules = [rule for rule in node.all_rules() if rule.id in chosen]
        bench = self._bench

        def gap(frame: Frame, run: Run) -> None:
            places: list[str] = []
            for rule in rules:
                places += [at for at in sources_at(bench, rule, here, frame, run)[0] if at not in places]
            run.wrong(
                "required", node.shown, fact=node.fact, table=bench.table, source=", ".join(places[:5]),
                rule=", ".join(rule.id for rule in rules[:5]), line=str(rules[0].line) if rules else "",
                reason="required and empty",
            )  # fmt: skip

        return gap

    def _say(self, rule: Rule, kind: str, reason: str, path: str) -> None:
        self.problems.append(problem(self._bench.table, rule.line, rule.id, kind, reason, path=path))


def _copying(node: Node, group: Rule) -> Node:
    """A leaf that a group repeats without a further rule takes the text of the occurrence."""
    copy = Node(node.fact, node.label, node.shown)
    copy.rules = [replace(group, steps=(), when=None, required=False, note=COPY)]
    copy.below = node.below
    return copy


def _as_token(row: Row) -> Row:
    """The row with white space collapsed, on the fast way too."""
    direct = row.direct
    if direct is not None:
        change = direct.change
        direct = Direct(direct.slot, (lambda text: collapsed(change(text))) if change else collapsed)
    return replace(row, value=as_token(row.value), direct=direct)
