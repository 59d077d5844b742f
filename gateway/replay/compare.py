"""Where two documents differ; white space between elements and the order of attributes mean nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

from lxml import etree

from gateway.xml import Element, parse, readable_path, tag_of, text_of

Kind = Literal["missing", "unexpected", "text", "attribute", "root"]
_BLANK: Final = " \t\r\n"
_SHOWN: Final = 200
_MOST_ALIGNED: Final = 4_000_000
"""Above this product of child counts, children are paired in order instead of aligned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One place. `path` has local names and an index where siblings share a name; attributes end in `/@name`.

    `missing` stands in the expected document only, its path counts there; every other path counts in the one we got.
    """

    kind: Kind
    path: str
    expected: str
    got: str


def compare(expected: bytes, got: bytes) -> list[Change]:
    """Every difference, in the order of the documents; none when both are the same document.

    Names are compared as QNames, text exactly, comments not at all. Raises EnvelopeMalformed for what is not XML.
    """
    return list(_elements(parse(expected), parse(got)))


def _elements(expected: Element, got: Element) -> Iterator[Change]:
    if tag_of(expected) != tag_of(got):
        yield Change(kind="root", path=readable_path(got), expected=tag_of(expected), got=tag_of(got))
        return
    yield from _attributes(expected, got)
    mine, theirs = _children(expected), _children(got)
    if _own_text(expected, mine) != _own_text(got, theirs):
        yield _text(readable_path(got), _own_text(expected, mine), _own_text(got, theirs))
    for one, other in _pairs(mine, theirs):
        if one is None and other is not None:
            yield Change(kind="unexpected", path=readable_path(other), expected="", got=_brief(other))
        elif other is None and one is not None:
            yield Change(kind="missing", path=readable_path(one), expected=_brief(one), got="")
        elif one is not None and other is not None:
            yield from _elements(one, other)


def _text(path: str, expected: str, got: str) -> Change:
    return Change(kind="text", path=path, expected=expected[:_SHOWN], got=got[:_SHOWN])


def _attributes(expected: Element, got: Element) -> Iterator[Change]:
    names = dict.fromkeys([*map(str, expected.attrib), *map(str, got.attrib)])
    for name in names:
        wanted, found = expected.get(name), got.get(name)
        if wanted != found:
            path = f"{readable_path(got)}/@{etree.QName(name).localname}"
            yield Change(kind="attribute", path=path, expected=wanted or "", got=found or "")


def _children(element: Element) -> list[Element]:
    return list(element.iterchildren("{*}*"))


def _own_text(element: Element, children: Sequence[Element]) -> str:
    """The text of a leaf as it is; of a container what stands between its children, if it is more than blanks."""
    if not children:
        return text_of(element)
    between = "".join([element.text or "", *(child.tail or "" for child in element)])
    return between if between.strip(_BLANK) else ""


def _pairs(mine: list[Element], theirs: list[Element]) -> Iterator[tuple[Element | None, Element | None]]:
    """Children that belong together: equal ones first, then those of one name in their order."""
    if len(mine) == len(theirs) and [tag_of(e) for e in mine] == [tag_of(e) for e in theirs]:
        yield from zip(mine, theirs, strict=True)
        return
    for one, other in _runs(mine, theirs, [_signature(e) for e in mine], [_signature(e) for e in theirs]):
        if len(one) == len(other) and all(_signature(a) == _signature(b) for a, b in zip(one, other, strict=True)):
            yield from zip(one, other, strict=True)
        else:
            yield from _by_name(one, other)


def _by_name(mine: list[Element], theirs: list[Element]) -> Iterator[tuple[Element | None, Element | None]]:
    for one, other in _runs(mine, theirs, [tag_of(e) for e in mine], [tag_of(e) for e in theirs]):
        if [tag_of(e) for e in one] == [tag_of(e) for e in other]:
            yield from zip(one, other, strict=True)
        else:
            yield from ((element, None) for element in one)
            yield from ((None, element) for element in other)


def _runs(
    mine: list[Element], theirs: list[Element], left: Sequence[str], right: Sequence[str]
) -> Iterator[tuple[list[Element], list[Element]]]:
    """Both lists cut at the same places, equal runs and unequal ones in turn."""
    if len(left) * len(right) > _MOST_ALIGNED:
        shared = min(len(left), len(right))
        yield from (([a], [b]) for a, b in zip(mine[:shared], theirs[:shared], strict=True))
        yield mine[shared:], theirs[shared:]
        return
    for _, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        yield mine[a:b], theirs[c:d]


def _signature(element: Element) -> str:
    """A digest of an element and all below it, the same for all ways to write it."""
    children = _children(element)
    attributes = sorted((str(name), str(value)) for name, value in element.attrib.items())
    parts = [tag_of(element), repr(attributes), _own_text(element, children), *map(_signature, children)]
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _brief(element: Element) -> str:
    """What an element says, in short: its text, or its name and how much is in it."""
    children = _children(element)
    if not children:
        return text_of(element)[:_SHOWN]
    words = [text_of(leaf).strip(_BLANK) for leaf in element.iter("{*}*") if not len(leaf)]
    return " ".join(word for word in words if word)[:_SHOWN]
