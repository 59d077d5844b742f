"""Laws that hold for every table of the tree, over random valid documents of the message it takes.

More documents: `GATEWAY_TEST_EXAMPLES=500 pytest tests/property/test_every_table.py`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigurationError, MappingGap, MappingInvalid
from gateway.facts import Fact, FactTable
from gateway.mapping import Account, WayBack, account, explain, losses_of, translate, unfit, way_back
from gateway.mapping.numbers import canonical_decimal
from gateway.mapping.predicate import paths_of
from gateway.model import Document
from gateway.schema import check, validate_bare
from gateway.schema.generate import load_facts
from gateway.xml import Element, canonical, parse, readable_path, tag_of
from tests.generated import documents, generate
from tests.tables import CONTEXT, cases
from tests.twins import registry

EXAMPLES = int(os.environ.get("GATEWAY_TEST_EXAMPLES", "12"))
LAWS = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
KINDS = {f"mapping.{kind}" for kind in ("required", "convert", "code", "several")}
COMMA = "[0-9]{1,15}(,[0-9]{1,3})?"
NUMBERS = ("numeric", "amount", "quantity", "measure", "decimal", "integer")
every_table = pytest.mark.parametrize("name", sorted(cases()))


@cache
def facts(name: str) -> FactTable:
    record = cases()[name].takes
    return load_facts(registry().tree.path(record.path), record.root)


@cache
def back_of(name: str) -> WayBack | None:
    try:
        return way_back(cases()[name].translation)
    except ConfigurationError as nothing:
        assert "nothing comes back" in str(nothing)
        return None


def drawn(name: str, data: st.DataObject) -> bytes:
    """A random document, which must be what the table takes."""
    case = cases()[name]
    document = data.draw(documents(facts(name), case.hopes))
    found = validate_bare(document, registry().schemas)
    assert isinstance(found, Document), found
    assert found.type == case.takes.document
    return document


@every_table
@LAWS
@given(data=st.data())
def test_the_output_is_valid_or_every_gap_is_named(name: str, data: st.DataObject) -> None:
    """Valid by the target's schema, its own canonical form, the same every time; or findings that name rule and row."""
    case, document, context = cases()[name], drawn(name, data), dict(CONTEXT)
    before = bytes(bytearray(document))
    try:
        out = translate(document, case.translation, context, lossless=True)
    except MappingGap as gap:
        assert gap.findings
        rules = {rule.id for rule in case.translation.table.rules}
        for finding in gap.findings:
            assert finding.rule in KINDS, finding
            assert finding.path
            assert not finding.params["rule"] or set(finding.params["rule"].split(", ")) <= rules
        with pytest.raises(MappingGap) as again:
            explain(document, case.translation, CONTEXT)
        assert again.value.findings == gap.findings
        return
    assert (document, context) == (before, CONTEXT)
    try:
        check(out, case.gives, registry().schemas)
    except MappingInvalid as refused:
        named = unfit(refused.findings, document, case.translation, CONTEXT)
        assert len(named) == len(refused.findings), refused.findings
    assert canonical(parse(out)) == out
    assert translate(document, case.translation, CONTEXT) == out


@every_table
@LAWS
@given(data=st.data())
def test_every_value_has_an_origin_and_a_fate(name: str, data: st.DataObject) -> None:
    """Provenance covers the output, the ledger covers the source, and the two agree."""
    case, document = cases()[name], drawn(name, data)
    try:
        out, traces = explain(document, case.translation, CONTEXT)
    except MappingGap:
        return
    made = dict(leaves(parse(out)))
    assert {trace.target: trace.value for trace in traces} == made
    told = account(document, case.translation, CONTEXT)
    assert [one.place for one in told] == [place for place, _ in leaves(parse(document))]
    rules = {rule.id: rule for rule in case.translation.table.rules}
    for one in told:
        assert one.fate != "silent", one
        assert one.rules
        assert set(one.rules) <= set(rules)
        assert set(one.targets) <= set(made)
        assert bool(one.reason) == (one.fate != "kept"), one
        assert one.fate != "kept" or one.targets


@every_table
@LAWS
@given(data=st.data())
def test_what_is_kept_comes_back(name: str, data: st.DataObject) -> None:
    """There and back gives every value that the ledger calls kept, in its order, and no other at those paths."""
    case, document, back = cases()[name], drawn(name, data), back_of(name)
    try:
        out = translate(document, case.translation, CONTEXT)
    except MappingGap:
        return
    kept = values(account(document, case.translation, CONTEXT), facts(name))
    if back is None:
        assert not kept
        return
    try:
        returned = translate(out, back.translation, CONTEXT)
    except MappingGap as gap:
        assert not kept, gap.findings
        return
    found: dict[str, list[str]] = {}
    for place, value in leaves(parse(returned)):
        found.setdefault(plain(place), []).append(normal(value, facts(name).facts[plain(place)]))
    assumed = {rule.target for rule in back.translation.table.rules if rule.constant is not None}
    for path in (kept.keys() | found.keys()) - assumed:
        assert found.get(path, []) == kept.get(path, []), path


