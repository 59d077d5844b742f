"""Compiles the tree of a target document to functions that write it as canonical text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from gateway.errors import Finding
from gateway.mapping.canonical import escaped, escaped_attribute, opening
from gateway.mapping.chain import COPY
from gateway.mapping.checks import check_row
from gateway.mapping.conditions import Bench, Value, condition
from gateway.mapping.converters import collapsed
from gateway.mapping.layout import Node, branch
from gateway.mapping.outcome import REFUSED, Frame, Run
from gateway.mapping.paths import Shape
from gateway.mapping.rows import Row, compile_row, sources_at
from gateway.mapping.source import Scope, frames_in, out_of, way
from gateway.mapping.table import Rule, problem

Emit = Callable[[Frame, list[str], Run], bool]
"""Writes an element into the list; False when there was nothing to write."""
Gap = Callable[[Frame, Run], None]
"""Keeps the finding that a required target stays empty."""
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
        emit, gap = self._node(root, self._bench.reading.document, chosen, "")

        def document(frame: Frame, out: list[str], run: Run) -> bool:
            if not emit(frame, out, run):
                gap(frame, run)
            return True

        return document

    def _node(self, node: Node, here: Scope, chosen: frozenset[str], around: str) -> tuple[Emit, Gap]:
        gap = self._gap(node, here, chosen)
        groups = [group for group in node.groups if group.id in chosen]
        if not groups:
            return self._element(node, here, chosen, around), gap
        emits = [self._group(node, group, here, chosen, around) for group in groups]
        return (emits[0] if len(emits) == 1 else _one_after_another(emits)), gap

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
        emit = self._element(node, there, below, around)
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
    def _element(self, node: Node, here: Scope, chosen: frozenset[str], around: str) -> Emit:
        attributes = [
            (
                f' {attribute.fact.name}="',
                self._pick(attribute, here, chosen),
                self._required_gap(attribute, here, chosen),
            )
            for attribute in node.attributes()
            if any(rule.id in chosen for rule in attribute.rules)
        ]
        self._check_children(node, chosen)
        start = opening(node.fact.name, node.fact.namespace, around)
        if self._target.container(node.fact.path):
            return self._container(node, here, chosen, start, attributes)
        pick = self._pick(node, here, chosen)
        if attributes:
            return _leaf_with(start, f"</{node.fact.name}>", pick, _attributes(attributes))
        return _leaf(f"{start}>", f"</{node.fact.name}>", pick)

    def _container(
        self, node: Node, here: Scope, chosen: frozenset[str], start: str, attributes: list[Attribute]
    ) -> Emit:
        parts: list[tuple[Emit, Gap | None]] = []
        for child in node.elements():
            if not any(rule.id in chosen for rule in child.all_rules()):
                continue
            emit, gap = self._node(child, here, chosen, node.fact.namespace)
            parts.append((emit, gap if child.fact.min and child.label == 1 else None))
        return _container(start, f"</{node.fact.name}>", _attributes(attributes) if attributes else None, parts)

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
    def _pick(self, node: Node, here: Scope, chosen: frozenset[str]) -> Value:
        """The first rule that applies and yields a value wins."""
        rules = [rule for rule in node.rules if rule.id in chosen]
        rows = [row for rule in rules for row in self._row(node, rule, here)]
        gap = self._gap(node, here, chosen) if any(rule.required for rule in rules) else None
        for rule, after in pairwise(rules):
            if rule.constant is not None and rule.when is None:
                self._say(after, "unreachable", f"never reached: {rule.id} always gives a value", node.shown)
        if len(rows) == 1 and rows[0].holds is None and gap is None and not self._traced:
            return rows[0].value
        return _picking(rows, gap, marked=self._traced)

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
        return [replace(row, value=_token(row.value)) if self._to_collapse(node, rule) else row]

    def _to_collapse(self, node: Node, rule: Rule) -> bool:
        """True when the target is token-like and the value may not be."""
        if rule.constant is not None or not self._target.tokens(node.fact.path):
            return False
        if rule.steps:
            return rule.steps[-1].name not in _EXACT
        shape = self._bench.reading.shape
        return any(not source.startswith("$") and not shape.tokens(source) for source in rule.sources)

    # --- findings -----------------------------------------------------------------------------------------------------
    def _required_gap(self, node: Node, here: Scope, chosen: frozenset[str]) -> Gap | None:
        return self._gap(node, here, chosen) if node.fact.min else None

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


Attribute = tuple[str, Value, Gap | None]


def _copying(node: Node, group: Rule) -> Node:
    """A leaf that a group repeats without a further rule takes the text of the occurrence."""
    copy = Node(node.fact, node.label, node.shown)
    copy.rules = [replace(group, steps=(), when=None, required=False, note=COPY)]
    copy.below = node.below
    return copy


def _token(value: Value) -> Value:
    def token(frame: Frame, run: Run) -> str | None:
        text = value(frame, run)
        return text if text is None or text is REFUSED else collapsed(text) or None

    return token


def _picking(rows: list[Row], gap: Gap | None, *, marked: bool) -> Value:
    def pick(frame: Frame, run: Run) -> str | None:
        for row in rows:
            if row.holds is None or row.holds(frame, run):
                text = row.value(frame, run)
                if text is not None:
                    if marked:
                        run.marks.append((row, frame, text))
                    return text
        if gap is None:
            return None
        gap(frame, run)
        return REFUSED

    return pick


def _leaf(start: str, end: str, pick: Value) -> Emit:
    def leaf(frame: Frame, out: list[str], run: Run) -> bool:
        text = pick(frame, run)
        if text is None:
            return False
        if "&" in text or "<" in text or ">" in text or "\r" in text:
            text = escaped(text)
        out.append(f"{start}{text}{end}")
        return True

    return leaf


def _leaf_with(start: str, end: str, pick: Value, attributes: Callable[[Frame, Run], str]) -> Emit:
    def leaf(frame: Frame, out: list[str], run: Run) -> bool:
        text = pick(frame, run)
        if text is None:
            return False
        out.append(f"{start}{attributes(frame, run)}>{escaped(text)}{end}")
        return True

    return leaf


def _attributes(attributes: list[Attribute]) -> Callable[[Frame, Run], str]:
    """All attributes of an element, each with a space before it, in canonical order."""

    def write(frame: Frame, run: Run) -> str:
        found = ""
        for name, pick, gap in attributes:
            text = pick(frame, run)
            if text is not None:
                found += f'{name}{escaped_attribute(text)}"'
            elif gap is not None:
                gap(frame, run)
        return found

    return write


def _container(
    start: str, end: str, attributes: Callable[[Frame, Run], str] | None, parts: list[tuple[Emit, Gap | None]]
) -> Emit:
    """An element with children; nothing at all when neither a child nor an attribute has a value."""

    def container(frame: Frame, out: list[str], run: Run) -> bool:
        mark = len(out)
        own = attributes(frame, run) if attributes is not None else ""
        out.append(f"{start}{own}>")
        empty: list[Gap] = []
        for emit, gap in parts:
            if not emit(frame, out, run) and gap is not None:
                empty.append(gap)
        if len(out) == mark + 1 and not own:
            out.pop()
            return False
        for gap in empty:
            gap(frame, run)
        out.append(end)
        return True

    return container


def _one_after_another(emits: list[Emit]) -> Emit:
    def both(frame: Frame, out: list[str], run: Run) -> bool:
        wrote = False
        for emit in emits:
            wrote = emit(frame, out, run) or wrote
        return wrote

    return both
