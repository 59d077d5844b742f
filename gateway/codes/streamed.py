"""The code check of documents too long for memory: the same verdict as `gateway.codes.check` gives over a tree.

A document may tell its business day after the values that are judged by it. So they are judged by the day that its
beginning tells, and once more in the rare case that the whole tells another: no values are collected.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO, Final
from xml.parsers import expat

from gateway.codes.check import CUT, Desk, day_in, note_fine
from gateway.codes.lists import Binding
from gateway.codes.numbers import Fault
from gateway.codes.spots import SEPARATOR, Spot, streamed_name
from gateway.errors import EnvelopeMalformed, Finding
from gateway.facts.fact import Fact
from gateway.xml import LIMITS

MOST: Final = 100
"""Findings that are told of one document."""
LIGHTEST: Final = 200
"""Letters that a value counts for at least while it waits for the one beside it to come."""
_AT_ONCE: Final = 65_536
_BEGINNING: Final = 1_000_000
Steps = tuple[str, ...]


def streamed_findings(desk: Desk, source: BinaryIO, otherwise: date) -> tuple[Finding, ...]:
    """The first `MOST` findings of a valid document on its business day, in its order, without advice.

    `otherwise` is the day that counts where the document tells none. `source` is seekable; it is read twice at most,
    and its beginning. Paths, lines and columns are those of the elements. Raises EnvelopeMalformed for what is not XML,
    and where a text, or all that waits for what stands beside it, is over `LIMITS.text` letters (X6).
    """
    if desk.root is None:
        return ()
    day = _Reading(desk, desk.root, None).read(source, _BEGINNING) or otherwise
    reading = _Reading(desk, desk.root, day)
    told = reading.read(source) or otherwise
    if told != day:
        reading = _Reading(desk, desk.root, told)
        reading.read(source)
    return reading.findings()


@dataclass(slots=True)
class _Beside:
    """What stands beside the children of an open element at `steps`: the first of each name, its text, who waits.

    `at`: so many steps are found; `depth`: of the element in which the next one may be, or which is the last one.
    """

    steps: Steps
    depth: int
    at: int = 0
    text: str | None = None
    waiting: list[_Value] = field(default_factory=list)

    def step(self, name: str) -> bool:
        """An element begins where the next one may be; True when it is what stands beside."""
        if self.at < len(self.steps) and self.steps[self.at] == name.rpartition(SEPARATOR)[2]:
            self.at += 1
            self.depth += 1
            return self.at == len(self.steps)
        return False


@dataclass(slots=True)
class _Here:
    """An element at a place that matters. `order`: how many began before it; `number`: among those of its name."""

    spot: Spot
    above: _Here | None
    order: int
    number: int = 1
    line: int = 0
    column: int = 0
    counts: dict[str, int] | None = None
    besides: dict[Steps, _Beside] | None = None

    def count(self, tag: str) -> int:
        """One more child of this name."""
        if self.counts is None:
            self.counts = {tag: 1}
            return 1
        number = self.counts[tag] = self.counts.get(tag, 0) + 1
        return number

    def path(self) -> str:
        """Local names from the root with an index where siblings share a name; true when the document has ended."""
        name = self.spot.fact.name
        if self.above is None or self.above.counts is None:
            return ""
        alone = self.above.counts[self.spot.tag] == 1
        return f"{self.above.path()}/{name}" + ("" if alone else f"[{self.number}]")


@dataclass(slots=True)
class _Value:
    """A value, `key` = its place in the order of the document; with its fault when it has one."""

    key: tuple[int, int]
    fact: Fact
    binding: Binding
    text: str
    here: _Here
    fault: Fault | None = None

    def finding(self) -> Finding:
        """What is told of it."""
        assert self.fault is not None  # noqa: S101 - only those are kept
        return Finding(
            rule=self.fault.rule, params=self.fault.params, wco_id=self.fact.wco_id, wco_name=self.fact.wco_name,
            path=self.here.path() + (f"/@{self.fact.name}" if self.fact.attribute else ""),
            line=self.here.line, column=self.here.column, value=self.text[:CUT],
        )  # fmt: skip


class _Reading:
    """One reading of a document: what it says of its day and, where a day is given, the faults on that day."""

    def __init__(self, desk: Desk, root: Spot, day: date | None) -> None:
        self._desk = desk
        self._day = day
        self._fine = desk.known_fine(day) if day else set()
        top = Spot(fact=root.fact, tag="", streamed={streamed_name(root.tag): root})
        self._open: list[_Here | None] = [_Here(top, None, 0)]
        self._begun = self._waiting = self._length = 0
        self._besides: list[_Beside] = []
        self._hearing: list[tuple[int, list[str]]] = []
        self._told: dict[str, tuple[int, date]] = {}
        self._found: list[_Value] = []
        self._parser = parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def read(self, source: BinaryIO, most: int | None = None) -> date | None:
        """The day that it tells, of all of it or of its first `most` octets."""
        source.seek(0)
        read = 0
        try:
            while (most is None or read < most) and (chunk := source.read(_AT_ONCE)):
                self._parser.Parse(chunk, False)
                read += len(chunk)
            if most is None:
                self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            reason = f"not well-formed at line {error.lineno}, column {error.offset + 1}"
            raise EnvelopeMalformed(f"{reason}: {expat.ErrorString(error.code)}", threat="X8") from None
        finally:  # else the parser and what it holds of the document stay until somebody looks for cycles
            self._parser.StartElementHandler = self._parser.EndElementHandler = None
            self._parser.CharacterDataHandler = None
        return self._desk.first_of({name: day for name, (_, day) in self._told.items()})

    def findings(self) -> tuple[Finding, ...]:
        """Of all that was found, the first in the document."""
        return tuple(value.finding() for value in self._found)

    # --- where we are -------------------------------------------------------------------------------------------------
    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth, heard = len(self._open), False
        for one in self._besides:
            if one.depth == depth:
                heard |= one.step(name)
        above = self._open[-1]
        spot = above.spot.streamed.get(name) if above is not None else None
        if above is None or spot is None:
            self._open.append(None)
        else:
            self._begun += 1
            here = _Here(spot, above, self._begun, above.count(spot.tag))
            self._open.append(here)
            heard |= spot.held
            if heard or attributes:
                here.line, here.column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
            if spot.joins or attributes:
                self._begin(here, spot, attributes)
        if heard:
            self._hearing.append((depth + 1, []))
            self._parser.CharacterDataHandler = self._text

    def _begin(self, here: _Here, spot: Spot, attributes: dict[str, str]) -> None:
        """An element at a place that matters has children that are joined, or attributes."""
        for steps in spot.joins:
            here.besides = here.besides or {}
            here.besides[steps] = one = _Beside(steps, len(self._open))
            self._besides.append(one)
        for place, (key, fact, binding) in enumerate(spot.attributes) if attributes else ():
            value = attributes.get(streamed_name(key))
            if value is not None:
                self._held(_Value((here.order, place), fact, binding, value, here))

    def _end(self, _name: str) -> None:
        depth = len(self._open)
        here, text = self._open.pop(), self._heard(depth)
        if self._besides:
            self._stood(depth, text)
        if here is not None and here.spot.held:
            spot, binding = here.spot, here.spot.binding
            if spot.day:
                self._tells(here, text)
            if binding is not None and (binding.join or (id(binding), text) not in self._fine):
                self._held(_Value((here.order, len(spot.attributes)), spot.fact, binding, text, here))

    def _stood(self, depth: int, text: str) -> None:
        """What ends is beside somebody, or there is nothing beside them."""
        for one in [one for one in self._besides if one.depth == depth]:
            self._besides.remove(one)
            one.text = " ".join(text.split()) if one.at == len(one.steps) else ""
            for value in one.waiting:
                self._waiting -= _weight(value)
                self._joined(value, one.text)
            one.waiting = []

    def _text(self, text: str) -> None:
        self._length += len(text)
        if self._length > LIMITS.text:
            raise EnvelopeMalformed("a text is too long", threat="X6")
        for _, heard in self._hearing:
            heard.append(text)

    def _heard(self, depth: int) -> str:
        """The text of the element that ends, where somebody listens to it."""
        if not self._hearing or self._hearing[-1][0] != depth:
            return ""
        _, heard = self._hearing.pop()
        if not self._hearing:
            self._length = 0
            self._parser.CharacterDataHandler = None
        return heard[0] if len(heard) == 1 else "".join(heard)

    # --- values -------------------------------------------------------------------------------------------------------
    def _tells(self, here: _Here, text: str) -> None:
        fact = here.spot.fact
        day, known = day_in(text), self._told.get(fact.wco_id)
        if day is not None and (known is None or here.order < known[0]):
            self._told[fact.wco_id] = (here.order, day)

    def _held(self, value: _Value) -> None:
        binding = value.binding
        if self._day is None or binding.advice or self._enough(value):
            return
        if not binding.join and (id(binding), value.text) in self._fine:
            return
        raw, value.text = value.text, " ".join(value.text.split())
        if not value.text or value.text in binding.also:
            return
        if not binding.join:
            self._judge(value, raw)
            return
        above = value.here.above
        one = above.besides.get(binding.join) if above is not None and above.besides is not None else None
        if one is not None and one.text is None:
            self._wait(one, value)
        else:
            self._joined(value, one.text or "" if one is not None else "")

    def _wait(self, one: _Beside, value: _Value) -> None:
        one.waiting.append(value)
        self._waiting += _weight(value)
        if self._waiting > LIMITS.text:
            raise EnvelopeMalformed("too many values come before what stands beside them", threat="X6")

    def _joined(self, value: _Value, text: str) -> None:
        value.text = whole = text + value.text
        if (id(value.binding), whole) not in self._fine:
            self._judge(value, whole)

    def _judge(self, value: _Value, known_as: str) -> None:
        if self._day is None or self._enough(value):
            return
        value.fault = self._desk.fault(value.binding, value.text, self._day)
        if value.fault is None:
            note_fine(self._fine, value.binding, known_as)
            return
        value.text = value.text[:CUT]
        insort(self._found, value, key=_place)
        del self._found[MOST:]

    def _enough(self, value: _Value) -> bool:
        """There are enough findings before this one."""
        return len(self._found) == MOST and self._found[-1].key < value.key


def _weight(value: _Value) -> int:
    return max(LIGHTEST, len(value.text))


def _place(value: _Value) -> tuple[int, int]:
    return value.key
