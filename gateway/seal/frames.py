"""Frames: what stays the same in the heads of a sender's envelopes, and the places in it where values stand.

The head of an envelope is everything up to the first octet after the start tag of its Body. Software writes it the same
way each time; only ids, addresses, times, digests and the signature value differ. A frame is learned from a message
that went the long way (`gateway.envelope.soap`, `gateway.seal.soap`) and was proven: its values are replaced by marks,
the marked head is parsed and read by the same functions as any message, and libxml2 itself makes the canonical octets
of every part, with the marks in them. A later head that is the frame with other values in its places then needs no
walk: exclusive canonical XML copies character data and attribute values that hold no `&`, `<`, `>`, quote or carriage
return, so a part's canonical octets are the frame's with the values put in (Exclusive XML Canonicalization 1.0).

Nor need such a head be parsed: it is well-formed and holds one whole Header because the frame is and does, and the
values can hold no markup. What is parsed is the envelope from its start tag on without the Header; libxml2 sees the
Body in the same namespaces, and that the message ends as it must.

What is no such head goes the long way, and so does whatever a frame does not find good: a frame only ever says yes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from gateway.envelope.soap import Parts, parts_of
from gateway.errors import GatewayError
from gateway.model import PartnerId
from gateway.seal.frame import Form, Frame, FramedPart, Match
from gateway.seal.shape import ID, ids_of, named_parts, security_of
from gateway.seal.xmldsig import octets_of, read_signature
from gateway.xml import Element, parse, text_of

_PROLOG: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^<>?]*\?>)?\s*")
_TAG: Final = re.compile(rb'<(?:/?[^<>&"\'!?\s]+(?:\s+[^<>&"\'\s=]+="[^<>&"]*")*\s*/?)>')
_ID: Final = re.compile(rb'\s(?!xmlns:)(?:[^\s:="]+:)?Id="([^"\s]*[0-9][^"\s]*)"|\sURI="#([^"\s]*[0-9][^"\s]*)"')
"""Ids that hold a digit may differ from message to message; others are taken to be the sender's fixed words."""
_MOST_FRAMES: Final = 64
_MOST_UNUSED: Final = 8
_MOST_SLOTS: Final = 150


_known: tuple[Frame, ...] = ()
_unused: dict[PartnerId, int] = {}
"""How many frames a partner's messages have made since one of its messages had a known one."""


def known(octets: bytes, soap: str, *, answer: bool) -> Match | None:
    """The frame of a message and its values, when one is known."""
    global _known  # noqa: PLW0603 - replaced as a whole, so that threads see one or the other
    for at, frame in enumerate(_known):
        if frame.soap == soap and frame.answer == answer:
            match = frame.match(octets)
            if match is not None:
                if at:
                    _known = (frame, *_known[:at], *_known[at + 1 :])
                return match
    return None


def used(partner: PartnerId) -> None:
    """A message of this partner was proven by a frame."""
    _unused.pop(partner, None)


def learn(octets: bytes, parts: Parts, soap: str, partner: PartnerId, *, answer: bool) -> None:
    """Keep the frame of a message that was proven the long way, if it has one and such are used."""
    global _known  # noqa: PLW0603
    if _unused.get(partner, 0) >= _MOST_UNUSED:
        return
    _unused[partner] = _unused.get(partner, 0) + 1
    frame = _frame(octets, parts, soap, answer=answer)
    if frame is not None and frame.match(octets) is not None:
        _known = (frame, *_known[: _MOST_FRAMES - 1])


def forget() -> None:
    """As at the start, for tests."""
    global _known  # noqa: PLW0603
    _known = ()
    _unused.clear()


# --- learning --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Marked:
    """A head cut at its values, and the same with marks in their places."""

    start: bytes
    rest: tuple[tuple[bytes, bytes, int], ...]
    marks: dict[str, int]
    same: tuple[tuple[int, int], ...]
    head: bytes
    opening: bytes
    pattern: re.Pattern[bytes]

    def quoted(self) -> set[int]:
        """The values of attributes, each counted where it stands first."""
        later = {other for _, other in self.same}
        return {at for at, (end, _, _) in enumerate(self.rest) if end == b'"' and at not in later}

    def form(self, octets: bytes) -> Form:
        """Canonical octets with marks, as a template."""
        places = [self.marks[mark.decode()] for mark in self.pattern.findall(octets)]
        template = self.pattern.sub(b"%b", octets.replace(b"%", b"%%"))
        return Form(template, itemgetter(*places) if places else None)


def _frame(octets: bytes, parts: Parts, soap: str, *, answer: bool) -> Frame | None:
    head = _head(octets, parts)
    marked = _mark(head) if head else None
    if marked is None:
        return None
    body_end = octets.rfind(b"</", 0, octets.rfind(b"</"))
    tail = octets[body_end:]
    try:
        root = parse(marked.head + b"<x/>" + tail)
        return _read(parts_of(root, b"", soap, answer=answer), marked, soap, tail, answer=answer)
    except (GatewayError, KeyError):
        return None


