"""Whether a table can translate a document item by item, and what it takes to do so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.errors import ConfigurationError
from gateway.mapping.emit import Emit, careful
from gateway.mapping.generate import Write, generated
from gateway.mapping.paths import lies_in, prefixes
from gateway.mapping.plan import Box, Child, Group, Groups, Hole, Leaf, Plan
from gateway.mapping.predicate import paths_of
from gateway.mapping.source import Fill, qname
from gateway.mapping.table import Rule, problem
from gateway.mapping.translation import Translation

_KEPT: Final = 64
"""Tables whose way of streaming is remembered."""


@dataclass(frozen=True, slots=True)
class Streamable:
    """A table taken apart at the group `rule`: `around` writes all else with a mark where its elements go.

    `way` are the QNames from the root to the elements it runs over, `fill` puts one into the list in slot `listed` of
    the document's frame; `holds`, `write` and, for what `write` cannot, `carefully` are about one of them.
    """

    rule: Rule
    way: tuple[str, ...]
    listed: int
    fill: Fill
    around: Emit
    group: Group
    write: Write
    carefully: Emit


@lru_cache(maxsize=_KEPT)
def streamable(translation: Translation) -> Streamable:
    """How a compiled table streams: the group with the most rules goes item by item, all else is kept.

    Raises ConfigurationError with one finding `mapping.table` per reason why it cannot.
    """
    name = translation.table.name
    document = translation.swift.document if translation.swift is not None else None
    groups = list(_groups(document.plan)) if document is not None else []
    groups = [group for group in groups if "/" in group.rule.sources[0]]
    if document is None or not groups:
        reason = "no group row runs over something that repeats in the document as a whole"
        raise ConfigurationError(f"{name}: not streamable", findings=(problem(name, 1, "", "table", reason),))
    group = max(groups, key=lambda one: len(list(_rules(one.inner))))
    around = Child(_around(document.plan, group), document.gap)
    wrong = dict(_reaching(around.plan, group))
    if wrong:
        found = tuple(problem(name, rule.line, rule.id, "table", reason) for rule, reason in wrong.values())
        raise ConfigurationError(f"{name}: not streamable", findings=found)
    return _taken_apart(translation, group, around)


def _taken_apart(translation: Translation, group: Group, around: Child) -> Streamable:
    reading, source = translation.bench.reading, group.rule.sources[0]
    facts = [reading.shape.facts[path] for path in prefixes(source)]
    listed, fill = reading.occurrences(source)
    one = Child(group.inner, None)
    return Streamable(
        rule=group.rule, way=tuple(qname(fact.namespace, fact.name) for fact in facts), listed=listed, fill=fill,
        around=careful(around, traced=False), group=group, write=generated(one, plain=False),
        carefully=careful(one, traced=False),
    )  # fmt: skip


def _groups(plan: Plan) -> Iterator[Group]:
    """The groups that run over a list of the document itself."""
    if isinstance(plan, Box):
        for child in plan.children:
            yield from _groups(child.plan)
    elif isinstance(plan, Groups):
        yield from (one for one in plan.groups if isinstance(one, Group) and len(one.inward) == 1 and not one.outward)


def _rules(plan: Plan | Group | Hole) -> Iterator[Rule]:
    """The rules that a plan was made of."""
    if isinstance(plan, (Leaf, Box)):
        picks = [attribute.pick for attribute in plan.attributes] + ([plan.pick] if isinstance(plan, Leaf) else [])
        yield from (row.rule for pick in picks for row in pick.rows)
    if isinstance(plan, Group):
        yield plan.rule
    for inner in _inside(plan):
        yield from _rules(inner)


def _inside(plan: Plan | Group | Hole) -> Iterator[Plan | Group | Hole]:
    if isinstance(plan, Box):
        yield from (child.plan for child in plan.children)
    elif isinstance(plan, Groups):
        yield from plan.groups
    elif isinstance(plan, Group):
        yield plan.inner


def _around(plan: Plan, group: Group) -> Plan:
    """The plan with a hole in the place of a group."""
    if isinstance(plan, Box):
        return replace(
            plan, children=tuple(replace(one, plan=_around(one.plan, group)) for one in plan.children)
        )  # fmt: skip
    if isinstance(plan, Groups):
        return Groups(tuple(Hole() if one is group else one for one in plan.groups))
    return plan


def _reaching(around: Plan, group: Group) -> Iterator[tuple[str, tuple[Rule, str]]]:
    """Rules outside of the group that look into what it runs over: they would need all of it at once."""
    source = group.rule.sources[0]
    for rule in _rules(around):
        for path in (*rule.sources, *paths_of(rule.when)):
            if lies_in(path, source):
                yield rule.id, (rule, f"not streamable: reads {path} outside of the group {group.rule.id}")
