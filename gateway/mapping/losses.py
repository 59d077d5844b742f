"""The loss ledger: what becomes of every value a source document can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.fact import FactTable
from gateway.mapping.codes import CodeList
from gateway.mapping.paths import Shape, lies_in
from gateway.mapping.predicate import paths_of
from gateway.mapping.reverse import Reversal, reverse
from gateway.mapping.table import MapTable
from gateway.model import Converter

Fate = Literal["kept", "derivable", "dropped", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What becomes of one leaf of the source.

    `kept`: it can be had back exactly; `derivable`: it has a part in the output but cannot be had back; `dropped`: a
    `drop` row leaves it out on purpose; `silent`: no rule speaks of it. `rules` are the rules that do.
    """

    path: str
    fate: Fate
    rules: tuple[str, ...] = ()
    reason: str = ""


def losses(
    table: MapTable,
    source: FactTable,
    target: FactTable,
    converters: Mapping[str, Converter],
    codes: Mapping[str, CodeList],
) -> tuple[Loss, ...]:
    """The fate of every element and attribute of the source schema that can hold a value, in document order."""
    shape = Shape(source)
    back = reverse(table, target, converters, codes)
    return tuple(_fate(path, table, back) for path in shape.facts if not shape.container(path))


def _fate(path: str, table: MapTable, back: Reversal) -> Loss:
    used = tuple(dict.fromkeys(_users(path, table)))
    if any(rule.target == path for rule in back.table.rules):
        return Loss(path=path, fate="kept", rules=used)
    if used:
        reasons = [lost.reason for lost in back.lost if lost.rule in used]
        return Loss(path=path, fate="derivable", rules=used, reason=reasons[0] if reasons else "only asked about")
    for rule in table.rules:
        if rule.drop and any(lies_in(path, source) for source in rule.sources):
            return Loss(path=path, fate="dropped", rules=(rule.id,), reason=rule.note)
    return Loss(path=path, fate="silent")


def _users(path: str, table: MapTable) -> Iterator[str]:
    for rule in table.rules:
        if not rule.drop and (path in rule.sources or path in paths_of(rule.when)):
            yield rule.id
