"""Every value of a source document and where it stands; with or without a rule that speaks of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from gateway.facts.fact import Fact
from gateway.mapping.converters import collapsed
from gateway.mapping.outcome import Run
from gateway.mapping.paths import Shape
from gateway.mapping.spoken import Spoken
from gateway.mapping.translation import Translation
from gateway.model import XSI
from gateway.xml import Element, parse, tag_of

_BLANK: Final = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One value of a source document. `place` is its numbered path, `path` the one without numbers."""

    place: str
    path: str
    value: str
    fact: Fact | None


def says_silent(root: Element, translation: Translation) -> bool:
    """True when the document holds a value of which no rule of the table speaks."""
    run = Run({})
    note_silent(root, translation, run)
    return bool(run.findings)


def note_silent(root: Element, translation: Translation, run: Run) -> None:
    """Keep one finding `mapping.dropped` for every value of which no rule of the table speaks."""
    spoken = Spoken(translation.table.rules)
    for found in values_of(root, translation.bench.reading.shape):
        unknown = found.fact is None and spoken.drop(found.path) is None
        if unknown or found.path in translation.silent:
            run.wrong("dropped", found.place, found.value, fact=found.fact, table=translation.table.name)


def source_of(payload: bytes) -> Element:
    """The document as translations read it: without comments."""
    root = parse(payload)
    etree.strip_tags(root, etree.Comment)
    return root


def values_of(root: Element, shape: Shape) -> Iterator[Found]:
    """Every text and attribute that holds something, in document order: attributes after the text they belong to."""
    top = shape.root
    yield from _values(root, top.path, top.path, top, shape)


def _values(element: Element, path: str, place: str, fact: Fact | None, shape: Shape) -> Iterator[Found]:
    if (fact is None and not len(element)) or (fact is not None and not shape.container(path)):
        text = element.text or ""
        if text.strip(_BLANK):
            value = collapsed(text) if fact is None or shape.tokens(path) else text
            yield Found(place=place, path=path, value=value, fact=fact)
    known = {_qname(below.namespace, below.name, below.attribute): below for below in shape.below.get(path, ())}
    yield from _attributes(element, path, place, known)
    tags = [tag_of(child) for child in element]
    total, seen = Counter(tags), Counter[str]()
    for child, tag in zip(element, tags, strict=True):
        seen[tag] += 1
        number = f"[{seen[tag]}]" if total[tag] > 1 else ""
        name, below = tag.rpartition("}")[2], known.get(tag)
        yield from _values(child, below.path if below else f"{path}/{name}", f"{place}/{name}{number}", below, shape)


def _attributes(element: Element, path: str, place: str, known: Mapping[str, Fact]) -> Iterator[Found]:
    for name, text in element.attrib.items():
        value = collapsed(str(text))
        if value and not str(name).startswith(f"{{{XSI}}}"):
            fact, local = known.get(f"@{name}"), str(name).rpartition("}")[2]
            yield Found(
                place=f"{place}/@{local}", path=fact.path if fact else f"{path}/@{local}", value=value, fact=fact
            )


def _qname(namespace: str, name: str, attribute: bool) -> str:
    return ("@" if attribute else "") + (f"{{{namespace}}}{name}" if namespace else name)
