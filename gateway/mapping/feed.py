"""The elements of one place of a long document, one at a time, each forgotten when the next is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from lxml import etree

from gateway.errors import EnvelopeMalformed, MediaTypeUnknown
from gateway.xml import LIMITS, Element, tag_of

_AT_ONCE: Final = 65_536
"""Octets read at a time."""
_LONGEST: Final = 16_000_000
"""Octets without such an element."""
_LOOK_AFTER: Final = 500
"""Elements after which what is kept of the document is counted."""
_ENCODINGS: Final = (None, "UTF-8", "UTF8", "US-ASCII")


class Feed:
    """Reads a source once. `way` are the QNames from the root to the elements; afterwards `root` has all but them."""

    def __init__(self, source: BinaryIO, way: tuple[str, ...]) -> None:
        self._source = source
        self._above = tuple(reversed(way[:-1]))
        self._parser = etree.XMLPullParser(
            events=("end", "pi"), tag=way[-1], resolve_entities=False, no_network=True, load_dtd=False,
            huge_tree=False, remove_comments=True,
        )  # fmt: skip
        self._held = 0
        self._last: Element | None = None
        self.count = 0
        self.root: Element | None = None

    def __iter__(self) -> Iterator[Element]:
        """Refuses what `gateway.xml.parse` refuses, but counts depth and nodes only of what is kept together.

        Raises EnvelopeMalformed and MediaTypeUnknown.
        """
        try:
            yield from self._elements()
            self.root = self._parser.close()
        except etree.XMLSyntaxError as error:
            line, column = error.position
            reason = f"not well-formed at line {line}, column {column}: {error.msg}"
            raise EnvelopeMalformed(reason, threat="X8") from None
        self._forget(None)
        _check(self.root)

    def _elements(self) -> Iterator[Element]:
        first = True
        while chunk := self._source.read(_AT_ONCE):
            if first and b"\0" in chunk[:64]:
                raise MediaTypeUnknown("only UTF-8 is accepted", threat="X7")
            first = False
            self._held += len(chunk)
            if self._held > _LONGEST:
                raise EnvelopeMalformed("too much in one piece to be streamed", threat="X5")
            self._parser.feed(chunk)
            for event, element in self._parser.read_events():
                if event == "pi":
                    raise EnvelopeMalformed("processing instructions are not accepted", threat="X4")
                if tuple(map(tag_of, element.iterancestors())) == self._above:
                    yield self._met(element)
                    self._forget(element)

    def _met(self, element: Element) -> Element:
        if self.count % _LOOK_AFTER == 0:
            _check(element)
        self.count += 1
        self._held = 0
        return element

    def _forget(self, element: Element | None) -> None:
        """Empty this element and take the one before out: behind the newest the parser may still be writing."""
        if element is not None:
            element.clear(keep_tail=True)
        above = self._last.getparent() if self._last is not None else None
        if self._last is not None and above is not None:
            above.remove(self._last)
        self._last = element


def _check(element: Element) -> None:
    """What is known of the whole document so far."""
    tree = element.getroottree()
    about = tree.docinfo
    if about.doctype:
        raise EnvelopeMalformed("a document type declaration is not accepted", threat="X1")
    if about.xml_version != "1.0" or (about.encoding and about.encoding.upper() not in _ENCODINGS):
        raise MediaTypeUnknown("only XML 1.0 in UTF-8 is accepted", threat="X7")
    if int(tree.xpath("count(//node())")) > LIMITS.nodes:
        raise EnvelopeMalformed("too many nodes beside the streamed ones", threat="X5")
