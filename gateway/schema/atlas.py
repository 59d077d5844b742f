"""Paths and positions in one tree, for many findings at once."""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from gateway.xml import Element, tag_of

_STEP: Final = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<at>[0-9]+)\])?")


class Atlas:
    """Paths and positions of one tree, each worked out once: a long list with many errors stays linear."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self._children: dict[Element, list[Element]] = {}
        self._steps: dict[Element, str] = {}
        self._index: dict[Element, int] = {}
        self._named: dict[tuple[Element, str], list[Element]] = {}

    def children(self, element: Element) -> list[Element]:
        """Child elements; the first call notes each child's position and its step of a readable path."""
        if element not in self._children:
            self._children[element] = list(element.iterchildren("{*}*"))
            self._note(self._children[element])
        return self._children[element]

    def _note(self, children: list[Element]) -> None:
        totals: dict[str, int] = {}
        for child in children:
            totals[tag_of(child)] = totals.get(tag_of(child), 0) + 1
        seen: dict[str, int] = {}
        for at, child in enumerate(children):
            tag = tag_of(child)
            seen[tag] = seen.get(tag, 0) + 1
            name = etree.QName(child).localname
            self._index[child] = at
            self._steps[child] = f"{name}[{seen[tag]}]" if totals[tag] > 1 else name

    def index_of(self, path: str) -> tuple[int, ...]:
        """Child positions for a path as libxml2 writes it (`/*/*[2]/p:Item[3]`)."""
        node = self.root
        found: list[int] = []
        for step in path.split("/")[2:]:
            match = _STEP.fullmatch(step)
            if match is None or step.startswith("@"):
                break
            alike = self._alike(node, match["name"])
            at = int(match["at"] or 1) - 1
            if at >= len(alike):
                break
            node = alike[at]
            found.append(self._index[node])
        return tuple(found)

    def _alike(self, parent: Element, step: str) -> list[Element]:
        if step == "*":
            return self.children(parent)
        if (parent, step) not in self._named:
            self._named[parent, step] = [child for child in self.children(parent) if _written(child) == step]
        return self._named[parent, step]

    def element(self, index: tuple[int, ...]) -> Element:
        """The element at these child positions."""
        node = self.root
        for at in index:
            node = self.children(node)[at]
        return node

    def index(self, element: Element) -> tuple[int, ...]:
        """Child positions from the root."""
        return tuple(self._index[node] for node in self._lineage(element))

    def path(self, element: Element) -> str:
        """Local names from the root with an index where siblings share a name."""
        return "/".join(["", etree.QName(self.root).localname, *(self._steps[n] for n in self._lineage(element))])

    def path_at(self, index: tuple[int, ...], start: tuple[int, ...]) -> str:
        """The readable path of a position counted from elsewhere, where this tree stands at `start`; else empty."""
        return self.path(self.element(index[len(start) :])) if index[: len(start)] == start else ""

    def _lineage(self, element: Element) -> list[Element]:
        line = [element, *element.iterancestors()]
        line = line[: line.index(self.root)][::-1]
        for node in [self.root, *line[:-1]]:
            self.children(node)
        return line

    def parent(self, element: Element) -> Element:
        """The parent; of the root: itself."""
        above = element.getparent()
        return self.root if above is None else above

    def tags(self, element: Element) -> set[str]:
        """The QNames of all children."""
        return {tag_of(child) for child in self.children(element)}

    def elder(self, element: Element) -> list[str]:
        """The QNames of all siblings before this one."""
        siblings = self.children(self.parent(element))
        return [tag_of(sibling) for sibling in siblings[: self._index[element]]]


def _written(element: Element) -> str:
    """The element's name as libxml2 writes it in a path, where it is not `*`."""
    name = etree.QName(element).localname
    return f"{element.prefix}:{name}" if element.prefix else name
