"""The loss ledger of a table: what becomes of every value a source document can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.facts.fact import FactTable
from gateway.mapping.back import reversal_of
from gateway.mapping.codes import CodeList
from gateway.mapping.paths import Shape
from gateway.mapping.reverse import Reversal, reverse
from gateway.mapping.spoken import Spoken
from gateway.mapping.table import MapTable
from gateway.mapping.translation import Translation
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
    return _losses(table, Shape(source), reverse(table, target, converters, codes))


def losses_of(translation: Translation) -> tuple[Loss, ...]:
    """The same for a compiled table; a rule whose way back does not compile has none."""
    return _losses(translation.table, translation.bench.reading.shape, reversal_of(translation))


def _losses(table: MapTable, shape: Shape, back: Reversal) -> tuple[Loss, ...]:
    spoken = Spoken(table.rules)
    returned = {rule.target for rule in back.table.rules if rule.constant is None}
    reasons = {lost.rule: lost.reason for lost in back.lost}
    return tuple(
        _fate(path, spoken, reasons, back=path in returned) for path in shape.facts if not shape.container(path)
    )


def _fate(path: str, spoken: Spoken, reasons: Mapping[str, str], *, back: bool) -> Loss:
    used = tuple(rule.id for rule in spoken.users(path))
    if back:
        return Loss(path=path, fate="kept", rules=used)
    if used:
        carried = (reasons.get(rule.id) for rule in spoken.users(path) if path in rule.sources)
        reason = next(filter(None, carried), "only asked about")
        return Loss(path=path, fate="derivable", rules=used, reason=reason)
    drop = spoken.drop(path)
    if drop is not None:
        return Loss(path=path, fate="dropped", rules=(drop.id,), reason=drop.note)
    return Loss(path=path, fate="silent")
