"""The way back of a compiled table, for people: what comes back is translated, what does not is named."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.errors import ConfigurationError
from gateway.fact import FactTable
from gateway.mapping.losses import reversal_of
from gateway.mapping.reverse import Lost
from gateway.mapping.translation import Translation, compile_table


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
    bench, reversal = translation.bench, reversal_of(translation)
    table, lost = reversal.table, list(reversal.lost)
    while True:
        if not any(not rule.each for rule in table.rules):
            raise ConfigurationError(f"{translation.table.name}: nothing comes back")
        try:
            back = compile_table(
                table, translation.target.table, _optional(bench.reading.shape.table), bench.converters, bench.codes
            )
        except ConfigurationError as error:
            reasons = {finding.params["rule"]: finding.params["reason"] for finding in error.findings}
            kept = tuple(rule for rule in table.rules if rule.id not in reasons)
            if len(kept) == len(table.rules):
                raise
            lost += [
                Lost(rule=rule.id, line=rule.line, reason=reasons[rule.id])
                for rule in table.rules
                if rule.id in reasons
            ]
            table = replace(table, rules=kept)
        else:
            return WayBack(translation=back, lost=tuple(sorted(lost, key=lambda one: one.line)))


def _optional(facts: FactTable) -> FactTable:
    """The schema with nothing demanded."""
    return replace(facts, facts={path: replace(fact, min=0) for path, fact in facts.facts.items()})