@every_table
def test_documents_are_not_all_refused(name: str) -> None:
    """The laws above are not empty: of forty documents at least four are translated."""
    case, done = cases()[name], 0
    for seed in range(40):
        try:
            translate(generate(facts(name), case.hopes, seed=seed, full=0.02), case.translation, CONTEXT)
        except MappingGap:
            continue
        done += 1
    assert done >= 4


@every_table
def test_no_gap_hides_another(name: str) -> None:
    """Every value that is refused when it alone is wrong is refused as well when all of them are wrong at once."""
    case = cases()[name]
    rules = case.translation.table.rules
    asked = {path for rule in rules for path in paths_of(rule.when)}
    document = next(filter(None, (translated(name, seed) for seed in range(200))))
    alone: set[tuple[str, str]] = set()
    wrong = parse(document)
    for at, element in enumerate(parse(document).iter("{*}*")):
        path = "/".join(step.partition("[")[0] for step in readable_path(element).lstrip("/").split("/"))
        if len(element) or path in asked or not any(path in rule.sources for rule in rules):
            continue
        one = parse(document)
        for root in (one, wrong):
            list(root.iter("{*}*"))[at].text = "\u2620 ?"
        alone |= refused(name, canonical(one))
    assert alone <= refused(name, canonical(wrong))


def translated(name: str, seed: int) -> bytes | None:
    document = generate(facts(name), cases()[name].hopes, seed=seed, full=0.02)
    return None if refused(name, document) else document


def refused(name: str, document: bytes) -> set[tuple[str, str]]:
    """Kind and place of every gap."""
    try:
        translate(document, cases()[name].translation, CONTEXT)
    except MappingGap as gap:
        return {(finding.rule, finding.params["source"]) for finding in gap.findings}
    return set()


@every_table
def test_no_table_is_silent_and_every_drop_row_drops(name: str) -> None:
    """Each leaf of the schema has a rule; each `drop` row has a leaf and says why."""
    case = cases()[name]
    ledger = losses_of(case.translation)
    assert not [loss.path for loss in ledger if loss.fate == "silent"]
    assert not case.translation.silent
    speaking = {rule for loss in ledger if loss.fate == "dropped" for rule in loss.rules}
    drops = [rule for rule in case.translation.table.rules if rule.drop]
    assert {rule.id for rule in drops} == speaking
    assert all(rule.note for rule in drops)


def leaves(root: Element) -> list[tuple[str, str]]:
    """Every text and attribute that holds something, by its numbered path, found without the mapping desk."""
    return list(_leaves(root, tag_of(root).rpartition("}")[2]))


def _leaves(element: Element, place: str) -> Iterator[tuple[str, str]]:
    if not len(element) and (element.text or "").strip(" \t\r\n"):
        yield place, element.text or ""
    for key, value in element.attrib.items():
        if str(value).strip(" \t\r\n"):
            yield f"{place}/@{str(key).rpartition('}')[2]}", str(value)
    tags = [tag_of(child) for child in element]
    seen: Counter[str] = Counter()
    for child, tag in zip(element, tags, strict=True):
        seen[tag] += 1
        number = f"[{seen[tag]}]" if tags.count(tag) > 1 else ""
        yield from _leaves(child, f"{place}/{tag.rpartition('}')[2]}{number}")


def values(told: tuple[Account, ...], table: FactTable) -> Mapping[str, list[str]]:
    """The kept values by path."""
    found: dict[str, list[str]] = {}
    for one in told:
        if one.fate == "kept":
            found.setdefault(one.path, []).append(normal(one.value, table.facts[one.path]))
    return found


def plain(place: str) -> str:
    return "/".join(step.partition("[")[0] for step in place.split("/"))


def normal(value: str, fact: Fact) -> str:
    """What a value says, whatever way it is written: numbers and instants may be written in several."""
    if fact.type in NUMBERS:
        return canonical_decimal(value.strip())
    if fact.pattern == COMMA:
        return canonical_decimal(value.replace(",", "."))
    if fact.type == "datetime":
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return " ".join(value.split()) if fact.type in ("code", "token", "token-id", "line") or fact.attribute else value
