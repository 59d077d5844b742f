"""What is asked again and again is read from an index, also where most of what was ever delivered lies behind."""

from __future__ import annotations

from typing import LiteralString

import pytest

from gateway.shell.inbox import WAITING
from gateway.shell.picking import DUE, LATE, NEXT, PROGRESS
from gateway.shell.store import Store
from tests.builders import HEALTH, NOW

FILLED: LiteralString = """
insert into delivery (entry, corridor, received_at, lane, sender, receiver, out_id, state, deadline, order_key)
select gen_random_uuid(), 'permit-query', %(now)s - n * interval '1 minute', %(lane)s, 'customs_kz', %(lane)s,
       gen_random_uuid(), case when mod(n, 10) = 0 then 'queued' else 'delivered' end,
       %(now)s + interval '1 day' * case when mod(n, 10) = 0 then 1 else -1 end, n
from generate_series(1, 60000) as n
"""
WORDS = {
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
    with deep.session() as connection:
        connection.execute(f"set plan_cache_mode = {mode}")
        plan = connection.execute("explain (analyze, buffers, format json) " + query, WORDS).fetchone()
        connection.execute("reset plan_cache_mode")
    assert plan is not None
    root = plan[0][0]["Plan"]
    assert "Seq Scan on delivery" not in {f"{one['Node Type']} on {one.get('Relation Name')}" for one in nodes(root)}
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 800


def nodes(plan: dict[str, object]) -> list[dict[str, object]]:
    """Of a plan, all of them."""
    below = plan.get("Plans", [])
    assert isinstance(below, list)
    return [plan, *(node for one in below for node in nodes(one))]
