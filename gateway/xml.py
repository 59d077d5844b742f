"""The one XML parser of the house, canonical form, digests, and where in the bytes an element stands.

Hardened lxml (no DTD, no entities, no network, libxml2's own depth and text limits) plus the shape limits of the threat
table rows X1-X8. Trees made here live and die inside the function that asked for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from threading import local
from typing import Final
from xml.parsers import expat

from lxml import etree

from gateway.errors import EnvelopeMalformed, MediaTypeUnknown

Element = etree._Element
_DECLARATION = re.compile(
    rb"^<\?xml\s+version\s*=\s*[\"']([^\"']*)[\"'](?:\s+encoding\s*=\s*[\"']([^\"']*)[\"'])?", re.S
)
_SHORTEST_NODE: Final = 4
"""Bytes: `<a/>`."""
UTF8_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Shape limits of one parsed message (threat row X5). Counts, not bytes."""

    depth: int = 100
    attributes: int = 256
    namespaces: int = 64
    nodes: int = 100_000
    text: int = 1_000_000


LIMITS: Final = Limits()
_USUAL_DEPTH: Final = 20
_DEEPER = etree.XPath("boolean(" + "/*" * (LIMITS.depth + 1) + ")")
_UNUSUAL = etree.XPath("boolean(" + "/*" * (_USUAL_DEPTH + 1) + ")")
"""A path costs by its steps even where nothing is found, so the short one is asked first."""
_PARSER_LIMITS: Final = {
    "depth": ("nested too deep", "X5"),
    "entity": ("a document type declaration is not accepted", "X1"),
    "XML_PARSE_HUGE": ("a text is too long", "X6"),
}
"""How libxml2 tells its own limits -> our words and row."""
_LONGER = etree.XPath(f"boolean(//text()[string-length() > {LIMITS.text}])")


def parse(data: bytes, *, instructions: bool = False) -> Element:
    """Parse UTF-8 XML bytes to a root element, or refuse.

    Refused: DOCTYPE (X1-X3), processing instructions unless `instructions` (X4), shapes beyond `LIMITS` (X5), other
    encodings, XML 1.1 and NUL (X7), anything not well-formed (X8). Raises EnvelopeMalformed or MediaTypeUnknown.
    """
    _check_prolog(data)
    try:
        root = etree.fromstring(data, _parsers.parser)
    except etree.XMLSyntaxError as error:
        raise _refusal(error) from None
    except (ValueError, LookupError) as error:
        raise EnvelopeMalformed(f"unreadable: {error}", threat="X7") from None
    _check_shape(data, root, instructions=instructions)
    return root


def parse_again(data: bytes) -> Element:
    """Parse what `parse` has taken before, as a whole or inside an envelope: its limits hold already.

    Raises EnvelopeMalformed where the octets lean on declarations that stood outside of them.
    """
    try:
        return etree.fromstring(data, _parsers.parser)
    except etree.XMLSyntaxError as error:
        raise EnvelopeMalformed(f"not well-formed by itself: {error.msg}", threat="X8") from None


def _refusal(error: etree.XMLSyntaxError) -> EnvelopeMalformed:
    """What the parser stopped at; its own limits, which no option of ours lifts, in our words."""
    line, column = error.position
    told = (error.msg or "").removesuffix(f", line {line}, column {column}")
    limits = _PARSER_LIMITS.items() if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT else ()
    reason, threat = next((ours for word, ours in limits if word in told), (told, "X8"))
    return EnvelopeMalformed(f"not well-formed at line {line}, column {column}: {reason}", threat=threat)


