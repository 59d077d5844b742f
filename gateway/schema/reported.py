"""What a partner's answer says is wrong with a message, and where: WCO responses and NCTS functional errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import GatewayError
from gateway.facts import FactTable
from gateway.schema import Schemas
from gateway.schema.pointers import Chain, Place, Pointer, follow, write_chain
from gateway.xml import Element, parse, tag_of, text_of

_RESPONSE: Final = "{urn:wco:datamodel:WCO:RES-DMS:2}"
_MARKS: Final = (b"Pointer", b"FunctionalError")
"""Octets of every answer that tells an error; a message in UTF-8 cannot write them otherwise."""
_ORDINAL: Final = 9
"""Digits of a sequence number that is believed; longer ones point nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One error as the partner tells it. `path` is as far as its pointer can be followed, `rest` what cannot.

    `value` is what stood there according to the partner; `wco_id` and `wco_name` are those of the place.
    """

    code: str
    text: str = ""
    pointer: str = ""
    path: str = ""
    rest: str = ""
    wco_id: str = ""
    wco_name: str = ""
    value: str = ""


def reported(payload: bytes, tables: Iterable[FactTable]) -> tuple[Reported, ...]:
    """Every error of an answer, in its order, with its place in the message it speaks of; of another document: nothing.

    `tables` are the messages it may speak of; the one in which a pointer leads furthest decides. Raises
    EnvelopeMalformed for what is not XML.
    """
    known = tuple(tables)
    return tuple(_READERS[tag_of(node)](node, known) for node in parse(payload).iter(*_READERS))


def objections(payload: bytes, schemas: Schemas) -> tuple[Reported, ...]:
    """What a kept document reports, told for the messages that are known; nothing for most, and for what is not XML."""
    if not any(mark in payload for mark in _MARKS):
        return ()
    try:
        return reported(payload, schemas.tables())
    except GatewayError:
        return ()


def _wco(node: Element, tables: tuple[FactTable, ...]) -> Reported:
    chain = tuple(_links(node))
    place = _furthest(chain, tables)
    return _told(
        place, code=_child(node, "ValidationCode"), text=_child(node, "Description"), pointer=write_chain(chain)
    )  # fmt: skip


def _ncts(node: Element, tables: tuple[FactTable, ...]) -> Reported:
    pointer = _child(node, "errorPointer")
    return _told(
        _furthest(pointer, tables), code=_child(node, "errorCode"), text=_child(node, "errorReason"), pointer=pointer,
        value=_child(node, "originalAttributeValue"),
    )  # fmt: skip


_READERS: Final[Mapping[str, Callable[[Element, tuple[FactTable, ...]], Reported]]] = {
    f"{_RESPONSE}Error": _wco, "FunctionalError": _ncts,
}  # fmt: skip


def _told(place: Place | None, *, code: str, text: str, pointer: str, value: str = "") -> Reported:
    if place is None:
        return Reported(code=code, text=text, pointer=pointer, rest=pointer, value=value)
    fact = place.fact
    return Reported(
        code=code, text=text, pointer=pointer, path=place.path, rest=place.rest, value=value,
        wco_id=fact.wco_id if fact else "", wco_name=fact.wco_name if fact else "",
    )  # fmt: skip


def _furthest(pointer: Chain | str, tables: tuple[FactTable, ...]) -> Place | None:
    """The place where least is left to follow; None where the pointer leads nowhere at all."""
    places = [follow(pointer, table) for table in tables] if pointer else []
    whole = write_chain(pointer) if not isinstance(pointer, str) else pointer.strip().strip("/")
    reached = [place for place in places if place.rest != whole]
    return min(reached, key=lambda place: len(place.rest), default=None)


def _links(error: Element) -> Iterator[Pointer]:
    for node in error.iterchildren(f"{_RESPONSE}Pointer"):
        at = _child(node, "SequenceNumeric")
        number = int(at) if at.isascii() and at.isdigit() and len(at) <= _ORDINAL else None
        yield Pointer(section=_child(node, "DocumentSectionCode"), sequence=number or None, tag=_child(node, "TagID"))


def _child(node: Element, name: str) -> str:
    """The text of a child in the namespace of its parent, white space collapsed; empty where there is none."""
    namespace = tag_of(node).rpartition("}")[0]
    found = node.find(f"{namespace}}}{name}" if namespace else name)
    return "" if found is None else " ".join(text_of(found).split())
