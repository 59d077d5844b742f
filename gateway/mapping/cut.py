"""Cuts the text of an accepted document into tags and texts, and puts character references into texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from gateway.mapping.converters import collapsed

Pairs = Iterator[tuple[str, str]]
_REFERENCE: Final = re.compile(r"&(?:#([0-9]+)|#x([0-9A-Fa-f]+)|(lt|gt|amp|quot|apos));")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_AT_ONCE: Final = 65_536
"""Octets."""


class Odd(Exception):
    """This text has to be read from its tree."""


@dataclass(frozen=True, slots=True)
class Text:
    """A document cut into tags and texts; `plain`: no reference in it, so none of its characters needs escaping."""

    pairs: Pairs
    plain: bool


def cut(payload: bytes) -> Text:
    """Tags and texts in turn of a document that the parser has accepted. Raises Odd, here or while it is read."""
    if b"!" in payload and b"<!" in payload:
        raise Odd
    parts = _pieces(payload)
    return Text(chain.from_iterable(parts) if len(payload) > _AT_ONCE else next(parts), b"&" not in payload)


def _pieces(payload: bytes) -> Iterator[Pairs]:
    """A part of the document at a time, cut before a tag: what is cut stays in the processor's own memory."""
    if b"\r" in payload:
        payload = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = payload.index(b"<", payload.index(b"?>") if b"<?" in payload[:5] else 0)
    while start < len(payload):
        end = payload.rfind(b"<", start + 1, start + _AT_ONCE)
        if end < 0 or start + _AT_ONCE >= len(payload):
            end = payload.find(b"<", start + _AT_ONCE)
        part = payload[start : end if end > 0 else len(payload)]
        tags = part.count(b"<")
        pieces = _decoded(part.replace(b">", b"<")).split("<")
        if len(pieces) != 2 * tags + 1:
            raise Odd
        turns = iter(pieces)
        next(turns)
        yield zip(turns, turns, strict=False)
        start += len(part)


def _decoded(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise Odd from None


def resolved(text: str) -> str:
    """The text with its character references put in."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    return chr(int(decimal) if decimal else int(hexadecimal, 16))


def resolved_token(text: str) -> str:
    """The same, with white space collapsed."""
    return collapsed(resolved(text))
