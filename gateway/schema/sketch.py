"""One pass over a long document that keeps none of it: its shape, what it says it is, and its business keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from lxml import etree

from gateway.errors import EnvelopeMalformed, Finding, GatewayError, MediaTypeUnknown
from gateway.gauge import Gauge
from gateway.model import XSI
from gateway.schema.recognise import Step
from gateway.xml import LIMITS, Element

AT_ONCE: Final = 65_536
MOST_KEYS: Final = 1_000
"""Values of one business key that a message can be found by."""
_SEPARATOR: Final = "\x01"
_TYPE: Final = f"{XSI}{_SEPARATOR}type"
_ENCODINGS: Final = (None, "UTF-8", "UTF8", "US-ASCII")
Wanted = Callable[[Element], Iterable[tuple[Step, ...]]]
"""Told the bare root, the paths below it of which values are to be kept."""


@dataclass(slots=True)
class _Place:
    """A step of some path that is wanted. `values` None = only steps below it are."""

    below: dict[str, _Place] = field(default_factory=dict)
    namespace: str | None = None
    values: dict[str, None] | None = None


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is known of a long document after one pass. `values`: each different one, in order, by path."""

    root: Element
    values: dict[tuple[Step, ...], list[str]]


def sketch(source: BinaryIO, wanted: Wanted) -> Sketch:
    """Read a document once. Values past `MOST_KEYS` different ones of a path are not kept.

    Refuses what `gateway.xml.parse` refuses but the number of nodes, and, anywhere inside the root, a comment, CDATA
    section or instruction in an element without child elements. Raises EnvelopeMalformed, MediaTypeUnknown (X1-X9, S6).
    """
    return _Pass(wanted).read(source)


class _Pass:
    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._paths: dict[tuple[Step, ...], _Place] = {}
        self._open: list[_Place | None] = []
        self._children = [0]
        self._split: list[tuple[int, str, int, int]] = []
        self._text: list[str] | None = None
        self._root: Element | None = None
        self._namespaces = 0
        self._gauge = Gauge(_SEPARATOR)
        self._parser = parser = self._gauge.parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._declared
        parser.EndNamespaceDeclHandler = self._left
        parser.StartDoctypeDeclHandler = self._doctype
        parser.XmlDeclHandler = self._declaration
        parser.ProcessingInstructionHandler = lambda _target, _text: self._refuse("processing instructions", "X4")
        parser.CommentHandler = lambda _text: self._spot("comment")
        parser.StartCdataSectionHandler = lambda: self._spot("CDATA")

    def read(self, source: BinaryIO) -> Sketch:
        """The whole document."""
        first = True
        while chunk := source.read(AT_ONCE):
            if first and (b"\0" in chunk[:64] or chunk.startswith((b"\xff\xfe", b"\xfe\xff", b"+/v"))):
                raise MediaTypeUnknown("only UTF-8 is accepted", threat="X7")
            self._gauge.feed(chunk)
            first = False
        self._gauge.feed(b"")
        assert self._root is not None  # noqa: S101 - a document that parses has one
        return Sketch(root=self._root, values={path: list(one.values or ()) for path, one in self._paths.items()})

    # --- elements -----------------------------------------------------------------------------------------------------
    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._children[-1] += 1
        self._children.append(0)
        if attributes:
            self._check_attributes(attributes)
        if self._root is None:
            top = self._begin(name)
            self._open.append(top)
            self._kept(top, attributes)
            return
        namespace, _, local = name.rpartition(_SEPARATOR)
        above = self._open[-1]
        place = above.below.get(local) if above is not None else None
        if place is not None and place.namespace not in (None, namespace):
            place = None
        self._open.append(place)
        if len(self._open) > LIMITS.depth:
            raise EnvelopeMalformed("nested too deep", threat="X5")
        if place is not None:
            self._kept(place, attributes)

    def _begin(self, name: str) -> _Place:
        namespace, _, local = name.rpartition(_SEPARATOR)
        self._root = etree.Element(f"{{{namespace}}}{local}" if namespace else local)
        top = _Place()
        for path in self._wanted(self._root):
            self._paths[path] = _planted(top, path)
        return top

    def _kept(self, place: _Place, attributes: dict[str, str]) -> None:
        if place.values is not None:
            self._text = []
            self._parser.CharacterDataHandler = self._text.append
        for step, below in place.below.items():
            if step.startswith("@"):
                key = f"{below.namespace}{_SEPARATOR}{step[1:]}" if below.namespace else step[1:]
                if key in attributes:
                    _add(below, attributes[key])

    def _end(self, _name: str) -> None:
        if not self._children.pop() and self._split and self._split[-1][0] == len(self._open):
            self._refuse_split()
        if self._split and self._split[-1][0] >= len(self._open):
            self._split = []
        place = self._open.pop()
        if place is not None and place.values is not None and self._text is not None:
            _add(place, "".join(self._text))
            self._text = None
            self._parser.CharacterDataHandler = None

    # --- what is refused ----------------------------------------------------------------------------------------------
    def _check_attributes(self, attributes: dict[str, str]) -> None:
        if len(attributes) > LIMITS.attributes:
            raise EnvelopeMalformed("too many attributes on one element", threat="X5")
        if _TYPE in attributes:
            raise self._here(EnvelopeMalformed("xsi:type is not accepted", threat="S6"), "xml.xsi-type", {})

    def _declared(self, _prefix: str | None, _uri: str | None) -> None:
        self._namespaces += 1
        if self._namespaces > LIMITS.namespaces:
            raise EnvelopeMalformed("too many namespaces in scope", threat="X5")

    def _left(self, _prefix: str | None) -> None:
        self._namespaces -= 1

    def _doctype(self, *_told: object) -> None:
        raise EnvelopeMalformed("a document type declaration is not accepted", threat="X1")

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0":
            raise EnvelopeMalformed("only XML 1.0 is accepted", threat="X7")
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise MediaTypeUnknown(f"XML declaration says {encoding[:40]}; only UTF-8", threat="X7")

    def _refuse(self, what: str, threat: str) -> None:
        raise EnvelopeMalformed(f"{what} are not accepted", threat=threat)

    def _spot(self, what: str) -> None:
        if self._open and not self._children[-1]:
            here = self._parser
            self._split = [(len(self._open), what, here.CurrentLineNumber, here.CurrentColumnNumber + 1)]

    def _refuse_split(self) -> None:
        _, what, line, column = self._split[-1]
        finding = Finding(rule="xml.split-value", params={"what": what}, line=line, column=column)
        raise EnvelopeMalformed(
            "a comment, CDATA or instruction splits a value", findings=(finding,), threat="X9"
        )  # fmt: skip

    def _here(self, error: GatewayError, rule: str, params: dict[str, str]) -> GatewayError:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        error.findings = (Finding(rule=rule, params=params, line=line, column=column),)
        return error


def _planted(top: _Place, path: tuple[Step, ...]) -> _Place:
    place = top
    for name, namespace in path:
        place = place.below.setdefault(name, _Place(namespace=namespace))
    place.values = {} if place.values is None else place.values
    return place


def _add(place: _Place, text: str) -> None:
    value = " ".join(text.split())
    if place.values is not None and len(place.values) < MOST_KEYS:
        place.values.setdefault(value)
