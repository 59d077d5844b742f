"""What a document may not do whatever its schema says: split a value, choose its own type, point to a schema."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from lxml import etree

from gateway.model import XSI
from gateway.xml import Element

_TYPED: Final = etree.XPath("//*[@xsi:type]", namespaces={"xsi": XSI})
_LOCATED: Final = etree.XPath("//*[@xsi:schemaLocation or @xsi:noNamespaceSchemaLocation]", namespaces={"xsi": XSI})
_LOCATIONS: Final = (f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation")
_SPLITTERS: Final = (b"<!--", b"<![CDATA[")
_INSTANCE: Final = XSI.encode()


def _may_speak_xsi(payload: bytes) -> bool:
    """False when no attribute can be in the namespace of XML Schema instances: it would have to be declared.

    Only a character reference can write its name otherwise. One search for a long name is far cheaper than two for
    short ones.
    """
    return _INSTANCE in payload or (b"&" in payload and b"&#" in payload)


def typed_elements(root: Element, payload: bytes) -> list[Element]:
    """Elements with `xsi:type`. The byte tests spare ordinary messages the walk: a local name cannot be escaped."""
    if not _may_speak_xsi(payload) or b":type" not in payload:
        return []
    return [found for found in _TYPED(root) if isinstance(found, etree._Element)]


def without_locations(root: Element, payload: bytes) -> Element:
    """The same tree with every hint where a schema might lie removed. Changes the tree, not the bytes."""
    if not _may_speak_xsi(payload) or b"chemaLocation" not in payload:
        return root
    for element in _LOCATED(root):
        for name in _LOCATIONS:
            if isinstance(element, etree._Element):
                element.attrib.pop(name, None)
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Something that is not text inside a value: what, where (from 1), and the child positions of its element."""

    what: str
    line: int
    column: int
    index: tuple[int, ...]


@dataclass(slots=True)
class _Open:
    """An element whose end tag has not come yet; `children` counts those seen so far."""

    index: tuple[int, ...] = ()
    children: int = 0
    text: bool = False
    splits: list[Split] = field(default_factory=list)


def split_values(octets: bytes) -> list[Split]:
    """Every comment, CDATA section or instruction inside the text of an element without child elements.

    Between elements they are harmless and not listed. Single octets are searched first: that is the fast search, and
    most messages have none of them.
    """
    if b"!" not in octets and octets.find(b"?", 5) < 0:
        return []
    if not any(mark in octets for mark in _SPLITTERS) and octets.find(b"<?", 5) < 0:
        return []
    scan = _Scan()
    with suppress(expat.ExpatError):
        scan.parser.Parse(octets, True)
    return scan.found


class _Scan:
    """One expat pass that remembers what stands inside the element that is open."""

    def __init__(self) -> None:
        self.found: list[Split] = []
        self._open = [_Open()]
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.CommentHandler = lambda _text: self._spot("comment")
        self.parser.StartCdataSectionHandler = lambda: self._spot("CDATA")
        self.parser.ProcessingInstructionHandler = lambda _target, _text: self._spot("instruction")

    def _start(self, _name: str, _attributes: dict[str, str]) -> None:
        parent = self._open[-1]
        root = len(self._open) == 1
        self._open.append(_Open(index=() if root else (*parent.index, parent.children)))
        parent.children += 1

    def _end(self, _name: str) -> None:
        closed = self._open.pop()
        if closed.text and not closed.children:
            self.found.extend(closed.splits)

    def _text(self, text: str) -> None:
        self._open[-1].text = self._open[-1].text or not text.isspace()

    def _spot(self, what: str) -> None:
        here, inside = self.parser, self._open[-1]
        inside.splits.append(
            Split(what=what, line=here.CurrentLineNumber, column=here.CurrentColumnNumber + 1, index=inside.index)
        )
