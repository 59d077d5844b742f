"""Translates a document of any length: the group that repeats most goes item by item, the rest is kept in memory.

The source is read twice: first for everything but the items, because they may need what stands behind them, then for
the items. Same octets as `translate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from gateway.errors import Finding, MappingGap
from gateway.mapping.feed import Feed
from gateway.mapping.outcome import Again, Frame, Run
from gateway.mapping.plan import HOLE
from gateway.mapping.run import bounded
from gateway.mapping.source import ELEMENT
from gateway.mapping.streamable import Streamable, streamable
from gateway.mapping.translation import Translation
from gateway.xml import Element, readable_path, tag_of

_AT_ONCE: Final = 65_536
"""Characters written at a time."""
_MOST_FINDINGS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What was written: how many items went through the group `rule`, and the octets of the whole document."""

    rule: str
    items: int
    octets: int


def translate_stream(
    translation: Translation, source: BinaryIO, sink: BinaryIO, context: Mapping[str, str]
) -> Streamed:  # fmt: skip
    """The document in the receiver's words, written to `sink` as exclusive canonical XML in UTF-8.

    `source` must be seekable: it is read twice from where it stands. Memory grows with the longest item and with what
    is not an item, not with their number. Raises ConfigurationError (`mapping.table`) for a table that cannot stream,
    MappingGap as `translate` does, at the end and with at most 1,000 findings, and what the parser refuses; then what
    is in `sink` is to be thrown away. Values of which no rule speaks are not looked for.
    """
    return _Stream(translation, source, sink, context).run()


class _Stream:
    """One document on its way."""

    def __init__(
        self, translation: Translation, source: BinaryIO, sink: BinaryIO, context: Mapping[str, str]
    ) -> None:  # fmt: skip
        self._translation = translation
        self._plan: Streamable = streamable(translation)
        self._source = source
        self._sink = sink
        self._context = context
        self._findings: list[Finding] = []
        self._out: list[str] = []
        self._waiting = 0
        self._octets = 0

    def run(self) -> Streamed:
        start = self._source.tell()
        root, total = self._kept()
        self._source.seek(start)
        header = self._translation.read(root)
        before, after, said = self._around(header)
        self._out = before
        written = 0
        for text in self._items(header, total):
            written += 1
            self._write(text)
        if not written and not self._findings:
            said, after = [], self._whole(header)
        self._findings = [*said, *self._findings]
        if self._findings:
            raise MappingGap(f"{len(self._findings)} gap(s)", findings=tuple(self._findings))
        self._out += after
        self._flush()
        return Streamed(rule=self._plan.rule.id, items=written, octets=self._octets)

    def _kept(self) -> tuple[Element, int]:
        """Everything but the items, and how many there are."""
        feed = Feed(self._source, self._plan.way)
        for _ in feed:
            pass
        root = feed.root
        if root is None or tag_of(root) != self._translation.root:
            found = tag_of(root) if root is not None else ""
            params = {"expected": self._translation.root, "found": found}
            raise MappingGap(f"root is {found}", findings=(Finding(rule="mapping.root", params=params, path="/"),))
        return root, feed.count

    def _around(self, header: Frame) -> tuple[list[str], list[str], list[Finding]]:
        """What is written before and after the items, and what there is to say about it."""
        run, out = Run(self._context), list[str]()
        with bounded(self._translation):
            self._plan.around(header, out, run)
        at = out.index(HOLE)
        return out[:at], out[at + 1 :], run.findings

    def _whole(self, header: Frame) -> list[str]:
        """A document of which no item is written: then what would be around them may not be there either."""
        run = Run(self._context)
        self._out = []
        with bounded(self._translation):
            self._translation.write(header, self._out, run)
        self._findings += run.findings
        return []

    # --- items --------------------------------------------------------------------------------------------------------
    def _items(self, header: Frame, total: int) -> Iterator[str]:
        """The text of every item that the group lets through and that gives anything."""
        plan, listed = self._plan, self._plan.listed
        feed = Feed(self._source, plan.way)
        for element in feed:
            plan.fill(element, header)
            frame: Frame = header[listed].pop()
            header[listed] = None
            with bounded(self._translation):
                text = self._swift(frame)
                text = self._careful(frame, feed.count, total) if text is None else text
            if text:
                yield text
            frame.clear()
            if len(self._findings) >= _MOST_FINDINGS:
                return

    def _swift(self, frame: Frame) -> str | None:
        """One item; None when there is anything to say against it."""
        run, out = Run(self._context, swift=True), list[str]()
        holds = self._plan.group.holds
        if holds is not None and not holds(frame, run):
            return ""
        try:
            self._plan.write(frame, out, run)
        except (Again, ValueError, ArithmeticError):
            return None
        return "".join(out)

    def _careful(self, frame: Frame, number: int, total: int) -> str:
        """One item and the findings about it, with its number among all: those before it are forgotten already."""
        run, out = Run(self._context), list[str]()
        self._plan.carefully(frame, out, run)
        if run.findings:
            seen = readable_path(frame[ELEMENT]).lstrip("/")
            plain = seen.rpartition("[")[0] if seen.endswith("]") else seen
            place = f"{plain}[{number}]" if total > 1 else plain
            here = re.compile(re.escape(seen) + r"(?=[/,]| \+|$)")
            for finding in run.findings:
                params = {key: here.sub(lambda _: place, text) for key, text in finding.params.items()}
                self._findings.append(replace(finding, params=params))
        return "".join(out)

    # --- octets -------------------------------------------------------------------------------------------------------
    def _write(self, text: str) -> None:
        self._out.append(text)
        self._waiting += len(text)
        if self._waiting > _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        octets = "".join(self._out).encode()
        if not self._findings:
            self._sink.write(octets)
        self._octets += len(octets)
        self._out, self._waiting = [], 0
