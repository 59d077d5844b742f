"""Who made this value: from a place in a translated document back to the row of the table and what it read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from gateway.errors import Finding
from gateway.mapping import Account, Rule, Trace, Translation, account, explain
from gateway.replay.compare import Change
from gateway.replay.report import Blame

_TELLING: Final = 4
"""Signs from which a part of what is missing says where it comes from."""
_INDEX: Final = re.compile(r"\[[0-9]+\]")
Blamer = Callable[[Change], Blame | None]


def nobody(_change: Change) -> Blame | None:
    """For a hop without a table: the document passes unchanged."""
    return None


def blamer(translation: Translation, payload: bytes, context: Mapping[str, str]) -> Blamer:
    """A function that names the rule behind a difference in what this translation made of this payload.

    A value that is there is traced to the rule that wrote it; one that is missing to the first rule that could have,
    else to the `drop` row that left that value behind. The document is translated again, with traces, on the first
    question.
    """
    table = translation.table

    @cache
    def traces() -> Mapping[str, Trace]:
        return {trace.target: trace for trace in explain(payload, translation, context)[1]}

    @cache
    def left_behind() -> tuple[tuple[Account, Rule], ...]:
        drops = {rule.id: rule for rule in table.rules if rule.drop}
        told = account(payload, translation, context) if drops else ()
        return tuple((one, drops[one.rules[0]]) for one in told if one.rules and one.rules[0] in drops)

    def blame(change: Change) -> Blame | None:
        path = change.path.lstrip("/")
        trace = None if change.kind == "missing" else _made(traces(), path)
        if trace is not None:
            source = " + ".join(place for place, _ in trace.sources)
            value = " + ".join(text for _, text in trace.sources)
            return Blame(table=table.name, line=trace.line, rule=trace.rule, source=source, value=value)
        rule = _meant(table.rules, path)
        if rule is None:
            return _dropped(change, left_behind(), table.name)
        return Blame(table=table.name, line=rule.line, rule=rule.id, source=" + ".join(rule.sources))

    return blame


def _dropped(change: Change, left: tuple[tuple[Account, Rule], ...], table: str) -> Blame | None:
    """The `drop` row of the value that is missing: the same value, or the longest that stands in what is missing."""
    wanted = " ".join(change.expected.split())
    found = [(one, rule) for one, rule in left if (text := " ".join(one.value.split())) and text in wanted]
    same = [(one, rule) for one, rule in found if " ".join(one.value.split()) == wanted]
    held = same or [(one, rule) for one, rule in found if len(one.value) >= _TELLING]
    if not held:
        return None
    one, rule = max(held, key=lambda pair: len(pair[0].value))
    return Blame(table=table, line=rule.line, rule=rule.id, source=one.place, value=one.value)


def blame_of_gap(finding: Finding) -> Blame | None:
    """The rule that a finding of a translation names itself; of several, the line is that of the first."""
    told = finding.params
    if "table" not in told or not told.get("line", "").isdecimal():
        return None
    return Blame(
        table=told["table"], line=int(told["line"]), rule=told.get("rule", ""), source=told.get("source", ""),
        value=finding.value,
    )  # fmt: skip


def _made(traces: Mapping[str, Trace], path: str) -> Trace | None:
    """The trace of this value; of a container, that of the first value in it."""
    inside = (trace for place, trace in traces.items() if place.startswith((f"{path}/", f"{path}[")))
    return traces.get(path) or next(inside, None)


def _meant(rules: tuple[Rule, ...], path: str) -> Rule | None:
    """The first rule for this place; of a container, the first for anything in it."""
    plain = _plain(path)
    exact = [rule for rule in rules if _plain(rule.target) == plain]
    return next(iter(exact or [rule for rule in rules if _plain(rule.target).startswith(f"{plain}/")]), None)


def _plain(path: str) -> str:
    return _INDEX.sub("", path).strip("/")
