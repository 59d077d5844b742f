"""What the backlog is loaded with: rows as the gateway would have them, in tables as it would leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, LiteralString

import pytest
from psycopg import sql

from bench.backlog import two_places
from bench.loading import LANES, TABLES, load, require_room
from bench.unindexed import MEANWHILE

STANDS: Final[LiteralString] = "select name, setting from pg_settings where name = any(%s) order by name"
COUNT: Final = sql.SQL("select count(*) as n from {}")


def test_what_is_loaded_is_whole_and_spread_over_the_months() -> None:
    """Every table has its rows, no index rests, and the server is as careful as before."""
    with two_places() as (_, full):
        before = full.store.fetch(STANDS, [list(MEANWHILE)])
        load(full.store, queued=30, logged=700)
        counts = {table: full.store.fetch(COUNT.format(sql.Identifier(table)))[0]["n"] for table in TABLES}
        assert counts == {
            "message": 731, "message_key": 731, "delivery": 731, "message_ref": 4 * 731, "outgoing": 701,
            "receipt": 701, "evidence": 4 * 701 + 30,
        }  # fmt: skip
        months = full.store.fetch("select date_trunc('month', received_at) as m, count(*) as n from message group by 1")
        assert len(months) == 7
        assert min(month["n"] for month in months) > 10
        waiting = full.store.fetch("select lane, received_at from delivery where state = 'queued' order by seq")
        assert len(waiting) == 30
        assert {row["lane"] for row in waiting} == set(LANES)
        assert [row["received_at"] for row in waiting] == sorted(row["received_at"] for row in waiting)
        resting = "select indexrelid::regclass::text as name from pg_index where not (indisvalid and indisready)"
        assert full.store.fetch(resting) == []
        assert full.store.fetch(STANDS, [list(MEANWHILE)]) == before


def test_a_disk_without_room_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    """Nobody waits for minutes to be told."""
    require_room(tmp_path, queued=0, logged=0)
    with pytest.raises(RuntimeError, match="GB are needed"):
        require_room(tmp_path, queued=0, logged=10**12)