def _head(octets: bytes, parts: Parts) -> bytes:
    """Everything up to the content of the Body, found by its name; `_read` sees whether that was the Body."""
    prefix = f"{parts.body.prefix}:" if parts.body.prefix else ""
    start = octets.find(f"<{prefix}Body".encode())
    return octets[: octets.find(b">", start) + 1] if start >= 0 else b""


def _mark(head: bytes) -> _Marked | None:
    """Cut a head that holds nothing but tags and text; None for any other."""
    prolog = _PROLOG.match(head)
    at = prolog.end() if prolog else 0
    places: list[tuple[int, int, bytes]] = []
    opening = b""
    while at < len(head):
        tag = _TAG.match(head, at)
        if tag is None:
            return None
        opening = opening or head[: tag.end()]
        places += _ids_in(head, tag)
        at = head.find(b"<", tag.end())
        at = len(head) if at < 0 else at
        if head[tag.end() : at].strip():
            places.append((tag.end(), at, b"<"))
    return _cut(head, opening, places) if 0 < len(places) <= _MOST_SLOTS else None


def _ids_in(head: bytes, tag: re.Match[bytes]) -> Iterator[tuple[int, int, bytes]]:
    for found in _ID.finditer(head, *tag.span()):
        start, end = found.span(found.lastindex or 1)
        yield start, end, b'"'


def _cut(head: bytes, opening: bytes, places: list[tuple[int, int, bytes]]) -> _Marked:
    salt = hashlib.sha256(head).hexdigest()  # whole, so that no head can be made that holds its own marks
    marks: dict[str, int] = {}
    first: dict[bytes, int] = {}
    same: list[tuple[int, int]] = []
    rest: list[tuple[bytes, bytes, int]] = []
    marked = [head[: places[0][0]]]
    for at, (start, stop, end) in enumerate(places):
        after = head[stop : places[at + 1][0] if at + 1 < len(places) else len(head)]
        origin = first.setdefault(head[start:stop], at) if end == b'"' else at
        mark = f"slot{origin:04d}{salt}"
        marks[mark] = origin
        if origin != at:
            same.append((origin, at))
        rest.append((end, after, len(after)))
        marked += [mark.encode(), after]
    pattern = re.compile(rb"slot[0-9]{4}" + salt.encode())
    return _Marked(head[: places[0][0]], tuple(rest), marks, tuple(same), b"".join(marked), opening, pattern)


def _read(parts: Parts, marked: _Marked, soap: str, tail: bytes, *, answer: bool) -> Frame:
    """Read a marked envelope by position as any other. Raises KeyError where a mark does not stand where it should."""
    security = security_of(parts)
    named = named_parts(parts, security)
    shape = read_signature(security.signature)
    proven = tuple(
        FramedPart(
            name=named[one.part][0],
            label="" if one.part in marked.marks else f"#{one.part}",
            id=marked.form(one.part.encode()),
            form=None if named[one.part][1] is parts.body else marked.form(octets_of(named[one.part][1], one.prefixes)),
            prefixes=one.prefixes,
            uri=one.uri,
            algorithm=one.algorithm,
            digest=marked.marks[digest.decode()],
        )
        for one, digest in zip(shape.references, shape.digests, strict=True)
    )
    if not marked.start.startswith(marked.opening):
        raise KeyError("Envelope")
    names = [part.name for part in proven]
    if sorted(names) != sorted(name for name, _ in named.values()) or security.token.get(ID) != shape.token_id:
        raise KeyError("references")
    ids = ids_of(parts)
    if not marked.quoted() <= {marked.marks.get(one or "", -1) for one in ids}:
        raise KeyError("an attribute whose value nobody looks at")
    return Frame(
        soap=soap,
        answer=answer,
        start=marked.start,
        rest=marked.rest,
        tail=tail,
        opening=marked.opening,
        body_tag=marked.form(marked.head[marked.head.rindex(b"<") :]),
        same=marked.same,
        ids=tuple(marked.marks[one] for one in ids if one in marked.marks),
        fixed_ids=frozenset((one or "").encode() for one in ids if one not in marked.marks),
        claims={name: marked.marks[text] for name, text in _claimed(parts)},
        algorithm=shape.algorithm,
        signed_info=marked.form(shape.octets),
        parts=proven,
        body_prefixes=next(part.prefixes for part in proven if part.form is None),
        methods=frozenset(part.algorithm for part in proven),
        value=marked.marks[text_of(security.signature[1])],
        token=marked.marks[text_of(security.token)],
        created=marked.marks[text_of(security.timestamp[0])],
        expires=marked.marks[text_of(security.timestamp[1])],
    )


def _claimed(parts: Parts) -> Iterator[tuple[str, str]]:
    """Which mark stands for which claim; a header that is there and holds no mark of its own has none."""
    for name, element in parts.headers.items():
        if name == "FaultTo":
            raise KeyError(name)
        if name == "Routing":
            for child in element:
                yield _local(child), text_of(child)
        else:
            yield name, text_of(element[0] if name in ("From", "ReplyTo") else element)


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
