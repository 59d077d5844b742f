"""Where a partner's error points to: chains of WCO ids and NCTS error pointers to our readable paths, and back.

A WCO response points by a chain of sections (`42A` Declaration, `67A` GoodsShipment, `68A` item 2) of which the last
may name an element by its tag id (`145`); an NCTS message by a path of names. Both lead to one place of the message
they speak of, found by its facts. Chains are written `42A/67A/68A[2]/23A/21A[1]#145`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts import Fact, FactTable

_LINK: Final = re.compile(r"(?P<section>[0-9A-Z]{2,5})(?:\[(?P<at>[0-9]{1,9})\])?(?:#(?P<tag>[0-9A-Z]{2,5}))?")
_SECTION: Final = re.compile(r"[0-9]{2}[A-Z]")
_NAME: Final = r"[^\W\d][\w.-]*"
_STEP: Final = re.compile(
    rf"(?:\*\[local-name\(\)\s*=\s*['\"](?P<local>{_NAME})['\"]\]|@?(?:{_NAME}:)?(?P<name>{_NAME}))"
    r"(?:\[(?:position\(\)\s*=\s*)?(?P<at>[0-9]{1,9})\])?"
)
_INDEXED: Final = re.compile(r"(?P<step>[^\[\]]+)(?:\[(?P<at>[0-9]{1,9})\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """One link of a chain: id of a class (375), which of its occurrences from 1 (006), id of an element (381)."""

    section: str
    sequence: int | None = None
    tag: str = ""


Chain = tuple[Pointer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a pointer leads: the readable path, what is known of it, and what of the pointer could not be followed."""

    path: str
    fact: Fact | None
    rest: str = ""


def read_chain(text: str) -> Chain:
    """A chain as it is written here; a last link that is no section is the tag of the one before. Raises ValueError."""
    links: list[Pointer] = []
    for step in text.strip().strip("/").split("/"):
        found = _LINK.fullmatch(step)
        if found is None or (links and links[-1].tag):
            raise ValueError(f"not a chain of WCO ids: {text}")
        if links and not (_SECTION.fullmatch(step) or found["at"] or found["tag"]) and not step.startswith("KZ"):
            links[-1] = Pointer(section=links[-1].section, sequence=links[-1].sequence, tag=step)
            continue
        at = int(found["at"]) if found["at"] else None
        links.append(Pointer(section=found["section"], sequence=at, tag=found["tag"] or ""))
    return tuple(links)


def write_chain(chain: Chain) -> str:
    """The chain as one word."""
    return "/".join(
        link.section + (f"[{link.sequence}]" if link.sequence else "") + (f"#{link.tag}" if link.tag else "")
        for link in chain
    )


# --- chains of WCO ids ------------------------------------------------------------------------------------------------
def to_path(pointer: Chain | str, facts: FactTable) -> str:
    """The readable path a chain or an error pointer leads to; empty when it leads nowhere in this message."""
    place = follow(pointer, facts)
    return "" if place.rest else place.path


def follow(pointer: Chain | str, facts: FactTable) -> Place:
    """As far as a chain or an error pointer can be followed in a message."""
    if not isinstance(pointer, str):
        return _follow_chain(pointer, facts)
    try:
        return _follow_chain(read_chain(pointer), facts)
    except ValueError:
        return _follow_names(pointer, facts)


def to_pointer(path: str, facts: FactTable) -> Chain:
    """The chain that leads to a readable path, or to the nearest place above it that has an id of its own.

    Attributes and the parts of a date have none: their element speaks for them. Empty where nothing on the way has an
    id, and for a path that is not in the message.
    """
    links: list[Pointer] = []
    for fact, at in _walked(path, facts):
        if not fact.wco_id or fact.attribute:
            continue
        if _is_class(fact):
            links.append(Pointer(section=fact.wco_id, sequence=at))
        elif links and not links[-1].tag:
            links[-1] = Pointer(section=links[-1].section, sequence=links[-1].sequence, tag=fact.wco_id)
    return tuple(links)


def _follow_chain(chain: Chain, facts: FactTable) -> Place:
    top = facts.children("")[0]
    path = f"/{_step(top)}"
    if chain and chain[0].section == top.wco_id:
        return _arrived([], top, path, chain, facts)
    return _chained(top, path, chain, facts)


