"""Says where every value of a translated document came from; costs nothing unless asked, by a second compilation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.mapping.checks import code_lists_of
from gateway.mapping.outcome import Frame, Run
from gateway.mapping.rows import Row, sources_at
from gateway.mapping.run import accepted, carried
from gateway.mapping.translation import Translation
from gateway.xml import Element, parse, tag_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One value of the output and its origin.

    `target` and the paths in `sources` are numbered where siblings share a name (`A/Item[2]/ID`, `.../@unitCode`);
    `sources` are (path, value) pairs, empty for a constant; `codes` are (list, version) pairs of the code lists used.
    """

    target: str
    value: str
    rule: str
    line: int
    convert: str
    sources: tuple[tuple[str, str], ...]
    codes: tuple[tuple[str, str], ...] = ()
    condition: str = ""
    note: str = ""


def explain(payload: bytes, translation: Translation, context: Mapping[str, str]) -> tuple[bytes, tuple[Trace, ...]]:
    """The same bytes as `translate`, and one trace per value in them, in document order. Raises as `translate` does."""
    root = accepted(payload, translation)
    out, run = carried(root, translation, context, translation.write_traced)
    if translation.stylesheet:
        return out, tuple(_unknown(parse(out)))
    places = list(_values(parse(out)))
    traces = tuple(_trace(translation, run, place, mark) for place, mark in zip(places, tuple(run.marks), strict=True))
    del root
    return out, traces


def _trace(translation: Translation, run: Run, place: str, mark: tuple[Row, Frame, str]) -> Trace:
    row, frame, value = mark
    rule = row.rule
    places, texts = sources_at(translation.bench, rule, row.here, frame, Run(run.context))
    return Trace(
        target=place,
        value=value,
        rule=rule.id,
        line=rule.line,
        convert=rule.convert,
        sources=tuple(zip(places, texts, strict=True)),
        codes=tuple((name, translation.codes[name]) for name in sorted(code_lists_of((rule,)))),
        condition=rule.condition,
        note=rule.note,
    )


def _unknown(root: Element) -> Iterator[Trace]:
    """The values of a document that a stylesheet made: nobody says of what."""
    for place, value in zip(_values(root), _texts(root), strict=True):
        yield Trace(
            target=place, value=value, rule="", line=0, convert="stylesheet", sources=(), note="made by stylesheet"
        )


def _texts(element: Element) -> Iterator[str]:
    """The values in the order of `_values`."""
    if not len(element):
        yield element.text or ""
    yield from map(str, element.attrib.values())
    for child in element:
        yield from _texts(child)


def _values(root: Element) -> Iterator[str]:
    """The numbered path of every value in the order the writer writes them."""
    yield from _values_in(root, tag_of(root).rpartition("}")[2])


def _values_in(element: Element, path: str) -> Iterator[str]:
    """A leaf: its text, then its attributes. A container: its attributes, then its children."""
    if not len(element):
        yield path
    for name in element.attrib:
        yield f"{path}/@{str(name).rpartition('}')[2]}"
    tags = [tag_of(child) for child in element]
    total, seen = Counter(tags), Counter[str]()
    for child, tag in zip(element, tags, strict=True):
        seen[tag] += 1
        number = f"[{seen[tag]}]" if total[tag] > 1 else ""
        yield from _values_in(child, f"{path}/{tag.rpartition('}')[2]}{number}")
