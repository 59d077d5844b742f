"""Turns a table round: what it carries there, carried back, and what does not come back, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.facts.fact import FactTable
from gateway.mapping.chain import CODE, CONST, Step, split_args, unquoted
from gateway.mapping.codes import CodeList
from gateway.mapping.converters import COMBINERS, core_converter
from gateway.mapping.paths import Shape, lies_in, prefixes
from gateway.mapping.predicate import All, Condition, Equals, Present
from gateway.mapping.rows import UNIT
from gateway.mapping.table import MapTable, Rule, target_steps
from gateway.model import Converter


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A rule whose value does not come back, and why."""

    rule: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """The table for the way back and the rules that have no part in it."""

    table: MapTable
    lost: tuple[Lost, ...]


class NoWayBack(ValueError):
    """This rule cannot be turned round; the text says why."""


def reverse(
    table: MapTable, target: FactTable, converters: Mapping[str, Converter], codes: Mapping[str, CodeList]
) -> Reversal:
    """The table that carries a translated document back, from the rules that can be turned round.

    `target` is the schema the table writes. The result is compiled like any other (`compile_table` with the schemas
    exchanged); that fails where the source demands an element that does not come back. A value that
    several rules may give, a number (`[2]`) in a target, a constant, a context value and a converter without a way back
    are `lost`.
    """
    turner = _Turner(table, Shape(target), converters, codes)
    rules: list[Rule] = []
    lost: list[Lost] = []
    for rule in table.rules:
        try:
            rules += turner.turned(rule)
        except NoWayBack as reason:
            lost.append(Lost(rule=rule.id, line=rule.line, reason=str(reason)))
    rules += turner.joined()
    lost += turner.apart()
    rules += turner.restored(rules)
    back = replace(
        table, name=f"{table.name} (back)", takes=table.gives, gives=table.takes, rules=tuple(rules),
        headers={**table.headers, "takes": table.gives, "gives": table.takes},
    )  # fmt: skip
    return Reversal(table=back, lost=tuple(lost))


