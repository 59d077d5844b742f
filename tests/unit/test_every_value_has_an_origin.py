"""Of every value that a shipped corridor delivers it can be told where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gateway import registry
from gateway.mapping import Trace, explain, translate
from gateway.mapping.outcome import CONTEXT
from gateway.model import Corridor, Document
from gateway.replay.fixture import find_fixtures, read_fixture
from gateway.schema import validate_bare

ADAPTERS = Path(__file__).parents[2] / "adapters"
TIME = "2026-11-23T06:00:00Z"


@cache
def rules() -> registry.Registry:
    return registry.load()


@cache
def documents() -> tuple[tuple[str, Document], ...]:
    """Who sent what in the fixtures, as far as it is valid by its schema: questions, reports and answers."""
    return tuple(_documents())


def _documents() -> Iterator[tuple[str, Document]]:
    for folder in find_fixtures(sorted(ADAPTERS.glob("*/fixtures"))):
        fixture = read_fixture(folder)
        answer = fixture.answer.payload if fixture.answer else None
        for sender, payload in ((fixture.sender, fixture.payload), (fixture.receiver, answer)):
            found = validate_bare(payload, rules().schemas) if payload else ()
            if fixture.expect == "delivered" and isinstance(found, Document):
                yield sender, found


def context(corridor: Corridor) -> dict[str, str]:
    words = dict.fromkeys(CONTEXT, "of the gateway") | {"now": TIME, "received_at": TIME}
    return words | {"sender": corridor.sender, "receiver": corridor.receiver}


def has_origin(trace: Trace, payload: str) -> bool:
    """A constant of a rule, a word of the gateway, or a text of the document."""
    if not trace.sources:
        return trace.convert.startswith("const:") and bool(trace.rule)
    return bool(trace.rule) and any(
        path.removeprefix("$") in CONTEXT if path.startswith("$") else " ".join(text.split()) in payload
        for path, text in trace.sources
    )


@pytest.mark.parametrize("name", sorted(one.id for one in registry.load().corridors.values() if one.mapping))
def test_every_value_of_a_corridor_has_an_origin(name: str) -> None:
    """By the corridor's own fixtures: the explained bytes are the delivered ones, and no value comes from nowhere."""
    corridor = next(one for one in rules().corridors.values() if one.id == name)
    table = rules().translations[corridor.mapping]
    mine = [one for sender, one in documents() if sender == corridor.sender and one.type == corridor.takes]
    assert mine
    for document in mine[:3]:
        made, traces = explain(document.payload, table, context(corridor))
        assert made == translate(document.payload, table, context(corridor))
        text = " ".join(document.payload.decode().replace("&amp;", "&").split())
        assert traces
        assert [one for one in traces if not has_origin(one, text)] == []
