"""Compiles one rule to a function from a frame to the text it gives there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.mapping.chain import Step
from gateway.mapping.change import COLLAPSE, Change, Combine, PlainStep, change, plain_steps, unit_change
from gateway.mapping.conditions import Bench, Holds, Value, condition, reader, scope_of
from gateway.mapping.converters import COMBINERS, Combiner, collapsed, combiner
from gateway.mapping.outcome import REFUSED, CodeRefused, Frame, Run
from gateway.mapping.source import Scope, frames_in, out_of, place, way
from gateway.mapping.table import Rule

UNIT = "unit"
Texts = Callable[[Frame, Run], list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A compiled rule: where it applies (None = everywhere) and the text it gives, None for none."""

    rule: Rule
    here: Scope
    holds: Holds | None
    value: Value
    direct: Direct | None = None
    """Set where the value is one slot of the frame itself and at most a plain function of it: the fast way."""


@dataclass(frozen=True, slots=True)
class Direct:
    """One slot of the frame and what is done with its text, in this order, as long as it is not empty."""

    slot: int
    changes: tuple[PlainStep, ...] = ()


def compile_row(bench: Bench, rule: Rule, here: Scope) -> Row:
    """The rule as seen from frames of this scope. ValueError says what about its converters cannot be."""
    if rule.constant is not None:
        return Row(rule, here, _holds(bench, rule, here), _constant(rule.constant))
    innermost = innermost_scope(bench, rule, here)
    _, inward = way(here, innermost)
    if not inward:
        return Row(rule, here, _holds(bench, rule, here), _single(bench, rule, here), _direct(bench, rule, here))
    return Row(rule, here, None, _selected(bench, rule, here, innermost))


def collapsing(row: Row) -> Row:
    """The row with the white space of its text collapsed."""
    value, direct = row.value, row.direct

    def token(frame: Frame, run: Run) -> str | None:
        text = value(frame, run)
        return text if text is None or text is REFUSED else collapsed(text) or None

    if direct is not None:
        direct = Direct(direct.slot, (*direct.changes, COLLAPSE))
    return replace(row, value=token, direct=direct)


def _direct(bench: Bench, rule: Rule, here: Scope) -> Direct | None:
    source = rule.sources[0]
    steps = list(rule.steps)
    if len(rule.sources) > 1 or source.startswith("$") or (steps and steps[0].name in COMBINERS):
        return None
    if bench.reading.scope_of(source) is not here:
        return None
    if bench.reading.shape.tokens(source):
        steps = steps[1:] if steps and steps[0].name == "trim" else steps
    changes = plain_steps(bench, steps)
    return None if changes is None else Direct(bench.reading.slot(source), changes)


def innermost_scope(bench: Bench, rule: Rule, here: Scope) -> Scope:
    """The innermost scope among the sources of a rule and the scope it is evaluated in."""
    scopes = [scope_of(bench, source, here) for source in rule.sources]
    return max((here, *scopes), key=lambda scope: len(way(here, scope)[1]))


def _holds(bench: Bench, rule: Rule, here: Scope) -> Holds | None:
    return condition(bench, rule.when, here) if rule.when is not None else None


def _constant(text: str) -> Value:
    return lambda _frame, _run: text or None


def _single(bench: Bench, rule: Rule, here: Scope) -> Value:
    """All sources are of this frame or around it: one text each."""
    steps = list(rule.steps)
    if len(rule.sources) > 1 or (steps and steps[0].name in COMBINERS):
        gather = _gather(bench, rule, here, steps)
    elif not steps:
        return reader(bench, rule.sources[0], here)
    else:
        gather = reader(bench, rule.sources[0], here)
    return _chained(bench, rule, here, gather, [change(bench, step) for step in steps])


def _gather(bench: Bench, rule: Rule, here: Scope, steps: list[Step]) -> Value:
    """Several sources of one frame become one text by the first step of the chain, which is taken off."""
    readers = [reader(bench, source, here) for source in rule.sources]
    combine = _combine(bench, steps.pop(0) if steps else None)

    def gather(frame: Frame, run: Run) -> str | None:
        texts = [read(frame, run) for read in readers]
        return combine(texts, run) or None if any(texts) else None

    return _guarded(bench, rule, here, gather)


