"""The same place in a document and in its JSON twin: readable path and JSON pointer (RFC 6901), both ways."""

from __future__ import annotations

import re
from typing import Final

from gateway.facts.fact import Fact, FactTable

_STEP: Final = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<at>[0-9]+)\])?")


def pointer_of(path: str, facts: FactTable) -> str:
    """The pointer of a readable path (`/R/Item[2]/ID/@unit` -> `/R/Item/1/ID/@unit`), as far as the facts know it."""
    found: list[str] = []
    above = ""
    for step in filter(None, path.split("/")):
        match = _STEP.fullmatch(step)
        fact = _below(above, match["name"], facts) if match else None
        if match is None or fact is None:
            break
        above = fact.path
        found.append(_escaped(fact.path.rpartition("/")[2]))
        if fact.max != 1 and not fact.attribute and fact.path != facts.root:
            found.append(str(int(match["at"] or 1) - 1))
    return "".join(f"/{step}" for step in found)


def path_of(pointer: str) -> str:
    """The readable path of a pointer: `/R/Item/1/p:ID` -> `/R/Item[2]/ID`; a value's own text is its element."""
    steps: list[str] = []
    for raw in pointer.split("/")[1:]:
        step = raw.replace("~1", "/").replace("~0", "~")
        if step.isascii() and step.isdigit() and len(step) < 10 and steps:  # noqa: PLR2004 - no document has more
            steps[-1] += f"[{int(step) + 1}]"
        elif step != "#":
            steps.append(step if step.startswith("@") else step.rpartition(":")[2])
    return "".join(f"/{step}" for step in steps)


def _below(above: str, name: str, facts: FactTable) -> Fact | None:
    """The child by its local name; of namesakes of several namespaces the first."""
    wanted, attribute = name.removeprefix("@"), name.startswith("@")
    return next((f for f in facts.children(above) if f.name == wanted and f.attribute == attribute), None)


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
