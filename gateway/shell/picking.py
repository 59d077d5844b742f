"""What a worker asks of a lane: whether it is due, what goes next by the law of order, and whether it still may.

A lane is served in strands (`partner`, `partner#1`, ...), each by one worker at a time; how the partner stands,
its pilots and its rate belong to the lane, so to all its strands together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg.rows import dict_row

from gateway.model import Delivery
from gateway.shell.rows import delivery_of
from gateway.shell.store import Connection

BATCH: Final = 20
"""Deliveries read at once; each is looked at again before it goes."""

# A loose index scan: it costs by the number of strands, not of messages. The scalar subqueries keep their index: as
# `exists` the planner may hash everything that waits; and without an order, or one over several lanes, it may read all
# that was ever delivered, for it takes what waits to be as old as that.
DUE: Final[LiteralString] = """
with recursive q as (
  (select lane, strand from delivery where state = 'queued' order by lane, strand limit 1)
  union all
  select n.lane, n.strand
  from q cross join lateral (
    select d.lane, d.strand from delivery d
    where d.state = 'queued' and (d.lane, d.strand) > (q.lane, q.strand)
    order by d.lane, d.strand limit 1
  ) n
), s as (
  select lane, strand, lane || case when strand = 0 then '' else '#' || strand end as name from q
)
select s.name
from s left join lane b on b.lane = s.lane
where s.lane <> all(%(not)s::text[])
  and (
    not coalesce(b.paused, false) and coalesce(b.next_at, '-infinity') <= %(now)s and (
      select true from delivery d
      where d.lane = s.lane and d.strand = s.strand and d.state = 'queued' and d.next_at <= %(now)s
      order by d.rank, d.seq limit 1
    )
    or (
      select true from delivery d
      where d.lane = s.lane and d.strand = s.strand and d.state = 'queued' and d.deadline <= %(now)s
      order by d.deadline limit 1
    )
  )
  and not exists (select from procrastinate_jobs j where j.lock = s.name and j.status in ('todo', 'doing'))
"""
# The most urgent few, each together with what it may not overtake; none whose way an earlier one blocks.
NEXT: Final[LiteralString] = """
with c as (
  select d.order_key, d.seq, row_number() over (order by d.rank, d.seq) as n
  from (
    select order_key, seq, rank from delivery d
    where lane = %(lane)s and strand = %(strand)s and state = 'queued' and next_at <= %(now)s and (
      select e.seq from delivery e
      where e.lane = %(lane)s and e.order_key = d.order_key and e.state = 'queued' and e.seq < d.seq
        and (e.strand <> %(strand)s or e.next_at > %(now)s)
      order by e.seq limit 1
    ) is null
    order by rank, seq limit %(limit)s
  ) d
), b as (
  select x.entry, x.corridor, x.seq, min(c.n) as n
  from c cross join lateral (
    select entry, corridor, seq from delivery
    where lane = %(lane)s and order_key = c.order_key and state = 'queued' and seq <= c.seq
    order by seq limit %(limit)s
  ) x
  group by x.entry, x.corridor, x.seq
  order by n, x.seq limit %(limit)s
)
select w.* from b join delivery_way w using (entry, corridor) order by b.n, b.seq
"""
LATE: Final[LiteralString] = """
select w.*
from (
  select x.entry, x.corridor
  from unnest(%(lanes)s::text[]) as l(lane) cross join lateral (
    select entry, corridor, deadline from delivery d
    where d.lane = l.lane and d.state = 'queued' and d.deadline <= %(now)s
      and (%(strand)s::integer is null or d.strand = %(strand)s)
    order by d.deadline limit 100
  ) x
  order by x.deadline limit 100
) d
join delivery_way w using (entry, corridor)
order by w.seq
"""
STANDING: Final[LiteralString] = """
select coalesce(n.state, ''), coalesce(n.next_at <= %(now)s, false), coalesce(b.paused, false),
       coalesce(b.failures, 0) > 0, coalesce(p.state, ''), coalesce(p.attempts, 0)
from (values (1)) as one(x)
left join lane b on b.lane = %(lane)s
left join delivery n on n.entry = %(entry)s and n.corridor = %(corridor)s
left join delivery p on p.entry = %(last_entry)s and p.corridor = %(last_corridor)s
"""
LANE: Final[LiteralString] = "select paused, failures, released_at is not null from lane where lane = %s"
PILOT: Final[LiteralString] = """
update lane set next_at = %(next)s
where lane = %(lane)s and failures > 0 and not paused and next_at <= %(now)s
returning lane
"""
SLOTS: Final[LiteralString] = """
insert into lane as l (lane, slot) values (%(lane)s, %(now)s + %(long)s::interval)
on conflict (lane) do update set slot = greatest(l.slot, %(now)s) + %(long)s::interval
where l.slot <= %(now)s + %(patience)s::interval
returning slot - %(long)s::interval
"""
BEHIND: Final[LiteralString] = """
update delivery d set next_at = h.next_at
from delivery h
where d.lane = %(lane)s and d.strand = %(strand)s and d.state = 'queued' and d.next_at <= %(now)s
  and h.lane = %(lane)s and h.order_key = d.order_key and h.state = 'queued' and h.seq < d.seq and h.next_at > %(now)s