def _combine(bench: Bench, step: Step | None) -> Combine:
    if step is not None and step.name == UNIT:
        return unit_change(bench, step)
    if step is None or step.name not in COMBINERS or step.back:
        raise ValueError("several sources need join(separator) or unit(LIST) first")
    chosen = combiner(step.name, step.args)
    return lambda texts, _run: chosen([text for text in texts if text])


def _chained(bench: Bench, rule: Rule, here: Scope, gather: Value, changes: list[Change]) -> Value:
    if not changes:
        return gather
    if len(changes) == 1:
        only = changes[0]

        def once(frame: Frame, run: Run) -> str | None:
            text = gather(frame, run)
            return text if text is None or text is REFUSED else only(text, run) or None

        return _guarded(bench, rule, here, once)

    def chain(frame: Frame, run: Run) -> str | None:
        text = gather(frame, run)
        if text is None or text is REFUSED:
            return text
        for step in changes:
            text = step(text, run)
        return text or None

    return _guarded(bench, rule, here, chain)


def _guarded(bench: Bench, rule: Rule, here: Scope, value: Value) -> Value:
    """A refusal becomes a finding that names the source, its value and the reason; the run goes on."""

    def guarded(frame: Frame, run: Run) -> str | None:
        try:
            return value(frame, run)
        except (ValueError, ArithmeticError) as error:
            refuse(bench, rule, here, frame, run, error=error)
            return REFUSED

    return guarded


def refuse(bench: Bench, rule: Rule, here: Scope, frame: Frame, run: Run, *, error: Exception) -> None:
    """Keep the finding for a value that a step refused."""
    run.carefully()
    places, texts = sources_at(bench, rule, here, frame, run)
    kind = "code" if isinstance(error, CodeRefused) else "convert"
    reason = str(error) if isinstance(error, ValueError) else "not a number that can be used"
    run.wrong(
        kind, rule.target, " + ".join(texts), source=" + ".join(places), reason=reason, convert=rule.convert,
        table=bench.table, line=str(rule.line), rule=rule.id,
    )  # fmt: skip


def sources_at(bench: Bench, rule: Rule, here: Scope, frame: Frame, run: Run) -> tuple[list[str], list[str]]:
    """Numbered paths and texts of the sources of a rule in a frame, where its `when` holds; for findings and traces."""
    places: list[str] = []
    texts: list[str] = []
    for source in rule.sources:
        if source.startswith("$"):
            places.append(source)
            texts.append(reader(bench, source, here)(frame, run) or "")
            continue
        scope = bench.reading.scope_of(source)
        outward, inward = way(here, scope)
        holds = _holds(bench, rule, scope) if inward else None
        slot = scope.slots.get(source)
        for inner in frames_in(out_of(frame, outward), inward, run):
            if holds is None or holds(inner, run):
                places.append(place(bench.reading.shape, scope, inner, source))
                texts.append(inner[slot] or "" if slot is not None else "")
    return places, texts


def _selected(bench: Bench, rule: Rule, here: Scope, there: Scope) -> Value:
    """A source that repeats as seen from here: `when` selects occurrences, or a combiner takes them all."""
    outward, inward = way(here, there)
    holds = _holds(bench, rule, there)
    steps = list(rule.steps)
    across: Combiner | None = None
    if len(rule.sources) > 1:
        one = _gather(bench, rule, there, steps)
    else:
        one = reader(bench, rule.sources[0], there)
        if steps and steps[0].name in COMBINERS:
            across = combiner(steps[0].name, steps.pop(0).args)
    unique = _unique(bench, rule)

    def gather(frame: Frame, run: Run) -> str | None:
        found = frames_in(out_of(frame, outward), inward, run)
        values = [one(inner, run) for inner in found if holds is None or holds(inner, run)]
        texts = [text for text in values if text]
        return across(texts) or None if across else unique(texts, run)

    guarded = _guarded(bench, rule, here, gather)
    return _chained(bench, rule, here, guarded, [change(bench, step) for step in steps])


def _unique(bench: Bench, rule: Rule) -> Callable[[list[str], Run], str | None]:
    """The one value; several different ones are a finding, never a guess."""

    def unique(texts: list[str], run: Run) -> str | None:
        if len(set(texts)) > 1:
            run.wrong(
                "several", rule.target, ", ".join(texts), source=" + ".join(rule.sources),
                table=bench.table, line=str(rule.line), rule=rule.id,
            )  # fmt: skip
        return texts[0] if texts else None

    return unique
