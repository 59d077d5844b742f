"""The way back of a compiled table, for people: what comes back is translated, what does not is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from gateway.errors import ConfigurationError
from gateway.facts.fact import FactTable
from gateway.mapping.reverse import Lost, Reversal, reverse
from gateway.mapping.translation import Translation, compile_table

_KEPT: Final = 64
"""Tables whose way back is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A translation of the other direction and the rules that have no part in it.

    What it writes is the part of the source that comes back: elements the source schema demands may be missing.
    """

    translation: Translation
    lost: tuple[Lost, ...]


def way_back(translation: Translation) -> WayBack:
    """The table of a translation turned round and compiled.

    A turned rule that cannot be compiled is `lost` as well, with the compiler's reason. Raises ConfigurationError when
    nothing at all comes back.
    """
    back, reversal = _turned(translation)
    if back is None:
        raise ConfigurationError(f"{translation.table.name}: nothing comes back")
    return WayBack(translation=back, lost=reversal.lost)


def reversal_of(translation: Translation) -> Reversal:
    """What comes back of a compiled table, by rules that were tried by compiling them, and what does not."""
    return _turned(translation)[1]


@lru_cache(maxsize=_KEPT)
def _turned(translation: Translation) -> tuple[Translation | None, Reversal]:
    """Compiles, leaves out what the compiler refuses, until it refuses nothing."""
    bench = translation.bench
    reversal = reverse(translation.table, translation.target.table, bench.converters, bench.codes)
    table, lost = reversal.table, list(reversal.lost)
    source = _optional(bench.reading.shape.table)
    back: Translation | None = None
    while back is None and any(not rule.each for rule in table.rules):
        try:
            back = compile_table(table, translation.target.table, source, bench.converters, bench.codes)
        except ConfigurationError as error:
            reasons = {finding.params["rule"]: finding.params["reason"] for finding in error.findings}
            refused = [rule for rule in table.rules if rule.id in reasons]
            if not refused:
                raise
            lost += [Lost(rule=rule.id, line=rule.line, reason=reasons[rule.id]) for rule in refused]
            table = replace(table, rules=tuple(rule for rule in table.rules if rule not in refused))
    if back is None:
        table = replace(table, rules=())
    return back, Reversal(table=table, lost=tuple(sorted(lost, key=lambda one: one.line)))


def _optional(facts: FactTable) -> FactTable:
    """The schema with nothing demanded."""
    return replace(facts, facts={path: replace(fact, min=0) for path, fact in facts.facts.items()})
