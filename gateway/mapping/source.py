"""Reads a source document once: every value that a table needs is put into its place, children found by QName.

A *scope* is a place that may occur many times: the document, an element that repeats, an element a group runs over.
A *frame* is one occurrence of a scope: a list of the frame around it, the element, and then one slot per value or per
list of inner frames. What belongs to no rule is passed over. Comments must be gone before, so that a text is one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.mapping.converters import collapsed
from gateway.mapping.outcome import Frame, Run
from gateway.mapping.paths import Shape, prefixes
from gateway.xml import Element, readable_path

Fill = Callable[[Element, Frame], None]
AROUND: Final = 0
ELEMENT: Final = 1
_FIRST: Final = 2
PRESENT: Final = "present"
"""What stands in the slot of a container that is there."""
_BLANK: Final = " \t\r\n"


class Scope:
    """A place that may occur many times, and where its values stand in its frames."""

    def __init__(self, path: str, around: Scope | None) -> None:
        self.path = path
        self.around = around
        self.slots: dict[str, int] = {}
        self.inner: dict[str, Scope] = {}
        self.lists: dict[str, int] = {}
        self.width = _FIRST

    def slot(self, path: str) -> int:
        """The slot of a value of this scope, made on first use."""
        if path not in self.slots:
            self.slots[path] = self._new()
        return self.slots[path]

    def scope(self, path: str) -> Scope:
        """The inner scope at a path, made on first use."""
        if path not in self.inner:
            self.inner[path] = Scope(path, self)
            self.lists[path] = self._new()
        return self.inner[path]

    def _new(self) -> int:
        self.width += 1
        return self.width - 1

    def chain(self) -> list[Scope]:
        """This scope and those around it, innermost first."""
        found, scope = [], self
        while True:
            found.append(scope)
            if scope.around is None:
                return found
            scope = scope.around


class Reading:
    """All scopes and slots that a table needs of one source schema; `fill` compiles the reader once all are named."""

    def __init__(self, shape: Shape, groups: frozenset[str]) -> None:
        self.shape = shape
        self.document = Scope("", None)
        self._groups = groups

    def scope_of(self, path: str) -> Scope:
        """The innermost scope that holds the path, or is it."""
        scope = self.document
        for prefix in prefixes(path):
            if self.shape.repeats(prefix) or prefix in self._groups:
                scope = scope.scope(prefix)
        return scope

    def slot(self, path: str) -> int:
        """Where the value (or, for a container, the presence) of a path stands in the frames of its scope."""
        return self.scope_of(path).slot(path)

    def fill(self) -> Callable[[Element], Frame]:
        """A function from the root element to the document's frame."""
        root = self.shape.root.path
        width = self.document.width
        read = self._action(self.document, root)

        def document(element: Element) -> Frame:
            frame: Frame = [None] * width
            frame[ELEMENT] = element
            read(element, frame)
            return frame

        return document

    def occurrences(self, path: str) -> tuple[int, Fill]:
        """Of a scope inside the document's: the slot of its list there, and what puts one element into that list."""
        return self.document.lists[path], self._action(self.document, path)

    def _action(self, scope: Scope, path: str) -> Fill:
        """What happens when the element of this path is met in a frame of this scope."""
        if path not in scope.lists:
            return self._inside(scope, path)
        inner = scope.inner[path]
        at, width, read = scope.lists[path], inner.width, self._inside(inner, path)

        def occurrence(element: Element, frame: Frame) -> None:
            new: Frame = [None] * width
            new[AROUND] = frame
            new[ELEMENT] = element
            if frame[at] is None:
                frame[at] = [new]
            else:
                frame[at].append(new)
            read(element, new)

        return occurrence

    def _inside(self, scope: Scope, path: str) -> Fill:
        """What an element gives to its own frame: its text or presence, its attributes, its children."""
        parts: list[Fill] = []
        if path in scope.slots:
            parts.append(self._own(scope.slots[path], path))
        parts += [
            _attribute(scope.slots[fact.path], qname(fact.namespace, fact.name))
            for fact in self.shape.below.get(path, ())
            if fact.attribute and fact.path in scope.slots
        ]
        wanted = self._wanted(scope, path)
        if wanted:
            parts.append(_children(wanted))
        if len(parts) == 1:
            return parts[0]

        def every(element: Element, frame: Frame) -> None:
            for part in parts:
                part(element, frame)

        return every

    def _own(self, slot: int, path: str) -> Fill:
        if self.shape.container(path):
            return lambda _element, frame: frame.__setitem__(slot, PRESENT)
        return _text(slot, token=self.shape.tokens(path))

    def _wanted(self, scope: Scope, path: str) -> dict[str, int | Fill]:
        """The children worth looking at, by QName."""
        needed = {prefix for used in (*scope.slots, *scope.lists) for prefix in prefixes(used)}
        return {
            qname(fact.namespace, fact.name): self._token_slot(scope, fact.path) or self._action(scope, fact.path)
            for fact in self.shape.below.get(path, ())
            if not fact.attribute and fact.path in needed
        }

    def _token_slot(self, scope: Scope, path: str) -> int | None:
        """The slot of a token-like leaf of this scope of which nothing else is read."""
        alone = path in scope.slots and path not in scope.lists and not self.shape.container(path)
        attributes = any(fact.path in scope.slots for fact in self.shape.below.get(path, ()))
        return scope.slots[path] if alone and not attributes and self.shape.tokens(path) else None


