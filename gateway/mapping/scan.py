"""Reads the values of a document straight from its text, once the parser has accepted it: no object per element.

An accepted document has no document type and no instructions. If it also has no comment, no CDATA and no `>` outside of
tags, then cutting it at `<` and `>` gives tags and texts in turn, and nothing else can be meant. Any other document is
`Odd`: it is read from the tree. What a tag means at a place, under the namespaces that hold there, is worked out once
and remembered, for the next element and the next message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from gateway.mapping.converters import collapsed
from gateway.mapping.cut import Odd, Pairs, Text, resolved, resolved_token
from gateway.mapping.outcome import Frame
from gateway.mapping.source import AROUND, PRESENT, qname
from gateway.mapping.wanted import AS_WRITTEN, PRESENCE, TOKEN, Wanted

Clean = Callable[[str], str]
Item = Callable[[Frame], str]
"""Writes one item; the empty text for none."""
Spaces = Mapping[str, str]
_ATTRIBUTE: Final = re.compile(r"""([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_BLANK: Final = " \t\r\n"
_XML: Final = {"xml": "http://www.w3.org/XML/1998/namespace"}
_LONGEST_TAG: Final = 500
_MOST_TAGS: Final = 10_000


class Move:
    """What one tag means: a frame to open, values to put, and the place inside; `closed` for `<a/>`."""

    __slots__ = ("attributes", "closed", "enters", "inside", "listed", "puts", "wanted", "width")

    def __init__(self, wanted: Wanted, attributes: Values, inside: Place | None, *, closed: bool) -> None:
        self.wanted = wanted
        self.attributes = attributes
        self.inside = inside
        self.closed = closed
        self.width = wanted.width
        self.listed = wanted.listed
        self.puts = bool(wanted.kind or attributes)
        self.enters = None if wanted.item else inside


class Place:
    """A place of the document under certain namespaces, and what the tags met there mean; grows as they are met.

    A token-like leaf means the number of its slot, or that and slot and value of its attribute; an end means END.
    """

    __slots__ = ("budget", "get", "known", "spaces", "wanted")

    def __init__(self, wanted: Wanted, spaces: Spaces, budget: list[int]) -> None:
        self.wanted = wanted
        self.spaces = spaces
        self.budget = budget
        self.known: dict[str, Meaning] = {}
        self.get = self.known.get

    def learn(self, tag: str) -> Meaning:
        """What a tag means here, remembered as long as there is room."""
        found = END if tag[0] == "/" else self._meaning(tag)
        if len(tag) <= _LONGEST_TAG and self.budget[0] > 0:
            self.budget[0] -= 1
            self.known[tag] = found
        return found

    def _meaning(self, tag: str) -> Meaning:
        closed = tag.endswith("/")
        name, *rest = tag.removesuffix("/").split(None, 1)
        written = [(key, double or single) for key, double, single in _ATTRIBUTE.findall(rest[0])] if rest else []
        declared = {key[6:]: resolved(value) for key, value in written if key == "xmlns" or key.startswith("xmlns:")}
        spaces = {**self.spaces, **declared} if declared else self.spaces
        wanted = self.wanted.below.get(_expanded(name, spaces, spaces.get("", "")), _UNWANTED)
        values = tuple(_values(wanted, written, spaces)) if written and wanted.attributes else ()
        if wanted.kind == TOKEN and len(values) <= 1 and not (closed or wanted.width or wanted.below):
            return (wanted.slot, *values[0]) if values else wanted.slot
        inside = Place(wanted, spaces, self.budget) if wanted.item or (wanted.below and not closed) else None
        return Move(wanted, values, inside, closed=closed)


Values = tuple[tuple[int, str], ...]
END: Final = Move(Wanted(), (), None, closed=True)
Meaning = int | tuple[int, int, str] | Move
_UNWANTED: Final = Wanted()


def _expanded(name: str, spaces: Spaces, otherwise: str) -> str:
    prefix, colon, local = name.partition(":")
    if not colon:
        return qname(otherwise, name)
    if prefix not in spaces:
        raise Odd
    return qname(spaces[prefix], local)


def _values(wanted: Wanted, written: list[tuple[str, str]], spaces: Spaces) -> Iterator[tuple[int, str]]:
    for key, value in written:
        if key == "xmlns" or key.startswith("xmlns:"):
            continue
        slot = wanted.attributes.get(_expanded(key, spaces, ""))
        found = resolved_token(value)
        if slot is not None and found:
            yield slot, found


class Scanner:
    """Fills frames from cut texts; safe to share between threads, for what it remembers is only added to."""

    def __init__(self, wanted: Wanted, root: str, width: int) -> None:
        self._outside = Wanted(below={root: wanted})
        self._width = width
        self._top = self._forgetful()

    def _forgetful(self) -> Place:
        return Place(self._outside, _XML, [_MOST_TAGS])

    def fill(self, text: Text, item: Item) -> list[Frame]:
        """The frames of a document, its own first; in the list of its items stand their texts.

        Raises Odd. Frames point at each other: `let_go` of them after.
        """
        if self._top.budget[0] <= 0:
            self._top = self._forgetful()
        frame: Frame = [None] * self._width
        clean = collapsed if text.plain else resolved_token
        reader = _Reader(text.pairs, clean, item)
        try:
            reader.read(self._top, frame)
        except (IndexError, StopIteration):
            raise Odd from None
        return [frame, *reader.made]


def let_go(made: list[Frame]) -> None:
    """Undo the circles, so that the frames are freed at once and not by the collector."""
    for frame in made:
        frame[AROUND] = None


class _Reader:
    """One document being read."""

    __slots__ = ("clean", "item", "made", "pairs")

    def __init__(self, pairs: Pairs, clean: Clean, item: Item) -> None:
        self.pairs = pairs
        self.clean = clean
        self.item = item
        self.made: list[Frame] = []

    def read(self, place: Place, frame: Frame) -> None:
        """Every tag once; the end of a leaf is taken together with its start, unseen. The end of the place: IndexError.

        A leaf that holds an element (no schema of ours has one) leaves two ends too many, and then the last of the
        document finds nothing to end: that is IndexError or StopIteration, too.
        """
        pairs, clean = self.pairs, self.clean
        around: list[tuple[Place, Frame]] = []
        get = place.get
        for tag, text in pairs:
            move = get(tag) or place.learn(tag)
            if isinstance(move, tuple):
                move, slot, value = move
                frame[slot] = value
            if isinstance(move, int):
                if text.isalnum():
                    frame[move] = text
                elif text:
                    frame[move] = clean(text) or None
                next(pairs)
            elif move is END:
                place, frame = around.pop()
                get = place.get
            elif move.enters is not None:
                around.append((place, frame))
                frame = self._entered(move, text, frame)
                place = move.enters
                get = place.get
            else:
                self._at_once(move, text, frame)

    def _entered(self, move: Move, text: str, frame: Frame) -> Frame:
        """The frame inside an element, new where its scope is; what the element itself gives is in it."""
        if move.width:
            inner: Frame = [None] * move.width
            inner[AROUND] = frame
            self.made.append(inner)
            before = frame[move.listed]
            if before is None:
                frame[move.listed] = [inner]
            else:
                before.append(inner)
            frame = inner
        if move.puts:
            _put(move, text, frame, self.clean)
        return frame

    def _at_once(self, move: Move, text: str, frame: Frame) -> None:
        """A leaf, an item, or an element of which no more is wanted: up to its end."""
        if move.inside is None:
            self._entered(move, text, frame)
            _pass_over(self.pairs, move)
            return
        before, self.made = self.made, []
        inner = self._entered(move, text, frame)
        try:
            if not move.closed:
                self.read(move.inside, inner)
        except IndexError:
            pass
        texts = frame[move.listed]
        texts.pop()
        if written := self.item(inner):
            texts.append(written)
        let_go(self.made)
        self.made = before


def _put(move: Move, text: str, frame: Frame, clean: Clean) -> None:
    """Puts what an element itself gives into its frame."""
    wanted = move.wanted
    if wanted.kind == TOKEN:
        frame[wanted.slot] = clean(text) or frame[wanted.slot]
    elif wanted.kind == PRESENCE:
        frame[wanted.slot] = PRESENT
    elif wanted.kind == AS_WRITTEN and (found := resolved(text)).strip(_BLANK):
        frame[wanted.slot] = found
    for slot, value in move.attributes:
        frame[slot] = value


def _pass_over(pairs: Pairs, move: Move) -> None:
    """Everything up to the end of an element of which no more is wanted."""
    depth = 0 if move.closed else 1
    while depth:
        tag = next(pairs)[0]
        if tag[0] == "/":
            depth -= 1
        elif tag[-1] != "/":
            depth += 1
