"""Lanes: one per partner and channel. How each stands, what a person may do to it, and who holds a strand of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg

from gateway.shell.rows import jsonb
from gateway.shell.store import Connection, Store

TAKE: Final[LiteralString] = """
select held, case when held then set_config('plan_cache_mode', 'force_generic_plan', false) end
from (select pg_try_advisory_lock(hashtextextended(%s, 0)) as held offset 0) l
"""
LEAVE: Final[LiteralString] = """
select pg_advisory_unlock(hashtextextended(%s, 0)), set_config('plan_cache_mode', 'auto', false)
"""
COUNTS: Final[LiteralString] = """
select coalesce(d.lane, b.lane) as lane, coalesce(d.queued, 0) as queued, coalesce(d.urgent, 0) as urgent, d.oldest,
       d.due, coalesce(b.paused, false) as paused, coalesce(b.failures, 0) as failures, b.held_since,
       nullif(b.next_at, '-infinity') as next_at, b.released_at, coalesce(b.backlog, 0) as backlog,
       coalesce(b.sent, 0) as sent, coalesce(b.code, '') as code, coalesce(b.detail, '') as detail
from (
  select lane, count(*) as queued, count(*) filter (where rank = 0) as urgent, min(received_at) as oldest,
         min(coalesce(legal_due, deadline)) as due
  from delivery where state = 'queued' group by lane
) d
full join lane b on b.lane = d.lane
order by 1
"""
CHANGE: Final[LiteralString] = """
with d as (
  update delivery set next_at = 'epoch'
  where %(now)s and lane = %(lane)s and state = 'queued' and next_at > 'epoch'
  returning 1
), l as (
  insert into lane (lane, paused) values (%(lane)s, coalesce(%(paused)s, false))
  on conflict (lane) do update
  set paused = coalesce(%(paused)s, lane.paused), next_at = case when %(now)s then '-infinity' else lane.next_at end,
      slot = case when %(now)s then 'epoch' else lane.slot end
)
select link_evidence(%(at)s, %(event)s, null, null, %(record)s) from (select count(*) from d) as first
"""
"""Deliveries, chain, lane: rows are locked in the order of SETTLE and HOLD."""
_TIMES: Final = ("oldest", "due", "held_since", "next_at", "released_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCount:
    """How a lane stands. `next_at` None = it does not wait; `oldest` is when its oldest queued message came, `due`
    the soonest deadline of what waits. `failures` > 0: its partner is out since `held_since`, and a pilot goes at
    `next_at`. `released_at`: the partner came back then, with `backlog` messages waiting, and got `sent` since.
    """

    lane: str
    queued: int
    oldest: datetime | None
    paused: bool
    failures: int
    next_at: datetime | None
    code: str
    detail: str
    urgent: int = 0
    due: datetime | None = None
    held_since: datetime | None = None
    released_at: datetime | None = None
    backlog: int = 0
    sent: int = 0

    @property
    def troubled(self) -> bool:
        """True when a person should look at it."""
        return self.paused or self.failures > 0

    @property
    def state(self) -> str:
        """`paused` by a person, `out` = its partner is, `recovering`, or `open`."""
        if self.paused:
            return "paused"
        if self.failures:
            return "out"
        return "recovering" if self.released_at and self.queued else "open"

    def share_done(self) -> float:
        """Of the backlog and what came on top of it, from 0 to 1."""
        return self.sent / max(1, self.sent + self.queued)

    def time_left(self, now: datetime) -> timedelta | None:
        """Until nothing waits any more, at the speed since the partner came back. None = not known yet."""
        if self.released_at is None or not self.sent or not self.queued:
            return None
        return (now - self.released_at) * self.queued / self.sent


@contextmanager
def lane_held(connection: Connection, lane: str) -> Iterator[bool]:
    """True while this connection holds the lane: no other worker sends on it. Dies with the connection.

    Meanwhile its statements, few and asked again and again, are planned once: NEXT takes longer to plan than to run.
    """
    key = ["lane " + lane]
    got = connection.execute(TAKE, key).fetchone()
    held = got is not None and bool(got[0])
    try:
        yield held
    finally:
        if held and not connection.closed:
            try:
                connection.execute(LEAVE, key)
            except psycopg.OperationalError:  # with the connection the hold ends for sure
                connection.close()


def lane_counts(store: Store) -> list[LaneCount]:
    """Every lane that has something queued or that stumbled once."""
    return [LaneCount(**{**row, **_utc(row)}) for row in store.fetch(COUNTS)]


def all_lanes(store: Store, partners: Iterable[str]) -> list[LaneCount]:
    """Those, and one of each partner nothing went to yet; the troubled ones first, then those with the most to do."""
    known = lane_counts(store)
    names = {one.lane for one in known}
    fresh = [_unused(partner) for partner in partners if partner not in names]
    return sorted([*known, *fresh], key=lambda one: (not one.troubled, -one.queued, one.lane))


def _unused(lane: str) -> LaneCount:
    return LaneCount(lane=lane, queued=0, oldest=None, paused=False, failures=0, next_at=None, code="", detail="")


def pause(store: Store, lane: str, *, at: datetime, who: str, why: str) -> None:
    """Nothing is sent on the lane until it is resumed."""
    _change(store, lane, event="paused", paused=True, now=False, at=at, who=who, why=why)


def resume(store: Store, lane: str, *, at: datetime, who: str, why: str) -> None:
    """The lane goes on, at once."""
    _change(store, lane, event="resumed", paused=False, now=True, at=at, who=who, why=why)


def hurry(store: Store, lane: str, *, at: datetime, who: str, why: str) -> None:
    """A waiting lane, and every message that waits alone, tries again now; a paused one stays paused."""
    _change(store, lane, event="hurried", paused=None, now=True, at=at, who=who, why=why)


def _change(store: Store, lane: str, *, event: str, at: datetime, who: str, why: str, **columns: bool | None) -> None:
    record = jsonb({"lane": lane, "who": who, "why": why})
    store.write(CHANGE, {"lane": lane, "event": event, "at": at, "record": record, **columns})


def _utc(row: dict[str, Any]) -> dict[str, datetime]:
    return {name: row[name].astimezone(UTC) for name in _TIMES if row[name] is not None}