class _Turner:
    """Turns the rules of one table, knowing which of them meet at one place."""

    def __init__(
        self, table: MapTable, target: Shape, converters: Mapping[str, Converter], codes: Mapping[str, CodeList]
    ) -> None:
        self._rules = table.rules
        self._target = target
        self._groups = {_plain(rule.target) for rule in table.rules if rule.each}
        self._converters = converters
        self._codes = codes
        self._targets = Counter(_plain(rule.target) for rule in table.rules if rule.target and not rule.each)
        self._numbered = {_plain(rule.target) for rule in table.rules if "[" in rule.target}
        self._read: dict[str, tuple[str, str]] = {}
        self._parts: dict[tuple[str, str, int], dict[int, Rule]] = {}

    def turned(self, rule: Rule) -> list[Rule]:
        """The rules that undo this one; none for one that only counts together with others."""
        self._refuse(rule)
        back = replace(rule, sources=(_plain(rule.target),), target=rule.sources[0], when=None, condition="")
        back = replace(back, required=False)
        if rule.each:
            return [back]
        if len(rule.sources) == 1 and rule.steps and rule.steps[0].name == "split":
            self._keep_part(rule)
            return []
        if len(rule.sources) > 1:
            turned = self._several(rule, back)
        else:
            first = (Step(name="first"),) if self._alone(back.sources[0]) else ()
            turned = [replace(back, steps=(*first, *self._flipped(rule.steps)))]
        self._claim(rule)
        return turned

    def _alone(self, path: str) -> bool:
        """True below an element that could repeat, of which the table makes only one."""
        return any(self._target.repeats(step) and step not in self._groups for step in prefixes(path))

    def _refuse(self, rule: Rule) -> None:
        reasons = {
            "left out on purpose": rule.drop,
            "a constant holds nothing of the source": rule.constant is not None,
            "a value of the message's journey, not of its content": any(s.startswith("$") for s in rule.sources),
            "several rules may give this target": not rule.each and self._targets[_plain(rule.target)] > 1,
            "one part of an element that could repeat": self._is_part(rule) and self._alone(_plain(rule.target)),
            "the element it was taken out of comes back by its group": not rule.each and self._left_its_group(rule),
            "a numbered element cannot be told from its siblings": _plain(rule.target) in self._numbered,
        }
        for reason, so in reasons.items():
            if so:
                raise NoWayBack(reason)

    def _left_its_group(self, rule: Rule) -> bool:
        """True for a value that a group repeats with its element and this rule alone puts elsewhere."""
        if rule.steps and rule.steps[0].name in COMBINERS:
            return False
        groups = [(group.sources[0], _plain(group.target)) for group in self._rules if group.each]
        return any(
            lies_in(source, inside) and not lies_in(_plain(rule.target), made)
            for source in rule.sources
            for inside, made in groups
            if inside not in self._shared(rule, groups)
        )

    def _shared(self, rule: Rule, groups: list[tuple[str, str]]) -> set[str]:
        """Sources of the groups in which this rule stands."""
        return {inside for inside, made in groups if lies_in(_plain(rule.target), made)}

    def _is_part(self, rule: Rule) -> bool:
        return len(rule.sources) > 1 or (bool(rule.steps) and rule.steps[0].name == "split")

    def _claim(self, rule: Rule) -> None:
        """A source that went to several places of one group comes back from the first of them that is there."""
        group = max((g for g in self._groups if lies_in(_plain(rule.target), g)), key=len, default="")
        for source in rule.sources if not (rule.steps and rule.steps[0].name == UNIT) else ():
            first, around = self._read.setdefault(source, (rule.id, group))
            if around != group:
                raise NoWayBack(f"the source comes back by {first} already")

    def _flipped(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(self._flip(step) for step in reversed(steps))

    def _flip(self, step: Step) -> Step:
        if step.back:
            return replace(step, back=False)
        if step.name in COMBINERS:
            raise NoWayBack(f"{step.name} does not keep the values apart")
        if step.name == CODE:
            self._code_back(step.args)
        else:
            own = core_converter(step.name, step.args) or self._converters.get(step.text)
            if own is None or own.back is None:
                raise NoWayBack(own.why if own is not None and own.why else f"{step.name} has no way back")
        return replace(step, back=True)

    def _code_back(self, name: str) -> None:
        if name not in self._codes or self._codes[name].ambiguous:
            raise NoWayBack(self._codes[name].ambiguous if name in self._codes else f"no code list {name}")

    def _several(self, rule: Rule, back: Rule) -> list[Rule]:
        first, rest = rule.steps[0], self._flipped(rule.steps[1:])
        if first.name == UNIT:
            return [self._quantity(rule, back, first, rest)]
        separator = unquoted(first.args)
        if first.name != "join" or not separator:
            raise NoWayBack("what was joined cannot be told apart")
        count = len(rule.sources)
        return [
            replace(
                back, id=f"{rule.id}.{part}", target=source,
                steps=(*rest, Step(name="split", args=f"{_quoted(separator)},{part},{count}")),
            )
            for part, source in enumerate(rule.sources, start=1)
        ]  # fmt: skip

    def _quantity(self, rule: Rule, back: Rule, first: Step, rest: tuple[Step, ...]) -> Rule:
        """The quantity comes back through the unit that stands in the target, by the same list."""
        self._code_back(first.args)
        if rest:
            raise NoWayBack("the quantity is changed after its unit")
        wanted = ((rule.sources[1],), (Step(name=CODE, args=first.args),))
        units = [other.target for other in self._rules if (other.sources, other.steps) == wanted]
        if not units:
            raise NoWayBack("the unit is not in the target")
        return replace(back, sources=(*back.sources, _plain(units[0])), steps=(replace(first, back=not first.back),))

    def _keep_part(self, rule: Rule) -> None:
        separator, part, of = split_args(rule.steps[0].args)
        if of is None or len(rule.steps) > 1 or rule.steps[0].back:
            raise NoWayBack("one part alone is not the whole")
        self._parts.setdefault((rule.sources[0], separator, of), {})[part] = rule

    def joined(self) -> Iterator[Rule]:
        """One rule for every source all of whose parts arrived."""
        for (source, separator, of), parts in self._parts.items():
            if len(parts) == of:
                ordered = [parts[part] for part in range(1, of + 1)]
                yield Rule(
                    id=ordered[0].id, line=ordered[0].line, sources=tuple(_plain(rule.target) for rule in ordered),
                    target=source, steps=(Step(name="join", args=_quoted(separator)),),
                )  # fmt: skip

    def apart(self) -> Iterator[Lost]:
        """Parts whose other parts never arrive."""
        for (_, _, of), parts in self._parts.items():
            if len(parts) < of:
                for rule in parts.values():
                    yield Lost(rule=rule.id, line=rule.line, reason="the other parts are not in the target")

    def restored(self, rules: list[Rule]) -> Iterator[Rule]:
        """What a rule's `when` demanded of its source is known: it comes back with the value."""
        given = {rule.target for rule in rules}
        back = {rule.id: rule for rule in rules}
        for rule in self._rules:
            turned = back.get(rule.id)
            if turned is None:
                continue
            for number, (path, value) in enumerate(_demanded(rule.when), start=1):
                if path not in given and not path.startswith("$"):
                    given.add(path)
                    yield Rule(
                        id=f"{rule.id}.when{number}", line=rule.line, sources=(), target=path,
                        steps=(Step(name=CONST, args=value),), when=Present(turned.sources[0]),
                        condition=f"present({turned.sources[0]})",
                    )  # fmt: skip


def _demanded(condition: Condition | None) -> Iterator[tuple[str, str]]:
    """Paths that the condition holds to one text."""
    if isinstance(condition, Equals) and len(condition.values) == 1:
        yield condition.path, next(iter(condition.values))
    elif isinstance(condition, All):
        for item in condition.items:
            yield from _demanded(item)


def _plain(target: str) -> str:
    return "/".join(name for name, _ in target_steps(target))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
