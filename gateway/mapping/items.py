"""The group of a table that repeats most, its items, and what of the table reads across their border."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.mapping.paths import lies_in
from gateway.mapping.plan import Box, Child, Group, Groups, Hole, Leaf, Plan
from gateway.mapping.predicate import paths_of
from gateway.mapping.table import Rule


def most_repeated(plan: Plan) -> Group | None:
    """The group with the most rules of those that run over a list of the document itself; None without any."""
    groups = [group for group in _groups(plan) if "/" in group.rule.sources[0]]
    return max(groups, key=lambda one: len(list(_rules(one.inner))), default=None)


def items_alone(document: Child) -> Group | None:
    """That group, if nothing else looks into its items and they look at nothing but themselves."""
    group = most_repeated(document.plan)
    if group is None or any(reaching_in(around_items(document.plan, group), group)):
        return None
    source = group.rule.sources[0]
    paths = [path for rule in _rules(group) for path in (*rule.sources, *paths_of(rule.when))]
    return group if all(path.startswith("$") or lies_in(path, source) for path in paths) else None


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


def around_items(plan: Plan, group: Group) -> Plan:
    """The plan with a hole in the place of a group."""
    if isinstance(plan, Box):
        return replace(
            plan, children=tuple(replace(one, plan=around_items(one.plan, group)) for one in plan.children)
        )  # fmt: skip
    if isinstance(plan, Groups):
        return Groups(tuple(Hole() if one is group else one for one in plan.groups))
    return plan


def reaching_in(around: Plan, group: Group) -> Iterator[tuple[str, tuple[Rule, str]]]:
    """Rules outside of the group that look into what it runs over: they would need all of it at once."""
    source = group.rule.sources[0]
    for rule in _rules(around):
        for path in (*rule.sources, *paths_of(rule.when)):
            if lies_in(path, source):
                yield rule.id, (rule, f"not streamable: reads {path} outside of the group {group.rule.id}")
