"""What is asked again and again is read from an index, also where most of what was ever delivered lies behind."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

import pytest

from gateway.shell.inbox import WAITING
from gateway.shell.picking import DUE, LATE, NEXT, PROGRESS
from gateway.shell.queries import WHEN
from gateway.shell.store import Store
from tests.builders import HEALTH, NOW

FILLED: LiteralString = """
insert into delivery (entry, corridor, received_at, lane, sender, receiver, out_id, state, deadline, order_key)
select gen_random_uuid(), 'permit-query', %(now)s - n * interval '1 minute', %(lane)s, 'customs_kz', %(lane)s,
       gen_random_uuid(), case when mod(n, 10) = 0 then 'queued' else 'delivered' end,
       %(now)s + interval '1 day' * case when mod(n, 10) = 0 then 1 else -1 end, n
from generate_series(1, 60000) as n
"""
KEPT: LiteralString = """
with m as (
  insert into message (received_at, id, sender, type, message_id, conversation_id, priority, facts, ways)
  select %(now)s - n * interval '10 seconds', gen_random_uuid(), 'customs_kz', 'NOTHING', n::text, '', 'B', '{}', 0
  from generate_series(0, 30000) as n
  returning id, received_at
)
insert into evidence
select 99, row_number() over (), received_at, 'accepted', id, null, '{}', '', '' from m
"""
WORDS: dict[str, object] = {
    "now": NOW, "lane": HEALTH, "lanes": [HEALTH], "strand": 0, "not": [], "limit": 20, "after": 0, "sent": 1,
}  # fmt: skip


@pytest.fixture
def deep(store: Store) -> Store:
    """Six thousand messages wait, none of them late; ten times as many went before, all of them late by now."""
    store.run(lambda connection: connection.execute(FILLED, WORDS))
    store.run(lambda connection: connection.execute("analyze delivery"))
    return store


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("query", [DUE, NEXT, LATE, PROGRESS, WAITING], ids=["due", "next", "late", "progress", "pull"])
def test_what_waits_is_found_by_its_index(deep: Store, query: LiteralString, mode: LiteralString) -> None:
    """Never by reading all deliveries, nor all that wait."""
    root = explained(deep, mode, query, WORDS)
    assert "Seq Scan on delivery" not in {f"{one['Node Type']} on {one.get('Relation Name')}" for one in nodes(root)}
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 800


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_nobody_reads_all_messages_for_an_id_that_is_unknown(store: Store, mode: LiteralString) -> None:
    """Anybody may ask for one, and as often as they like."""
    store.run(lambda connection: connection.execute(KEPT, WORDS))
    store.run(lambda connection: connection.execute("analyze"))
    root = explained(store, mode, WHEN, {"id": UUID(int=1)})
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 100


def explained(store: Store, mode: LiteralString, query: LiteralString, words: dict[str, object]) -> dict[str, Any]:
    """The root of the plan that ran."""
    with store.session() as connection:
        connection.execute(f"set plan_cache_mode = {mode}")
        plan = connection.execute("explain (analyze, buffers, format json) " + query, words).fetchone()
        connection.execute("reset plan_cache_mode")
    assert plan is not None
    root: dict[str, Any] = plan[0][0]["Plan"]
    return root


def nodes(plan: dict[str, object]) -> list[dict[str, object]]:
    """Of a plan, all of them."""
    below = plan.get("Plans", [])
    assert isinstance(below, list)
    return [plan, *(node for one in below for node in nodes(one))]
