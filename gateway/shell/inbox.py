"""The box of a partner that fetches its messages itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from gateway.model import Delivery, PartnerId
from gateway.ports import Clock
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store

WAITING: Final[LiteralString] = """
select w.*
from (
  select entry, corridor
  from (values (0), (1), (2)) as r(rank) cross join lateral (
    select entry, corridor, seq from delivery
    where lane = %(lane)s and strand = 0 and rank = r.rank and state = 'queued' and seq > %(after)s
      and (deadline > %(now)s) is true  -- not by the index of deadlines: that one would have to sort
      and next_at <= %(now)s and coalesce((  -- and nothing waits that it may not overtake
        select false from delivery e
        where e.lane = %(lane)s and e.order_key = delivery.order_key and e.state = 'queued' and e.seq < delivery.seq
          and e.next_at > %(now)s
        limit 1
      ), true)
    order by seq limit %(limit)s
  ) d
  order by d.seq limit %(limit)s
) d
join delivery_way w using (entry, corridor)
order by w.seq
"""


class PostgresInbox:
    """What waits for a partner that pulls, in the order in which it came."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def waiting(self, partner: PartnerId, after: int, limit: int) -> Sequence[tuple[int, Delivery]]:
        """What waits for the partner, oldest first, with the cursor of each; without what waits for its next try
        after a fault of ours, and what may not overtake that.

        `after` pages within one visit; a new visit starts at 0, so that a message whose commit was late is not missed.
        """
        rows = self._store.fetch(WAITING, {"lane": partner, "after": after, "now": self._clock(), "limit": limit})
        return [(row["seq"], delivery_of(row)) for row in rows]