class _Parsers(local):
    """One parser a thread: lxml parsers are not shared between threads."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


_parsers: Final = _Parsers()


def tag_of(element: Element) -> str:
    """The `{namespace}name` of an element; empty for comments and processing instructions."""
    tag = element.tag
    return tag if isinstance(tag, str) else ""


def _check_prolog(data: bytes) -> None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00", b"+/v")) or b"\x00" in data[:64]:
        raise MediaTypeUnknown("only UTF-8 is accepted", threat="X7")
    body = data[3:] if data.startswith(UTF8_BOM) else data
    declared = _DECLARATION.match(body)
    if declared is None:
        if not body.lstrip(b" \t\r\n").startswith(b"<"):
            raise EnvelopeMalformed("not an XML document in UTF-8", threat="X8")
        return
    version, encoding = declared.groups()
    if version != b"1.0":
        raise EnvelopeMalformed("only XML 1.0 is accepted", threat="X7")
    if encoding is not None and encoding.upper() not in (b"UTF-8", b"UTF8", b"US-ASCII"):
        raise MediaTypeUnknown(f"XML declaration says {encoding.decode('ascii', 'replace')}; only UTF-8", threat="X7")


def _check_shape(data: bytes, root: Element, *, instructions: bool) -> None:
    """The byte counts are upper bounds that let ordinary messages skip the tree walks."""
    if b"!" in data and b"!DOCTYPE" in data and root.getroottree().docinfo.doctype:
        raise EnvelopeMalformed("a document type declaration is not accepted", threat="X1")
    if not instructions and data.find(b"?", _after_declaration(data)) >= 0 and _has_instruction(root):
        raise EnvelopeMalformed("processing instructions are not accepted", threat="X4")
    if may_have_many_nodes(data) and int(root.xpath("count(//node())")) > LIMITS.nodes:
        raise EnvelopeMalformed("too many nodes", threat="X5")
    if _UNUSUAL(root) and _DEEPER(root):
        raise EnvelopeMalformed("nested too deep", threat="X5")
    if _may_have_long_text(data) and _LONGER(root):
        raise EnvelopeMalformed("a text is too long", threat="X6")


def may_have_many_nodes(data: bytes) -> bool:
    """Every node but a text begins with `<`, and between two of them stands at most one text."""
    return len(data) > _SHORTEST_NODE * LIMITS.nodes and 2 * data.count(b"<") > LIMITS.nodes


def _may_have_long_text(data: bytes) -> bool:
    """True when so many octets stand together without `<`; only CDATA, then looked at in the tree, hides one."""
    if len(data) <= LIMITS.text:
        return False
    if b"!" in data and b"<![CDATA[" in data:
        return True
    start = 0
    while start + LIMITS.text <= len(data):
        last = data.rfind(b"<", start, start + LIMITS.text)
        if last < 0:
            return True
        start = last + 1
    return False


def _after_declaration(data: bytes) -> int:
    """Where the XML declaration ends; 0 without one."""
    return data.find(b"?>") + 2 if data[:9].lstrip(UTF8_BOM).startswith(b"<?xml ") else 0


def check_elements(element: Element, data: bytes) -> None:
    """Refuse an element, or one below it, with too many attributes or namespaces (X5).

    Called for headers always and for a payload when its schema refused it: a schema bounds attributes by itself, and
    these walks cost as much as the parse. The counts over `data`, the bytes it came in, are upper bounds.
    """
    if data.count(b"=") <= LIMITS.attributes and data.count(b"xmlns") <= LIMITS.namespaces:
        return
    for node in element.iter("{*}*"):
        if len(node.attrib) > LIMITS.attributes:
            raise EnvelopeMalformed("too many attributes on one element", threat="X5")
        if len(node.nsmap) > LIMITS.namespaces:
            raise EnvelopeMalformed("too many namespaces in scope", threat="X5")


def _has_instruction(root: Element) -> bool:
    tree = root.getroottree()
    return bool(tree.xpath("boolean(//processing-instruction())"))


def canonical(element: Element, prefixes: tuple[str, ...] = ()) -> bytes:
    """Exclusive canonical XML 1.0 without comments of one element and all below it, as UTF-8 octets.

    `prefixes` is the InclusiveNamespaces PrefixList, `#default` for the default namespace. Raises
    lxml.etree.C14NError for relative namespace URIs.
    """
    if "#default" in prefixes:
        _know_default()
    return etree.tostring(  # type: ignore[call-overload, no-any-return]
        element, method="c14n", exclusive=True, with_comments=False,
        inclusive_ns_prefixes=list(prefixes) or None, with_tail=False,
    )  # fmt: skip


def _know_default() -> None:
    """Make lxml see `#default` in a PrefixList: it drops names that no document of this thread has used yet."""
    for _ in etree.iterparse(BytesIO(b"<a/>"), tag="#default"):
        pass


def text_of(element: Element) -> str:
    """The whole character content of an element, whatever comments stand between."""
    return "".join(element.itertext()) if len(element) else (element.text or "")


def readable_path(element: Element) -> str:
    """Local names from the root with an index where siblings share a name: `/MetaData/Declaration/Item[3]/ID`."""
    steps: list[str] = []
    node: Element | None = element
    while node is not None:
        steps.append(_step(node))
        node = node.getparent()
    return "/" + "/".join(reversed(steps))


def _step(node: Element) -> str:
    name = etree.QName(node).localname
    parent = node.getparent()
    if parent is None:
        return name
    same = list(parent.iterchildren(tag_of(node)))
    return f"{name}[{same.index(node) + 1}]" if len(same) > 1 else name


def element_index(element: Element) -> tuple[int, ...]:
    """Where an element stands, as child positions from the root, counting elements only."""
    steps: list[int] = []
    node = element
    while (parent := node.getparent()) is not None:
        steps.append(sum(1 for _ in node.itersiblings("{*}*", preceding=True)))
        node = parent
    return tuple(reversed(steps))


def locate(data: bytes, indexes: set[tuple[int, ...]]) -> dict[tuple[int, ...], tuple[int, int]]:
    """Line and column (from 1) of the start tags at these positions, by one expat pass over the bytes as received."""
    found: dict[tuple[int, ...], tuple[int, int]] = {}
    path: list[int] = []
    counters = [0]

    def start(_name: str, _attributes: dict[str, str]) -> None:
        path.append(counters[-1])
        counters[-1] += 1
        counters.append(0)
        here = tuple(path[1:])
        if here in indexes:
            found[here] = (scanner.CurrentLineNumber, scanner.CurrentColumnNumber + 1)

    def end(_name: str) -> None:
        path.pop()
        counters.pop()

    scanner = expat.ParserCreate()
    scanner.StartElementHandler = start
    scanner.EndElementHandler = end
    try:
        scanner.Parse(data, True)
    except expat.ExpatError:
        return found
    return found
