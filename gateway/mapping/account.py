"""The loss ledger of one message: every value it carries, what became of it, by which rule, and where it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.mapping.back import reversal_of
from gateway.mapping.losses import Fate, Loss, losses_of
from gateway.mapping.paths import lies_in
from gateway.mapping.provenance import Trace, explain
from gateway.mapping.spoken import Spoken
from gateway.mapping.table import Rule
from gateway.mapping.translation import Translation
from gateway.mapping.values import Found, source_of, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of one value of a message.

    `kept`: it stands in the output and the way back returns it; `derivable`: it stands there changed, or only decided
    something; `dropped`: a rule leaves it out, by a `drop` row or because it does not apply here; `silent`: no rule
    speaks of it. `targets` are the numbered places of the output it went to.
    """

    place: str
    path: str
    value: str
    fate: Fate
    rules: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    reason: str = ""


def account(payload: bytes, translation: Translation, context: Mapping[str, str]) -> tuple[Account, ...]:
    """One account per value of the document that is not blank, in document order. Raises as `translate` does."""
    _, traces = explain(payload, translation, context)
    books = _Books(translation, traces)
    return tuple(books.account(found) for found in values_of(source_of(payload), translation.bench.reading.shape))


class _Books:
    """What is known of a table and of one run of it, by place and by path."""

    def __init__(self, translation: Translation, traces: tuple[Trace, ...]) -> None:
        self._rules = translation.table.rules
        self._spoken = Spoken(self._rules)
        self._fates = {loss.path: loss for loss in losses_of(translation)}
        self._sources = {rule.id: rule.sources for rule in self._rules}
        back = reversal_of(translation)
        self._lost = {lost.rule: lost.reason for lost in back.lost}
        self._returning: dict[str, set[str]] = {}
        for rule in back.table.rules:
            self._returning.setdefault(rule.target, set()).add(rule.id)
        self._read: dict[str, list[Trace]] = {}
        for trace in traces:
            for place in _carried(trace):
                self._read.setdefault(place, []).append(trace)

    def account(self, found: Found) -> Account:
        loss = self._fates.get(found.path)
        traces = [one for one in self._read.get(found.place, []) if found.path in self._sources[one.rule]]
        if traces:
            return self._carried(found, traces)
        readers = [rule for rule in self._spoken.users(found.path) if found.path in rule.sources]
        if readers:
            return _told(found, "dropped", readers, self._why(found, readers))
        loss = loss or self._unknown(found)
        return Account(
            place=found.place, path=found.path, value=found.value, fate=loss.fate, rules=loss.rules, reason=loss.reason
        )  # fmt: skip

    def _unknown(self, found: Found) -> Loss:
        """What no schema knows may still be dropped on purpose, with what it stands in."""
        drop = self._spoken.drop(found.path)
        if drop is None:
            return Loss(path=found.path, fate="silent")
        return Loss(path=found.path, fate="dropped", rules=(drop.id,), reason=drop.note)

    def _carried(self, found: Found, traces: list[Trace]) -> Account:
        returning = self._returning.get(found.path, set())
        kept = any(rule == trace.rule or rule.startswith(f"{trace.rule}.") for trace in traces for rule in returning)
        why = next(filter(None, (self._lost.get(trace.rule) for trace in traces)), "only a part of it comes back")
        return Account(
            place=found.place, path=found.path, value=found.value, fate="kept" if kept else "derivable",
            rules=tuple(dict.fromkeys(trace.rule for trace in traces)), reason="" if kept else why,
            targets=tuple(trace.target for trace in traces),
        )  # fmt: skip

    def _why(self, found: Found, readers: list[Rule]) -> str:
        """Why the rules that could carry a value did not: they say where they apply, or nothing came out."""
        shut = [rule for rule in self._rules if rule.each and rule.when is not None and self._shut(found, rule)]
        if shut:
            return "; ".join(f"{rule.id} applies only where {rule.condition}" for rule in shut)
        return "; ".join(
            f"{rule.id} takes it only where {rule.condition}"
            if rule.condition
            else f"{rule.id} takes it and nothing comes of it here"
            for rule in readers
        )

    def _shut(self, found: Found, group: Rule) -> bool:
        """True when this group lets the occurrence that holds the value not through: nothing in it went anywhere."""
        if not lies_in(found.path, group.sources[0]):
            return False
        occurrence = "/".join(found.place.split("/")[: group.sources[0].count("/") + 1])
        return not any(lies_in(place, occurrence) for place in self._read)


def _told(found: Found, fate: Fate, rules: list[Rule], reason: str) -> Account:
    return Account(
        place=found.place, path=found.path, value=found.value, fate=fate,
        rules=tuple(rule.id for rule in rules), reason=reason,
    )  # fmt: skip


def _carried(trace: Trace) -> list[str]:
    """The places a value was made of; of `first` only the first that holds something."""
    places = [place for place, text in trace.sources if text]
    return places[:1] if trace.convert.startswith("first") else places
