"""Every mapping table of the tree with what is needed to hold it to its laws."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from gateway.identifiers import kz_check_digit
from gateway.mapping import Translation
from gateway.mapping.predicate import All, Condition, Either, Equals, Not
from gateway.mapping.table import target_steps
from gateway.model import DocumentType, Schema
from gateway.schema.generate import load_facts
from tests.generated import Hopes, some_values
from tests.twins import registry

CONTEXT = {
    "message_id": "urn:uuid:00000000-0000-4000-8000-000000000001",
    "relates_to": "urn:uuid:00000000-0000-4000-8000-000000000002",
    "conversation_id": "c", "sender": "customs_kz", "receiver": "health_kz", "entry_id": "e",
    "now": "2026-11-23T06:00:00Z", "received_at": "2026-11-23T06:00:00Z",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """A table of the tree, the message it takes and the one it gives."""

    name: str
    translation: Translation
    takes: Schema
    gives: DocumentType

    @property
    def hopes(self) -> Hopes:
        return _hopes(self.name)


@cache
def cases() -> dict[str, Case]:
    """By name without folder and ending (`health_kz/query`)."""
    found = {}
    rules = registry()
    for corridor in (corridor for corridor in rules.corridors.values() if corridor.mapping):
        tables = [(corridor.mapping, corridor.gives)]
        if corridor.silence:
            tables.append((corridor.silence.mapping, corridor.silence.gives))
        for table, gives in tables:
            name = table.removeprefix("mappings/").removesuffix(".csv")
            found[name] = Case(
                name=name, translation=rules.translations[table], takes=rules.records[corridor.takes], gives=gives
            )
    return found


@cache
def _hopes(name: str) -> Hopes:
    case = cases()[name]
    table, record = case.translation.table, case.takes
    facts = load_facts(registry().tree.path(record.path), record.root)
    likely: dict[str, list[str]] = {}
    for path, values in _known_values(case.translation):
        likely.setdefault(path, []).extend(values)
    wanted = {path for rule in table.rules if not rule.drop for path in rule.sources}
    needed = {path for rule in table.rules if rule.required for path in rule.sources}
    above = {path[:at] for path in wanted for at, sign in enumerate(path) if sign == "/"}
    return Hopes(
        fixed=_fixed(record),
        likely={path: tuple(dict.fromkeys(values)) for path, values in likely.items() if path in facts.facts},
        wanted=frozenset(wanted | set(likely) | above),
        needed=frozenset(needed | {path[:at] for path in needed for at, sign in enumerate(path) if sign == "/"}),
    )


def _fixed(record: Schema) -> dict[str, tuple[str, ...]]:
    """What makes a document this message; the elements around it must be there as well."""
    found = {f"{record.root}/{path}": tuple(sorted(values)) for path, values in record.when.items()}
    return {path[:at]: () for path in found for at, sign in enumerate(path) if sign == "/"} | found


def _known_values(translation: Translation) -> Iterator[tuple[str, list[str]]]:
    """What the rules of a table ask for, have a code for, or have a converter for."""
    for rule in translation.table.rules:
        yield from _asked(rule.when)
        step = next((step for step in rule.steps if step.name in KNOWN or step.text in SAMPLES), None)
        if {step.name for step in rule.steps} <= {"trim", "first"}:
            fact = translation.target.facts["/".join(name for name, _ in target_steps(rule.target))]
            yield from ((source, some_values(fact)) for source in rule.sources if fact.pattern or fact.choices)
        if step is None:
            continue
        for source in rule.sources:
            codes = translation.bench.codes.get(step.args) if step.name == "code" else None
            if codes is not None:
                sides = [code.target if step.back else code.source for code in codes.codes]
                yield source, [side for side in sides if side != "*"]
            elif step.text in SAMPLES or step.name in SAMPLES:
                yield source, list(SAMPLES.get(step.text) or SAMPLES[step.name])
            elif step.name == "join" and rule.steps[-1].name == "cn_aeo_code":
                yield source, ["KZ"] if source.endswith("PrefixCode") else list(SAMPLES["bin"])


def _asked(condition: Condition | None) -> Iterator[tuple[str, list[str]]]:
    if isinstance(condition, Equals):
        yield condition.path, sorted(condition.values)
    elif isinstance(condition, Not):
        yield from _asked(condition.item)
    elif isinstance(condition, All | Either):
        for item in condition.items:
            yield from _asked(item)


KNOWN = ("code", "join", "slice", "split")


def _numbers() -> tuple[str, ...]:
    """Business numbers with a right check digit."""
    dice = random.Random(1)
    firsts = (f"{dice.randrange(10**11):011}" for _ in range(20))
    return tuple(f"{first}{digit}" for first in firsts if (digit := kz_check_digit(first)) is not None)


_NUMBERS = _numbers()
SAMPLES = {
    "bin": _NUMBERS,
    "our_operator": (*_NUMBERS[:4], f"KZ{_NUMBERS[0]}", "GB123456789000", "CN-1"),
    "our_declaration": ("50702/010126/0012345", "24GB0YVJ3EXXES8AA0"),
    "our_office": ("50702", "55302000", "GB000060"),
    "our_commodity": ("3004900000", "300490", "30049000"),
    "one_country": ("KZ", "CN", "1011", "EEC"),
    "country": ("KZ", "CN"),
    "main_procedure": ("40", "10", "1CG"),
    "slice": ("IMA", "EXB", "COC"),
    "split": ("KGM", "NMP#G", "H87"),
    "comma": ("1", "0.5", "12.125"),
    "tin_prefix": tuple(f"AEOKZ{number}" for number in _NUMBERS),
    "tin_body": tuple(f"AEOKZ{number}" for number in _NUMBERS),
    "back:astana": ("10.01.2026 12:00:00", "01.07.2025 00:30:00"),
    "back:astana304": ("10.01.2026 12:00:00", "01.07.2025 00:30:00"),
    "astana304": ("20260110120000Z", "20260110120000+05"),
}
"""What a converter takes, by its name: ours and what comes from elsewhere."""
