"""Compiles the tree of a target document to the plan by which it is written as canonical text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from gateway.errors import Finding
from gateway.mapping.canonical import opening
from gateway.mapping.chain import COPY
from gateway.mapping.checks import check_row
from gateway.mapping.conditions import Bench, condition
from gateway.mapping.layout import Node, branch
from gateway.mapping.outcome import Frame, Run
from gateway.mapping.paths import Shape
from gateway.mapping.plan import Attribute, Box, Child, Gap, Group, Groups, Leaf, Pick, Plan
from gateway.mapping.rows import Row, collapsing, compile_row, sources_at
from gateway.mapping.source import Scope, way
from gateway.mapping.table import Rule, problem

_EXACT = frozenset({"date", "decimal", "code", "scale", "round", "count", "sum", "unit"})
"""Steps whose result has no white space to collapse."""


class Writer:
    """Compiles one table's target tree; `problems` collects what cannot be."""

    def __init__(self, bench: Bench, target: Shape) -> None:
        self._bench = bench
        self._target = target
        self.problems: list[Finding] = []

    def document(self, root: Node) -> Child:
        """The plan of the whole document, and the gap to keep when nothing comes of it."""
        chosen = frozenset(rule.id for rule in root.all_rules())
        here = self._bench.reading.document
        return Child(self._node(root, here, chosen, ""), self._gap(root, here, chosen))

    def _node(self, node: Node, here: Scope, chosen: frozenset[str], around: str) -> Plan:
        groups = [group for group in node.groups if group.id in chosen]
        if not groups:
            return self._element(node, here, chosen, around)
        return Groups(tuple(self._group(node, group, here, chosen, around) for group in groups))

    # --- groups -------------------------------------------------------------------------------------------------------
    def _group(self, node: Node, group: Rule, here: Scope, chosen: frozenset[str], around: str) -> Group:
        """One element for every occurrence of the group's source that its condition lets through."""
        source = group.sources[0]
        there = self._bench.reading.scope_of(source)
        outward, inward = way(here, there)
        holds = condition(self._bench, group.when, there) if group.when is not None else None
        below = branch(node, group, chosen)
        if not self._target.container(node.fact.path) and not any(rule.id in below for rule in node.rules):
            node = _copying(node, group)
            below = below | {group.id}
        inner = self._element(node, there, below, around)
        if node.fact.max == 1 and inward and holds is None:
            self._say(group, "cardinality", f"{source} repeats, {node.fact.name} does not", node.shown)
        gap = self._gap(node, here, chosen) if group.required else None
        return Group(outward, inward, holds, inner, gap, group)

    # --- elements -----------------------------------------------------------------------------------------------------
    def _element(self, node: Node, here: Scope, chosen: frozenset[str], around: str) -> Leaf | Box:
        self._check_children(node, chosen)
        attributes = tuple(self._attributes(node, here, chosen))
        start, end = opening(node.fact.name, node.fact.namespace, around), f"</{node.fact.name}>"
        if self._target.container(node.fact.path):
            return Box(start, end, attributes, tuple(self._children(node, here, chosen)))
        return Leaf(start, end, self._pick(node, here, chosen), attributes)

    def _attributes(self, node: Node, here: Scope, chosen: frozenset[str]) -> Iterator[Attribute]:
        for child in node.attributes():
            if any(rule.id in chosen for rule in child.rules):
                gap = self._gap(child, here, chosen) if child.fact.min else None
                yield Attribute(f' {child.fact.name}="', self._pick(child, here, chosen), gap)

    def _children(self, node: Node, here: Scope, chosen: frozenset[str]) -> Iterator[Child]:
        for child in node.elements():
            if any(rule.id in chosen for rule in child.all_rules()):
                needed = child.fact.min > 0 and child.label == 1
                gap = self._gap(child, here, chosen) if needed else None
                yield Child(self._node(child, here, chosen, node.fact.namespace), gap)

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
    def _pick(self, node: Node, here: Scope, chosen: frozenset[str]) -> Pick:
        """The first rule that applies and yields a value wins."""
        rows = self._rows(node, here, chosen)
        gap = self._gap(node, here, chosen) if any(row.rule.required for row in rows) else None
        return Pick(tuple(rows), gap)

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
        return [collapsing(row) if self._to_collapse(node, rule) else row]

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
            run.carefully()
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
