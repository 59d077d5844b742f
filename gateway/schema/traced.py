"""What the schema says against a document while it is read, and, when it is read again, where.

libxml2 names no place while it validates without a tree. So a second reader goes beside it, and both are fed tag by tag
where it is known that something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final, Protocol, cast
from xml.parsers import expat

from lxml import etree

from gateway.errors import EnvelopeMalformed, Finding
from gateway.facts import FactTable
from gateway.schema import Shape
from gateway.schema.explain import explain
from gateway.schema.rules import Complaint
from gateway.xml import Element, tag_of

AT_ONCE: Final = 65_536
MOST: Final = 100
"""Findings that are told of one document."""
_SIBLINGS: Final = 40
"""Elder siblings that an explanation may look at."""
_SEPARATOR: Final = "\x01"


class _Nothing:
    """A target without a wish: no tree is built, no event is told."""

    def close(self) -> None:
        """Nothing."""


class _Parser(Protocol):
    """What is asked of such a parser; the stubs of lxml know no target without a wish."""

    @property
    def feed_error_log(self) -> Sequence[etree._LogEntry]: ...

    def feed(self, data: bytes) -> None: ...

    def close(self) -> object: ...


def schema_parser(shape: Shape) -> _Parser:
    """A hardened parser that validates what it is fed, builds nothing and logs what is wrong."""
    make = cast(Callable[..., _Parser], etree.XMLParser)
    return make(
        target=_Nothing(), schema=shape.compiled.xsd, resolve_entities=False, no_network=True, load_dtd=False,
        huge_tree=False, remove_comments=True,
    )  # fmt: skip


def valid(source: BinaryIO, shape: Shape) -> bool:
    """True when the schema has nothing to say against any of it."""
    return next(_wrong(source, shape), None) is None


def _wrong(source: BinaryIO, shape: Shape) -> Iterator[int]:
    """Numbers of the pieces of `AT_ONCE` octets in which, or shortly before which, something is wrong."""
    source.seek(0)
    parser, number, known = schema_parser(shape), 0, 0
    while chunk := source.read(AT_ONCE):
        try:
            parser.feed(chunk)
        except etree.XMLSyntaxError:
            yield number
            return
        if len(parser.feed_error_log) > known:
            known = len(parser.feed_error_log)
            yield number
        number += 1
    try:
        parser.close()
    except etree.XMLSyntaxError:
        yield number - 1
        return
    if len(parser.feed_error_log) > known:
        yield number - 1


def traced(source: BinaryIO, shape: Shape) -> tuple[Finding, ...]:
    """The first findings, with line, column and path as far as they can be told; at most `MOST`."""
    pieces: set[int] = set()
    for number in _wrong(source, shape):
        pieces |= {number - 1, number}
        if len(pieces) > MOST:
            break
    source.seek(0)
    return _Side(shape).read(source, pieces)


@dataclass(slots=True)
class _Open:
    """An element whose end has not come, or which ended last; `counts`: children so far, by QName."""

    element: Element
    path: str
    line: int
    column: int
    counts: dict[str, int] = field(default_factory=dict)


class _Side:
    """Both readers, side by side. Of the document only the way to the open element and some elder siblings are kept."""

    def __init__(self, shape: Shape) -> None:
        self._facts: FactTable | None = shape.facts
        self._validator = schema_parser(shape)
        self._open: list[_Open] = []
        self._near: list[_Open] = []
        self._text: list[str] = []
        self._root: Element | None = None
        self._parser = parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append

    def read(self, source: BinaryIO, pieces: set[int]) -> tuple[Finding, ...]:
        """The findings of these pieces."""
        found: dict[tuple[str, str], Finding] = {}
        number = known = 0
        last = max(pieces, default=-1)
        while (chunk := source.read(AT_ONCE)) and number <= last and len(found) < MOST:
            for part in _tags(chunk) if number in pieces else ():
                known = self._both(part, known, found)
            if number not in pieces:
                known = self._both(chunk, known, found)
            number += 1
        return tuple(found.values())

    def _both(self, part: bytes, known: int, found: dict[tuple[str, str], Finding]) -> int:
        self._near = self._near[-2:]
        self._parser.Parse(part, False)
        try:
            self._validator.feed(part)
        except etree.XMLSyntaxError as error:  # it is stricter than the other reader: names of 50,000 letters
            raise EnvelopeMalformed(f"not well-formed: {error.msg}", threat="X8") from None
        log = self._validator.feed_error_log
        for entry in list(log)[known:]:
            finding = self._finding(entry.type_name, entry.message)
            found.setdefault((finding.path, str(finding.line)), finding)
        return len(log)

    # --- where we are -------------------------------------------------------------------------------------------------
    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag, above = _clark(name), self._open[-1] if self._open else None
        given = {_clark(key): value for key, value in attributes.items()}
        element = etree.Element(tag, given) if above is None else etree.SubElement(above.element, tag, given)
        if above is None:
            self._root = element
        here = _Open(element, self._path(tag, above), *self._spot())
        self._open.append(here)
        self._near.append(here)
        self._text.clear()

    def _path(self, tag: str, above: _Open | None) -> str:
        local = etree.QName(tag).localname
        if above is None:
            return f"/{local}"
        number = above.counts[tag] = above.counts.get(tag, 0) + 1
        return f"{above.path}/{local}" + (f"[{number}]" if number > 1 else "")

    def _spot(self) -> tuple[int, int]:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _end(self, _name: str) -> None:
        here = self._open.pop()
        if not here.counts:
            here.element.text = "".join(self._text)
        self._text.clear()
        self._near.append(here)
        above = here.element.getparent()
        for child in list(here.element)[:-_SIBLINGS]:
            here.element.remove(child)
        if above is not None and len(above) > _SIBLINGS:
            above.remove(above[0])

    # --- what is wrong there ------------------------------------------------------------------------------------------
    def _finding(self, kind: str, message: str) -> Finding:
        """The complaint names its element: it is one of those that began or ended last, or the open one."""
        near = [*self._near[::-1], *self._open[::-1]]
        here = next((one for one in near if f"'{tag_of(one.element)}'" in message.partition(":  ")[0]), near[0])
        if here.element.getroottree().getroot() is not self._root:  # it was forgotten meanwhile
            return Finding(rule="xsd.other", params={"message": message}, path=here.path, line=here.line)
        complaint = Complaint(kind=kind, path=_indexes(here.element), message=message)
        assert self._root is not None  # noqa: S101 - it has begun
        told = explain(self._root, (complaint,), self._facts, None)[0]
        return replace(told, path=here.path, line=here.line, column=here.column)


def _tags(chunk: bytes) -> Iterator[bytes]:
    """The same octets, cut behind each tag."""
    start = 0
    while start < len(chunk):
        end = chunk.find(b">", start) + 1 or len(chunk)
        yield chunk[start:end]
        start = end


def _clark(name: str) -> str:
    namespace, _, local = name.rpartition(_SEPARATOR)
    return f"{{{namespace}}}{local}" if namespace else local


def _indexes(element: Element) -> str:
    """The path that libxml2 would have written."""
    steps: list[str] = []
    node = element
    while (above := node.getparent()) is not None:
        steps.append(f"*[{above.index(node) + 1}]")
        node = above
    return "/" + "/".join(["*", *reversed(steps)])
