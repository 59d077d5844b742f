"""A frame: the head of an envelope without its values, and how the values of another head are found by it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

_FRAGMENT: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_MOST_OCTETS: Final = 65_536

Values = list[bytes]


@dataclass(frozen=True, slots=True)
class Form:
    """Octets with places for values."""

    octets: bytes
    """A bytes template: `%b` where a value stands."""
    pick: Callable[[Values], object] | None

    def fill(self, values: Values) -> bytes:
        """The octets with these values in their places."""
        return self.octets % self.pick(values) if self.pick else self.octets


@dataclass(frozen=True, slots=True)
class FramedPart:
    """One Reference: the part it covers, that part's canonical octets (None: the Body), and where its digest stands."""

    name: str
    label: str
    """`#id` where the id is the same in each message, else empty."""
    id: Form
    form: Form | None
    prefixes: tuple[str, ...]
    uri: str
    algorithm: str
    digest: int


class Match(NamedTuple):
    """A message that has a known frame: its values, and where in its octets the Body begins."""

    frame: Frame
    values: Values
    body_at: int

    def without_header(self, octets: bytes) -> bytes:
        """The envelope with its Header left out, whose every octet is accounted for by the frame and the values."""
        return b"".join((self.frame.opening, memoryview(octets)[self.body_at :]))


def _plain(values: bytes) -> bool:
    """Nothing that XML could write otherwise or not at all: printable ASCII and line feeds, no markup, no reference."""
    if b"&" in values or b">" in values or len(values) > _MOST_OCTETS or not values.isascii():
        return False
    return values.decode("ascii").replace("\n", "").isprintable()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A head that was proven once, without its values. Numbers are places of values."""

    soap: str
    answer: bool
    start: bytes
    rest: tuple[tuple[bytes, bytes, int], ...]
    """After each value: the octet that ends it, the octets from there to the next value, and how many they are."""
    tail: bytes
    opening: bytes
    """Everything up to the end of the start tag of the Envelope."""
    body_tag: Form
    same: tuple[tuple[int, int], ...]
    """Values that name the same id."""
    ids: tuple[int, ...]
    fixed_ids: frozenset[bytes]
    claims: dict[str, int]
    algorithm: str
    signed_info: Form
    parts: tuple[FramedPart, ...]
    body_prefixes: tuple[str, ...]
    methods: frozenset[str]
    value: int
    token: int
    created: int
    expires: int

    def match(self, octets: bytes) -> Match | None:
        """The values of a message whose head is this frame; None for any other."""
        if not octets.startswith(self.start):
            return None
        at, found = len(self.start), []
        for end, after, size in self.rest:
            stop = octets.find(end, at)
            if stop < 0 or not octets.startswith(after, stop):
                return None
            found.append(octets[at:stop])
            at = stop + size
        if not octets.endswith(self.tail) or not _plain(b" ".join(found)):
            return None
        if self.ids and not self._has_distinct_ids(found):
            return None
        return Match(self, found, at - len(self.body_tag.fill(found)))

    def _has_distinct_ids(self, values: Values) -> bool:
        if any(values[one] != values[other] for one, other in self.same):
            return False
        ids = {values[at] for at in self.ids}
        distinct = len(ids) == len(self.ids) and ids.isdisjoint(self.fixed_ids)
        return distinct and all(map(_FRAGMENT.fullmatch, ids))
