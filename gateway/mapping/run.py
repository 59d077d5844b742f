"""Runs a translation over one document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lxml import etree

from gateway.errors import Finding, MappingGap
from gateway.mapping.emit import Emit
from gateway.mapping.outcome import Run, TooMuch
from gateway.mapping.swift import Swift
from gateway.mapping.translation import Translation
from gateway.mapping.values import note_silent, says_silent
from gateway.xml import Element, parse, tag_of


def translate(payload: bytes, translation: Translation, context: Mapping[str, str], *, lossless: bool = False) -> bytes:
    """The document in the receiver's words, as exclusive canonical XML in UTF-8.

    `context` gives the `$` values of the table (`message_id`, `now` in UTC ISO form, ...) and the day of its code lists
    (`received_at`, else `now`). Raises MappingGap with one finding per required target left empty and per value a
    converter refused (`mapping.required`, `.convert`, `.code`, `.several`), never only the first; `mapping.root` for a
    document of another schema, `mapping.size` for one that makes the groups multiply. `lossless`: also one
    `mapping.dropped` per value of which no rule speaks, not even to drop it. The payload is not changed.
    """
    if translation.swift is not None:
        out = _swiftly(payload, translation, translation.swift, context)
        if out is not None and not (
            lossless and translation.silent and says_silent(accepted(payload, translation), translation)
        ):
            return out.encode()
    return carried(accepted(payload, translation), translation, context, translation.write, lossless=lossless)[0]


def _swiftly(payload: bytes, translation: Translation, swift: Swift, context: Mapping[str, str]) -> str | None:
    """The output unless there is something to say. The first tree is let go at once: the memory is used again."""
    accepted(payload, translation)
    with bounded(translation):
        run = Run(context, swift=True)
        return swift.written(payload, run, lambda: accepted(payload, translation))


def accepted(payload: bytes, translation: Translation) -> Element:
    """The root of a document that is of the schema the table takes, without comments."""
    root = parse(payload)
    if b"!" in payload and b"<!--" in payload:
        etree.strip_tags(root, etree.Comment)
    if tag_of(root) != translation.root:
        finding = Finding(rule="mapping.root", params={"expected": translation.root, "found": tag_of(root)}, path="/")
        raise MappingGap(f"root is {tag_of(root)}", findings=(finding,))
    return root


def carried(
    root: Element, translation: Translation, context: Mapping[str, str], write: Emit, *, lossless: bool = False
) -> tuple[bytes, Run]:
    """The output and the run, the careful way; the root must stay alive as long as its frames are used."""
    run = Run(context)
    out: list[str] = []
    with bounded(translation):
        write(translation.read(root), out, run)
    if lossless and translation.silent:
        note_silent(root, translation, run)
    if run.findings:
        raise MappingGap(f"{len(run.findings)} gap(s)", findings=tuple(run.findings))
    return "".join(out).encode(), run


@contextmanager
def bounded(translation: Translation) -> Iterator[None]:
    """What is too much work becomes a refusal of the document."""
    try:
        yield
    except TooMuch:
        finding = Finding(rule="mapping.size", params={"table": translation.table.name})
        raise MappingGap("groups multiply", findings=(finding,), threat="M3") from None
