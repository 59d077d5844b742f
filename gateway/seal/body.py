"""Reads a long envelope once: digests its Body in canonical form and finds the one document in it.

What `gateway.seal.shape` and `gateway.envelope.soap` find in a tree is found here in passing: one element in the Body,
nothing behind it, no id twice, no security element inside (threat rows S6, W2, W3, W5, X1-X6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from gateway.errors import EnvelopeMalformed, Finding, SealInvalid
from gateway.gauge import Gauge
from gateway.joined import Stretch, joined
from gateway.model import DS, WSSE, Large
from gateway.seal.streamed import Canonical, Scope, Scopes
from gateway.xml import LIMITS

MOST_IDS: Final = 10_000
AT_ONCE: Final = 65_536
_SECURITY: Final = {"Signature": DS, "Manifest": DS, "Object": DS, "Security": WSSE}
_IDS: Final = frozenset({"Id", "ID"})
_BODY: Final = 2
"""Which child of an Envelope it is."""
_SPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is known of a Body. `payload`: SHA-256 of the document in canonical form, hex; where it stands, in octets
    from the beginning of the envelope, and the line and column there."""

    digest: bytes
    payload: str
    at: int
    size: int
    begins: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The root element of a long document: where it stands, and the digest of a Body of ours around it."""

    digest: bytes
    at: int
    size: int

    def within(self, document: Large, source: BinaryIO) -> Large:
        """It as a stretch of its document, which `source` reads."""
        if self.size == document.size:
            return document
        digest = sha256_of(joined(Stretch(source, self.at, self.size)))
        return replace(document, at=document.at + self.at, size=self.size, digests={"sha256": digest})


def sha256_of(source: BinaryIO) -> str:
    """Of all that is left to read, hex."""
    hashed = hashlib.sha256()
    while piece := source.read(AT_ONCE):
        hashed.update(piece)
    return hashed.hexdigest()


def read_root(source: BinaryIO, start: bytes, end: bytes, declared: Scope) -> Root:
    """Read a document from its beginning; `start` and `end` are the tags of a Body, which declares what is `declared`.

    Raises EnvelopeMalformed, SealBroken (X10).
    """
    hashed, scopes, gauge = hashlib.sha256(start), Scopes(), Gauge()
    canonical, parser, found = Canonical(hashed.update, (), declared), gauge.parser, [0, 0, 0]
    parser.ordered_attributes, parser.buffer_text, parser.buffer_size = True, True, AT_ONCE

    def begins(name: str, flat: list[str]) -> None:
        if not found[2]:
            found[0] = parser.CurrentByteIndex
        found[2] += 1
        canonical.start(name, scopes.down(flat), scopes.here)

    def ends(name: str) -> None:
        canonical.end(name)
        scopes.up()
        found[2] -= 1
        found[1] = parser.CurrentByteIndex

    parser.StartElementHandler, parser.EndElementHandler = begins, ends
    parser.CharacterDataHandler = canonical.text
    while chunk := source.read(AT_ONCE):
        gauge.feed(chunk)
    gauge.feed(b"")
    canonical.flush()
    hashed.update(end)
    return Root(digest=hashed.digest(), at=found[0], size=_behind(source, found[1]) - found[0])


def _behind(source: BinaryIO, at: int) -> int:
    """Where an element ends whose end was seen at `at`: that of an empty one is seen behind it."""
    source.seek(at)
    tag = source.read(AT_ONCE)
    return at + tag.index(b">") + 1 if tag.startswith(b"</") else at


def read_body(source: BinaryIO, prefixes: tuple[str, ...], hashed: Callable[[], Any], ids: frozenset[str]) -> Body:
    """Read an envelope from its beginning, whose head was found good; `ids` are those of the head.

    `prefixes` and `hashed` are PrefixList and digest of the reference to the Body. Memory does not grow with its
    length. Raises EnvelopeMalformed, SealInvalid, SealBroken.
    """
    reading = _Reading(prefixes, hashed(), ids)
    while chunk := source.read(AT_ONCE):
        reading.gauge.feed(chunk)
    reading.gauge.feed(b"")
    return reading.body(source)


class _Reading:
    def __init__(self, prefixes: tuple[str, ...], hashed: Any, ids: frozenset[str]) -> None:
        self._ids = set(ids)
        self._head_ids = len(ids)
        self._hashed = hashed
        self._payload = hashlib.sha256()
        self._scopes = Scopes()
        self._canonical = Canonical(self._digest, prefixes)
        self._own: list[set[str]] = [set()]
        self._depth = self._child = self._documents = 0
        self._at = self._end = 0
        self._begins = (1, 1)
        self.gauge = Gauge()
        self._parser = parser = self.gauge.parser
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.buffer_size = AT_ONCE
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = lambda *_: self._refuse("a document type declaration is not accepted", "X1")
        parser.ProcessingInstructionHandler = lambda *_: self._refuse("processing instructions are not accepted", "X4")

    def body(self, source: BinaryIO) -> Body:
        """What was found."""
        if self._child != _BODY or self._documents != 1:
            self._refuse("the Body holds exactly one element", "S6")
        return Body(
            digest=self._hashed.digest(), payload=self._payload.hexdigest(), at=self._at,
            size=_behind(source, self._end) - self._at, begins=self._begins,
        )  # fmt: skip

    def _digest(self, octets: bytes) -> None:
        self._hashed.update(octets)
        if self._documents and not self._end:
            self._payload.update(octets)

    # --- events -------------------------------------------------------------------------------------------------------
    def _start(self, name: str, flat: list[str]) -> None:
        self._depth += 1
        attributes = self._scopes.down(flat)
        if self._depth == 2:  # noqa: PLR2004 - a child of the Envelope
            self._child += 1
            if self._child > _BODY:
                self._refuse("an Envelope holds exactly one Header and one Body", "W3")
        if self._child != _BODY:
            return
        if self._depth == 3:  # noqa: PLR2004 - a child of the Body
            self._begin()
        if self._depth > LIMITS.depth:
            self._refuse("nested too deep", "X5")
        if self._depth > 2:  # noqa: PLR2004 - in the Body
            self._check(name, attributes, flat)
        self._canonical.start(name, attributes, self._scopes.here)

    def _begin(self) -> None:
        """The document begins."""
        self._canonical.flush()
        self._documents += 1
        if self._documents > 1:
            self._refuse("the Body holds exactly one element", "S6")
        self._at = self._parser.CurrentByteIndex
        self._begins = (self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def _close(self, name: str) -> None:
        if self._child == _BODY and self._depth > 1:
            self._canonical.end(name)
            if self._depth <= 3:  # noqa: PLR2004 - the Body or the document
                self._canonical.flush()
            if self._depth == 3:  # noqa: PLR2004 - the document
                self._end = self._parser.CurrentByteIndex
            if self._depth > 2:  # noqa: PLR2004 - in the Body
                self._own.pop()
        self._scopes.up()
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._child == _BODY and self._depth > 1:
            self._canonical.text(text)
        if self._child == _BODY and self._depth <= 2 and text.strip(_SPACE):  # noqa: PLR2004 - Envelope or Body
            where = "the Body holds exactly one element" if self._depth > 1 else "the Envelope carries text"
            self._refuse(where, "S6" if self._depth > 1 else "W3")

    # --- what is refused ----------------------------------------------------------------------------------------------
    def _check(self, name: str, attributes: list[tuple[str, str]], flat: list[str]) -> None:
        """Nothing of it can stand for a part of the head, and it leans on no declaration around the document."""
        own = self._own[-1]
        if len(flat) > 2 * len(attributes):
            own = (
                own
                | {one[6:] for one in flat[::2] if one.startswith("xmlns:")}
                | ({""} if "xmlns" in flat[::2] else set())
            )
        self._own.append(own)
        prefix, _, local = name.rpartition(":")
        for one in {prefix, *(at.partition(":")[0] for at, _ in attributes if ":" in at)} - own - {"xml"}:
            if one or self._scopes.here.get(""):
                self._outside(one)
        if local in _SECURITY and self._scopes.here.get(prefix) == _SECURITY[local]:
            raise SealInvalid("a signature or security element inside the Body", threat="W5")
        for at, value in attributes:
            if at == "xml:id" or at.rpartition(":")[2] in _IDS:
                self._identified(value)

    def _identified(self, value: str) -> None:
        if value in self._ids:
            raise SealInvalid("an id stands twice", threat="W2")
        self._ids.add(value)
        if len(self._ids) > self._head_ids + MOST_IDS:
            self._refuse("too many ids", "X5")

    def _outside(self, prefix: str) -> None:
        finding = Finding(
            rule="envelope.outer-namespace", params={"prefix": prefix or "xmlns"},
            line=self._parser.CurrentLineNumber, column=self._parser.CurrentColumnNumber + 1,
        )  # fmt: skip
        raise EnvelopeMalformed("a long document declares its namespaces itself", findings=(finding,), threat="S6")

    def _refuse(self, why: str, threat: str) -> None:
        raise EnvelopeMalformed(why, threat=threat)
