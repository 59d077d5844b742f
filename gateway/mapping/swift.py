"""The swift way of a translation: values cut from the text, written by generated code; made when first needed."""

from __future__ import annotations

from collections.abc import Callable

from gateway.mapping.generate import Write, generated
from gateway.mapping.outcome import Again, Frame, Run
from gateway.mapping.plan import Child
from gateway.mapping.scan import Odd, Scanner, cut, let_go
from gateway.mapping.source import Reading, qname
from gateway.mapping.wanted import wanted_of
from gateway.xml import Element


class Swift:
    """What a table is when nothing goes wrong. Safe to share between threads."""

    def __init__(self, reading: Reading, read: Callable[[Element], Frame], document: Child) -> None:
        root = reading.shape.root
        self._scanner = Scanner(wanted_of(reading), qname(root.namespace, root.name), reading.document.width)
        self._read = read
        self.document = document
        self._writers: dict[bool, Write] = {}

    def written(self, payload: bytes, run: Run, tree: Callable[[], Element]) -> str | None:
        """An accepted document in the receiver's words; None when there is anything to say against it. Raises TooMuch.

        `tree` gives its root once more, where the text alone cannot be read.
        """
        made: list[Frame] = []
        try:
            text = cut(payload)
            made = self._scanner.fill(text)
            return self._write(made[0], run, plain=text.plain)
        except Odd:
            root = tree()
            return self._write(self._read(root), run, plain=False)
        finally:
            let_go(made)

    def _write(self, frame: Frame, run: Run, *, plain: bool) -> str | None:
        out: list[str] = []
        try:
            self._writer(plain)(frame, out, run)
        except (Again, ValueError, ArithmeticError):
            return None
        return "".join(out)

    def _writer(self, plain: bool) -> Write:
        if plain not in self._writers:
            self._writers[plain] = generated(self.document, plain=plain)
        return self._writers[plain]
