"""What is measured while the gateway soaks: memory, handles, connections, tables and delays, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, LiteralString

from gateway.cli.chaos_town import BusyTown
from gateway.shell.processes import family_of
from gateway.shell.store import Store

STEADY: Final = ("gateway-1", "worker-1")
"""Never killed, so that their memory tells something."""
MEGABYTE: Final = 1_000_000
_TABLES: Final[LiteralString] = """
with t as (
  select s.relid, regexp_replace(s.relname, '_[0-9]{6}$', '') as name, s.n_dead_tup as dead
  from pg_stat_user_tables s
)
select coalesce(sum(dead), 0) as dead,
       coalesce(sum(pg_total_relation_size(relid))
                filter (where name in ('message', 'message_key', 'message_ref', 'delivery', 'outgoing', 'receipt',
                                       'evidence', 'intake')), 0) as kept,
       coalesce(sum(pg_total_relation_size(relid))
                filter (where name in ('chain', 'lane', 'instance') or name like 'procrastinate%%'), 0) as working,
       (select count(*) from message) as messages,
       (select count(*) from pg_stat_activity where datname = current_database()) as connections
from t
"""
_DELAYS: Final[LiteralString] = """
select (select count(*) from delivery where state = 'queued') as queued,
       coalesce(percentile_cont(0.5) within group (order by extract(epoch from settled_at - received_at)), 0) as middle,
       coalesce(percentile_cont(0.99) within group (order by extract(epoch from settled_at - received_at)), 0) as worst
from delivery where settled_at > %s and state = 'delivered' and lane <> all(%s::text[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One moment. Memory in MB (shared parts divided among those who share), tables in bytes, delays in seconds."""

    minute: float
    acknowledged: int
    memory: Mapping[str, float]
    handles: Mapping[str, int]
    connections: int
    messages: int
    dead: int
    """Rows that are no more and whose place is not free yet, in all tables."""
    kept: int
    """Bytes of the tables that keep messages, with their indexes."""
    working: int
    """Bytes of the small tables that are written all the time: chains, lanes, jobs."""
    queued: int
    delay: float
    slowest: float
    """From acceptance to the receiver's receipt since the sample before: the middle one, and the 99th percentile."""


def take(town: BusyTown, minute: float, acknowledged: int, since: datetime) -> Sample:
    """Measure now. Raises Busy when the database does not answer."""
    pids = {name: town.crew.pid(name) for name in STEADY} | {"database": town.database.status().pid or 0}
    families = {name: family_of(pid) if pid else [] for name, pid in pids.items()}
    pulls = [str(one.id) for one in town.residents.values() if one.pulls]
    with Store(town.dsn, largest=1) as store:
        tables, delays = store.fetch(_TABLES, {})[0], store.fetch(_DELAYS, [since, pulls])[0]
    return Sample(
        minute=minute,
        acknowledged=acknowledged,
        memory={name: round(sum(map(_memory, family)) / MEGABYTE, 1) for name, family in families.items()},
        handles={name: sum(map(_handles, family)) for name, family in families.items()},
        connections=tables["connections"],
        messages=tables["messages"],
        dead=int(tables["dead"]),
        kept=int(tables["kept"]),
        working=int(tables["working"]),
        queued=delays["queued"],
        delay=round(float(delays["middle"]), 3),
        slowest=round(float(delays["worst"]), 3),
    )


def _memory(pid: int) -> int:
    """Bytes; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _handles(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