def qname(namespace: str, name: str) -> str:
    """The name as the parser gives it: `{namespace}name`, or `name` alone."""
    return f"{{{namespace}}}{name}" if namespace else name


def _children(wanted: dict[str, int | Fill]) -> Fill:
    """Looks at each child once. A number stands for a token-like leaf of this frame: the commonest case, done here."""
    get = wanted.get

    def children(element: Element, frame: Frame) -> None:
        for child in element:
            fill = get(child.tag)  # type: ignore[arg-type]
            if fill is None:
                continue
            if not isinstance(fill, int):
                fill(child, frame)
            elif text := child.text:
                frame[fill] = text if text.isalnum() else collapsed(text) or None

    return children


def _text(slot: int, *, token: bool) -> Fill:
    def text(element: Element, frame: Frame) -> None:
        found = element.text
        if found and found.strip(_BLANK):
            frame[slot] = collapsed(found) if token else found

    return text


def _attribute(slot: int, name: str) -> Fill:
    def attribute(element: Element, frame: Frame) -> None:
        found = element.get(name)
        if found and (found := collapsed(found)):
            frame[slot] = found

    return attribute


def way(here: Scope, there: Scope) -> tuple[int, tuple[int, ...]]:
    """How to get from a frame of one scope to those of another: steps outward, then the list slots inward."""
    outward = here.chain()
    inward: list[int] = []
    scope = there
    while scope not in outward:
        if scope.around is None:
            raise ValueError("scopes of two documents")
        inward.append(scope.around.lists[scope.path])
        scope = scope.around
    return outward.index(scope), tuple(reversed(inward))


def out_of(frame: Frame, steps: int) -> Frame:
    """The frame so many steps outward."""
    for _ in range(steps):
        frame = frame[AROUND]
    return frame


def frames_in(frame: Frame, inward: tuple[int, ...], run: Run) -> list[Frame]:
    """All frames reached through these lists, in document order; counted as work of the run."""
    found = [frame]
    for slot in inward:
        found = [inner for outer in found for inner in (outer[slot] or ())]
    run.spend(len(found))
    return found


def place(shape: Shape, scope: Scope, frame: Frame, path: str) -> str:
    """A source path with the numbers of this occurrence: `A/Item[2]/ID`. For people; not used on the fast way."""
    element: Element | None = frame[ELEMENT]
    top = scope.path or shape.root.path
    steps = [step for step in prefixes(path) if step not in set(prefixes(top))]
    shown = readable_path(frame[ELEMENT]).lstrip("/")
    for step in steps:
        fact = shape.facts[step]
        child = None if element is None or fact.attribute else element.find(qname(fact.namespace, fact.name))
        shown = readable_path(child).lstrip("/") if child is not None else f"{shown}/{step.rpartition('/')[2]}"
        element = child
    return shown