"""
PROGRESS: Final[LiteralString] = """
update lane set sent = sent + %(sent)s, released_at = case when (
  select true from delivery d where d.lane = %(lane)s and d.state = 'queued' order by d.strand, d.rank, d.seq limit 1
) then released_at end
where lane = %(lane)s and released_at is not null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStand:
    """How a lane stands. `out`: its partner is; `recovering`: it came back, and what waited is being sent."""

    paused: bool
    out: bool
    recovering: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A delivery, its lane, and what became of the one before it."""

    state: str
    ready: bool
    paused: bool
    out: bool
    last_state: str
    last_attempts: int


def strand_of(name: str) -> tuple[str, int]:
    """The lane and the number in a strand's name."""
    lane, _, number = name.partition("#")
    return lane, int(number or 0)


def due_lanes(connection: Connection, now: datetime, leave_out: Collection[str] = ()) -> list[str]:
    """Strands with something to send or to give up now that no job serves; `leave_out` are lanes."""
    return [row[0] for row in connection.execute(DUE, {"now": now, "not": list(leave_out)})]


def next_deliveries(connection: Connection, name: str, now: datetime, limit: int = BATCH) -> list[Delivery]:
    """What goes next on a strand, in the order of the law."""
    lane, strand = strand_of(name)
    return _deliveries(connection, NEXT, {"lane": lane, "strand": strand, "now": now, "limit": limit})


def late_deliveries(
    connection: Connection, lanes: Collection[str], now: datetime, strand: int | None = None
) -> list[Delivery]:
    """Queued deliveries of some lanes whose deadline has passed."""
    return _deliveries(connection, LATE, {"lanes": list(lanes), "now": now, "strand": strand})


def standing(connection: Connection, delivery: Delivery, last: Delivery | None, now: datetime) -> Standing:
    """How things are now; asked on the connection that holds the strand, so it also proves that we do."""
    words = {
        "lane": delivery.lane, "entry": delivery.entry.id, "corridor": delivery.corridor, "now": now,
        "last_entry": last and last.entry.id, "last_corridor": last and last.corridor,
    }  # fmt: skip
    row = connection.execute(STANDING, words).fetchone() or ("", False, True, True, "", 0)
    state, ready, paused, out, last_state, last_attempts = row
    return Standing(
        state=state, ready=ready, paused=paused, out=out, last_state=last_state, last_attempts=last_attempts
    )


def lane_stand(connection: Connection, lane: str) -> LaneStand:
    """How a lane stands now."""
    row = connection.execute(LANE, [lane]).fetchone() or (False, 0, False)
    return LaneStand(paused=row[0], out=row[1] > 0, recovering=row[1] > 0 or row[2])


def claim_pilot(connection: Connection, lane: str, now: datetime, every: timedelta) -> bool:
    """True for one of all workers each time a pilot is due."""
    return connection.execute(PILOT, {"lane": lane, "now": now, "next": now + every}).fetchone() is not None


def take_slots(
    connection: Connection, lane: str, count: int, rate: float, *, now: datetime, patience: timedelta
) -> datetime | None:
    """When the first of `count` messages may leave, the others each 1/rate seconds later. None = not within patience.

    All workers of a lane draw from the same row, so together they keep to the rate.
    """
    words = {"lane": lane, "now": now, "long": timedelta(seconds=count / rate), "patience": patience}
    row = connection.execute(SLOTS, words).fetchone()
    return row[0] if row else None


def wait_behind(connection: Connection, name: str, now: datetime) -> None:
    """What came after a message that waits alone, and may not overtake it, waits as long: nobody looks in vain."""
    lane, strand = strand_of(name)
    connection.execute(BEHIND, {"lane": lane, "strand": strand, "now": now})


def note_progress(connection: Connection, lane: str, sent: int) -> None:
    """So many more of a backlog were sent; when nothing waits any more the recovery is over."""
    connection.execute(PROGRESS, {"lane": lane, "sent": sent})


def _deliveries(connection: Connection, query: LiteralString, words: dict[str, Any]) -> list[Delivery]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [delivery_of(row) for row in cursor.execute(query, words)]
