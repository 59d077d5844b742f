"""Lanes: one per receiver, strictly in order, each waiting for its own partner only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row

from gateway.model import Delivery
from gateway.shell.rows import delivery_of, jsonb
from gateway.shell.store import Connection, Store

BATCH: Final = 20
"""Deliveries read at once; each is looked at again before it goes."""

# A loose index scan: it costs by the number of lanes, not of messages.
QUEUED_LANES: Final[LiteralString] = """
with recursive q as (
  (select lane from delivery where state = 'queued' order by lane limit 1)
  union all
  select (select d.lane from delivery d where d.state = 'queued' and d.lane > q.lane order by d.lane limit 1)
  from q where q.lane is not null
)
select q.lane
from q left join lane b on b.lane = q.lane
where q.lane is not null and q.lane <> all(%(not)s::text[])
  and not coalesce(b.paused, false) and coalesce(b.next_at, '-infinity') <= %(now)s
  and not exists (select from procrastinate_jobs j where j.lock = q.lane and j.status in ('todo', 'doing'))
"""
NEXT: Final[LiteralString] = """
select w.*
from (select entry, corridor from delivery where lane = %s and state = 'queued' order by seq limit %s) d
join delivery_way w using (entry, corridor)
order by w.seq
"""
"""The few are chosen first: the planner would look at all that wait."""
LATE: Final[LiteralString] = """
select w.*
from (select entry, corridor from delivery where lane = any(%s) and state = 'queued' and deadline <= %s limit 100) d
join delivery_way w using (entry, corridor)
order by w.seq
"""
STANDING: Final[LiteralString] = """
select d.state, d.attempts, coalesce(not b.paused and b.next_at <= %(now)s, true) as open
from delivery d left join lane b on b.lane = d.lane
where d.entry = %(entry)s and d.corridor = %(corridor)s
"""
COUNTS: Final[LiteralString] = """
select coalesce(d.lane, b.lane) as lane, coalesce(d.queued, 0) as queued, d.oldest, coalesce(b.paused, false) as paused,
       coalesce(b.failures, 0) as failures, nullif(b.next_at, '-infinity') as next_at,
       coalesce(b.code, '') as code, coalesce(b.detail, '') as detail
from (select lane, count(*) as queued, min(received_at) as oldest from delivery where state = 'queued' group by lane) d
full join lane b on b.lane = d.lane
order by 1
"""
CHANGE: Final[LiteralString] = """
with l as (
  insert into lane (lane, paused) values (%(lane)s, coalesce(%(paused)s, false))
  on conflict (lane) do update
  set paused = coalesce(%(paused)s, lane.paused), next_at = case when %(now)s then '-infinity' else lane.next_at end
  returning lane
)
select link_evidence(%(at)s, %(event)s, null, null, %(record)s) from l
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCount:
    """How a lane stands. `next_at` None = it does not wait; `oldest` is when its oldest queued message came."""

    lane: str
    queued: int
    oldest: datetime | None
    paused: bool
    failures: int
    next_at: datetime | None
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A delivery and its lane as they are now. `open`: the lane is neither paused nor waiting."""

    state: str
    attempts: int
    open: bool


@contextmanager
def lane_held(connection: Connection, lane: str) -> Iterator[bool]:
    """True while this connection holds the lane: no other worker sends on it. Dies with the connection."""
    key = ["lane " + lane]
    got = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", key).fetchone()
    held = got is not None and bool(got[0])
    try:
        yield held
    finally:
        if held and not connection.closed:
            with suppress(psycopg.OperationalError):  # a connection that was ended has let go already
                connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", key)


def due_lanes(connection: Connection, now: datetime, leave_out: Collection[str] = ()) -> list[str]:
    """Lanes with something queued that are open and that no job serves."""
    rows = connection.execute(QUEUED_LANES, {"now": now, "not": list(leave_out)})
    return [row[0] for row in rows]


def next_deliveries(connection: Connection, lane: str) -> list[Delivery]:
    """The oldest queued deliveries of a lane, in order."""
    return _deliveries(connection, NEXT, [lane, BATCH])


def late_deliveries(connection: Connection, lanes: Collection[str], now: datetime) -> list[Delivery]:
    """Queued deliveries of some lanes whose deadline has passed."""
    return _deliveries(connection, LATE, [list(lanes), now])


def standing(connection: Connection, delivery: Delivery, now: datetime) -> Standing:
    """How a delivery and its lane are; asked on the connection that holds the lane, so it also proves that we do."""
    words = {"entry": delivery.entry.id, "corridor": delivery.corridor, "now": now}
    row = connection.execute(STANDING, words).fetchone()
    if row is None:
        return Standing(state="", attempts=0, open=False)
    return Standing(state=row[0], attempts=row[1], open=row[2])


def lane_counts(store: Store) -> list[LaneCount]:
    """Every lane that has something queued or that stumbled once."""
    return [LaneCount(**{**row, **_utc(row)}) for row in store.fetch(COUNTS)]


def pause(store: Store, lane: str, *, at: datetime, who: str, why: str) -> None:
    """Nothing is sent on the lane until it is resumed."""
    _change(store, lane, event="paused", paused=True, now=False, at=at, who=who, why=why)


def resume(store: Store, lane: str, *, at: datetime, who: str, why: str) -> None:
    """The lane goes on, at once."""
    _change(store, lane, event="resumed", paused=False, now=True, at=at, who=who, why=why)


def hurry(store: Store, lane: str, *, at: datetime, who: str, why: str) -> None:
    """A waiting lane tries again now; a paused one stays paused."""
    _change(store, lane, event="hurried", paused=None, now=True, at=at, who=who, why=why)


def _change(store: Store, lane: str, *, event: str, at: datetime, who: str, why: str, **columns: bool | None) -> None:
    record = jsonb({"lane": lane, "who": who, "why": why})
    store.write(CHANGE, {"lane": lane, "event": event, "at": at, "record": record, **columns})


def _deliveries(connection: Connection, query: LiteralString, words: list[Any]) -> list[Delivery]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [delivery_of(row) for row in cursor.execute(query, words)]


def _utc(row: dict[str, Any]) -> dict[str, datetime]:
    return {name: row[name].astimezone(UTC) for name in ("oldest", "next_at") if row[name] is not None}