def _chained(here: Fact, path: str, chain: Chain, facts: FactTable) -> Place:
    """As far as any way leads: a message may hold two classes of one id, of which only one holds the rest."""
    best = Place(path=path, fact=here, rest=write_chain(chain))
    for way in _sections(here, chain[0].section, facts) if chain else ():
        place = _arrived(way, here, path, chain, facts)
        if len(place.rest) < len(best.rest):
            best = place
    return best


def _arrived(way: list[Fact], here: Fact, path: str, chain: Chain, facts: FactTable) -> Place:
    """At the class of the first link, over the classes of `way`; then its element, or the links after it."""
    link = chain[0]
    path, here = path + "".join(f"/{_step(fact)}" for fact in way), way[-1] if way else here
    path += f"[{link.sequence}]" if link.sequence and here.max != 1 else ""
    if len(chain) > 1:
        return _chained(here, path, chain[1:], facts)
    if not link.tag:
        return Place(path=path, fact=here)
    leaf = _tagged(here, link.tag, facts)
    if leaf is None:
        return Place(path=path, fact=here, rest=f"#{link.tag}")
    return Place(path=f"{path}/{_step(leaf)}", fact=leaf)


def _sections(above: Fact, section: str, facts: FactTable) -> Iterator[list[Fact]]:
    """The ways to the classes of this id: children, or what lies below children that have no id."""
    for fact in facts.children(above.path):
        if not _is_class(fact):
            continue
        if fact.wco_id == section:
            yield [fact]
        elif not fact.wco_id:
            yield from ([fact, *below] for below in _sections(fact, section, facts))


def _tagged(above: Fact, tag: str, facts: FactTable) -> Fact | None:
    leaves = (fact for fact in facts.children(above.path) if not fact.attribute and not _is_class(fact))
    return next((fact for fact in leaves if fact.wco_id == tag), None)


def _is_class(fact: Fact) -> bool:
    """An element that holds others, save a date, which the model counts as one value."""
    return fact.type == "class" and not fact.attribute


def _step(fact: Fact) -> str:
    return fact.path.rpartition("/")[2]


def _walked(path: str, facts: FactTable) -> Iterator[tuple[Fact, int | None]]:
    """Each element on the way of a readable path with its position; nothing for a path that is not in the message."""
    found: list[tuple[Fact, int | None]] = []
    walked = ""
    for step in path.strip("/").split("/"):
        parts = _INDEXED.fullmatch(step)
        walked = f"{walked}/{parts['step']}".lstrip("/") if parts else ""
        fact = facts.facts.get(walked)
        if parts is None or fact is None:
            return
        found.append((fact, int(parts["at"]) if parts["at"] else None))
    yield from found


# --- paths of names ---------------------------------------------------------------------------------------------------
def to_error_pointer(path: str, facts: FactTable) -> str:
    """A readable path as an error pointer: every element that may repeat has its position. Empty as `to_pointer` is."""
    return "".join(f"/{_step(fact)}" + (f"[{at or 1}]" if fact.max != 1 else "") for fact, at in _walked(path, facts))


def _follow_names(text: str, facts: FactTable) -> Place:
    """By local names whatever their prefixes; with or without the root in front."""
    top = facts.children("")[0]
    here, path = top, f"/{_step(top)}"
    steps = [step for step in text.strip().strip("/").split("/") if step != "text()"]
    first = _STEP.fullmatch(steps[0]) if steps else None
    if first is not None and (first["name"] or first["local"]) == top.name:
        steps = steps[1:]
    for number, step in enumerate(steps):
        parts = _STEP.fullmatch(step)
        name = (parts["name"] or parts["local"]) if parts else ""
        below = facts.children(here.path)
        fact = next((one for one in below if _step(one) == step), None) or next(
            (one for one in below if _named(one, name, step)), None
        )
        if parts is None or fact is None:
            return Place(path=path, fact=here, rest="/".join(steps[number:]))
        here, path = fact, f"{path}/{_step(fact)}" + (f"[{int(parts['at'])}]" if parts["at"] and fact.max != 1 else "")
    return Place(path=path, fact=here)


def _named(fact: Fact, name: str, step: str) -> bool:
    return fact.name == name and fact.attribute == step.startswith("@")
