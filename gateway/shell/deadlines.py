"""What waits against a clock, and what died: the messages that a person should know of before anybody asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from gateway.lifecycle import State, may
from gateway.shell.queries import in_utc
from gateway.shell.store import Store

# Each branch is an index range; of lanes there are few.
AT_RISK: Final[LiteralString] = """
with recursive l as (
  (select lane from delivery where state = 'queued' order by lane limit 1)
  union all
  select (select d.lane from delivery d where d.state = 'queued' and d.lane > l.lane order by d.lane limit 1)
  from l where l.lane is not null
), x as (
  (
    select entry, corridor, legal_due as due from delivery
    where state = 'queued' and legal_due is not null and legal_due <= %(until)s
    order by legal_due limit %(limit)s
  )
  union all
  select d.entry, d.corridor, d.deadline
  from l cross join lateral (
    select entry, corridor, deadline from delivery
    where lane = l.lane and state = 'queued' and deadline <= %(until)s
    order by deadline limit %(limit)s
  ) d
), y as (
  select entry, corridor, min(due) as due from x group by entry, corridor order by due limit %(limit)s
)
select y.entry, y.corridor, y.due, d.lane, d.receiver, d.state, d.attempts, d.deadline, d.legal_due, d.code, d.detail,
       d.received_at, d.settled_at, m.sender, m.type, m.message_id, m.priority
from y join delivery d using (entry, corridor)
join message m on m.received_at = d.received_at and m.id = d.entry
order by y.due, d.seq
"""
DEAD: Final[LiteralString] = """
select d.entry, d.corridor, coalesce(d.legal_due, d.deadline) as due, d.lane, d.receiver, d.state, d.attempts,
       d.deadline, d.legal_due, d.code, d.detail, d.received_at, d.settled_at,
       m.sender, m.type, m.message_id, m.priority
from (
  select o.entry, o.corridor
  from unnest(%(states)s::text[]) as s(state) cross join lateral (
    select entry, corridor, received_at from delivery
    where state = s.state and state <> 'delivered' order by received_at desc, entry desc limit %(limit)s
  ) o
) x
join delivery d using (entry, corridor)
join message m on m.received_at = d.received_at and m.id = d.entry
order by d.settled_at desc, d.seq desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message that waits, or that died. `due`: its legal deadline, or the moment at which we give it up; whichever
    comes first. `legal_due` None = the law says nothing.
    """

    entry: UUID
    corridor: str
    lane: str
    receiver: str
    sender: str
    type: str
    message_id: str
    priority: str
    state: str
    attempts: int
    received_at: datetime
    due: datetime
    deadline: datetime
    legal_due: datetime | None
    settled_at: datetime | None
    code: str
    detail: str

    def left(self, now: datetime) -> timedelta:
        """Until it is due; negative when that has passed."""
        return self.due - now


def deadlines_at_risk(
    store: Store, now: datetime, *, within: timedelta = timedelta(hours=1), limit: int = 100
) -> tuple[Held, ...]:
    """Messages still waiting that are overdue or will be `within` so long, the most urgent first."""
    rows = store.fetch(AT_RISK, {"until": now + within, "limit": limit})
    return tuple(Held(**in_utc(row)) for row in rows)


def dead_letters(store: Store, *, limit: int = 100) -> tuple[Held, ...]:
    """Those of the newest messages that ended without success and may be sent again, the last ended first."""
    states = [state.value for state in State if may(state, State.QUEUED)]
    return tuple(Held(**in_utc(row)) for row in store.fetch(DEAD, {"states": states, "limit": limit}))
