"""The swift way of a translation: values cut from the text, written by generated code; made when first needed."""

from __future__ import annotations

from collections.abc import Callable

from gateway.mapping.cut import Odd, cut
from gateway.mapping.generate import Write, generated
from gateway.mapping.items import items_alone
from gateway.mapping.outcome import Again, Frame, Run
from gateway.mapping.plan import Child, Group
from gateway.mapping.scan import Item, Scanner, let_go
from gateway.mapping.source import Reading, qname
from gateway.mapping.wanted import wanted_of
from gateway.xml import Element


class Swift:
    """What a table is when nothing goes wrong. Safe to share between threads.

    Items that stand alone are written as soon as they are read: their values need not be kept.
    """

    def __init__(self, reading: Reading, read: Callable[[Element], Frame], document: Child) -> None:
        root = reading.shape.root
        self._items = items_alone(document)
        wanted = wanted_of(reading, self._items.rule.sources[0] if self._items is not None else "")
        self._scanner = Scanner(wanted, qname(root.namespace, root.name), reading.document.width)
        self._read = read
        self.document = document
        self._writers: dict[tuple[str, bool], Write] = {}

    def written(self, payload: bytes, run: Run, tree: Callable[[], Element]) -> str | None:
        """An accepted document in the receiver's words; None when there is anything to say against it. Raises TooMuch.

        `tree` gives its root once more, where the text alone cannot be read.
        """
        try:
            return self._from_text(payload, run)
        except Odd:
            root, out = tree(), list[str]()
        except (Again, ValueError, ArithmeticError):
            return None
        try:
            self._writer("tree", plain=False)(self._read(root), out, run)
        except (Again, ValueError, ArithmeticError):
            return None
        return "".join(out)

    def _from_text(self, payload: bytes, run: Run) -> str:
        text, out = cut(payload), list[str]()
        made = self._scanner.fill(text, self._item(run, self._items, plain=text.plain) if self._items else _none)
        try:
            self._writer("text", plain=text.plain)(made[0], out, run)
        finally:
            let_go(made)
        return "".join(out)

    def _item(self, run: Run, items: Group, *, plain: bool) -> Item:
        write, holds = self._writer("item", plain=plain), items.holds

        def item(frame: Frame) -> str:
            run.spend(1)
            out: list[str] = []
            if holds is None or holds(frame, run):
                write(frame, out, run)
            return "".join(out)

        return item

    def _writer(self, what: str, *, plain: bool) -> Write:
        """The generated function for a document read from its `tree` or `text`, or for one `item`."""
        if (what, plain) not in self._writers:
            one = Child(self._items.inner, None) if what == "item" and self._items is not None else self.document
            items = self._items if what == "text" else None
            self._writers[what, plain] = generated(one, plain=plain, items=items)
        return self._writers[what, plain]


def _none(_frame: Frame) -> str:
    """A table without items of their own has none to write."""
    return ""
