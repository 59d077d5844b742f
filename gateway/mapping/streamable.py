"""Whether a table can translate a document item by item, and what it takes to do so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.errors import ConfigurationError
from gateway.mapping.emit import Emit, careful
from gateway.mapping.generate import Write, generated
from gateway.mapping.items import around_items, most_repeated, reaching_in
from gateway.mapping.paths import prefixes
from gateway.mapping.plan import Child, Group
from gateway.mapping.source import Fill, qname
from gateway.mapping.table import Rule, problem
from gateway.mapping.translation import Translation

_KEPT: Final = 64
"""Tables whose way of streaming is remembered."""


@dataclass(frozen=True, slots=True)
class Streamable:
    """A table taken apart at the group `rule`: `around` writes all else with a mark where its elements go.

    `way` are the QNames from the root to the elements it runs over, `fill` puts one into the list in slot `listed` of
    the document's frame; `holds`, `write` and, for what `write` cannot, `carefully` are about one of them.
    """

    rule: Rule
    way: tuple[str, ...]
    listed: int
    fill: Fill
    around: Emit
    group: Group
    write: Write
    carefully: Emit


@lru_cache(maxsize=_KEPT)
def streamable(translation: Translation) -> Streamable:
    """How a compiled table streams: the group with the most rules goes item by item, all else is kept.

    Raises ConfigurationError with one finding `mapping.table` per reason why it cannot.
    """
    name = translation.table.name
    document = translation.swift.document if translation.swift is not None else None
    group = most_repeated(document.plan) if document is not None else None
    if document is None or group is None:
        reason = "no group row runs over something that repeats in the document as a whole"
        raise ConfigurationError(f"{name}: not streamable", findings=(problem(name, 1, "", "table", reason),))
    around = Child(around_items(document.plan, group), document.gap)
    wrong = dict(reaching_in(around.plan, group))
    if wrong:
        found = tuple(problem(name, rule.line, rule.id, "table", reason) for rule, reason in wrong.values())
        raise ConfigurationError(f"{name}: not streamable", findings=found)
    return _taken_apart(translation, group, around)


def _taken_apart(translation: Translation, group: Group, around: Child) -> Streamable:
    reading, source = translation.bench.reading, group.rule.sources[0]
    facts = [reading.shape.facts[path] for path in prefixes(source)]
    listed, fill = reading.occurrences(source)
    one = Child(group.inner, None)
    return Streamable(
        rule=group.rule, way=tuple(qname(fact.namespace, fact.name) for fact in facts), listed=listed, fill=fill,
        around=careful(around, traced=False), group=group, write=generated(one, plain=False),
        carefully=careful(one, traced=False),
    )  # fmt: skip
