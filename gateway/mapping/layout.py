"""Arranges the rules of a table as the tree of the document they make."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.facts.fact import Fact
from gateway.mapping.paths import Shape, lies_in
from gateway.mapping.table import Rule, target_steps


class Node:
    """One element or attribute of the target: the rules that give its text, the groups that repeat it, what is below.

    `shown` is its path with numbers, as rules write it.
    """

    def __init__(self, fact: Fact, label: int, shown: str) -> None:
        self.fact = fact
        self.label = label
        self.shown = shown
        self.rules: list[Rule] = []
        self.groups: list[Rule] = []
        self.below: dict[tuple[str, int], Node] = {}

    def all_rules(self) -> Iterator[Rule]:
        """Every rule of this node and below, groups included."""
        yield from self.rules
        yield from self.groups
        for node in self.below.values():
            yield from node.all_rules()

    def elements(self) -> list[Node]:
        """Child elements, in the schema's order."""
        return [node for node in self.below.values() if not node.fact.attribute]

    def attributes(self) -> list[Node]:
        """Attributes, in canonical order."""
        found = [node for node in self.below.values() if node.fact.attribute]
        return sorted(found, key=lambda node: (node.fact.namespace, node.fact.name))


def lay_out(rules: list[Rule], shape: Shape) -> Node:
    """The tree of all targets, children in schema order whatever the order of the rows. All targets must exist."""
    root = Node(shape.root, 1, shape.root.path)
    for rule in rules:
        node = root
        path = shape.root.path
        for name, label in target_steps(rule.target)[1:]:
            path = f"{path}/{name}"
            if (name, label) not in node.below:
                shown = f"{node.shown}/{name}" + (f"[{label}]" if label > 1 else "")
                node.below[name, label] = Node(shape.facts[path], label, shown)
            node = node.below[name, label]
        (node.groups if rule.each else node.rules).append(rule)
    _sort(root, shape)
    return root


def _sort(node: Node, shape: Shape) -> None:
    ordered = sorted(node.below.items(), key=lambda item: (shape.order[item[1].fact.path], item[1].label))
    node.below = dict(ordered)
    for child in node.below.values():
        _sort(child, shape)


def branch(node: Node, group: Rule, chosen: frozenset[str]) -> frozenset[str]:
    """The ids of the rules that belong to this group of a node: not those that read from another group's source."""
    own = group.sources[0]
    others = [other.sources[0] for other in node.groups if other.sources[0] != own]

    def belongs(rule: Rule) -> bool:
        if any(lies_in(source, own) for source in rule.sources):
            return True
        return not any(lies_in(source, other) for source in rule.sources for other in others)

    below = [rule for rule in node.all_rules() if rule not in node.groups]
    return frozenset(rule.id for rule in below if rule.id in chosen and belongs(rule))
