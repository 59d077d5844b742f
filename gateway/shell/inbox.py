"""The box of a partner that fetches its messages itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from gateway.errors import MessageUnknown
from gateway.lifecycle import State
from gateway.model import Delivery, MessageId, PartnerId, Receipt
from gateway.ports import Clock, Ledger
from gateway.shell.own_ids import outgoing_words, uuid_of
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
    order by seq limit %(limit)s
  ) d
  order by d.seq limit %(limit)s
) d
join delivery_way w using (entry, corridor)
order by w.seq
"""
OWN: Final[LiteralString] = """
select w.* from delivery_way w
where w.entry between %(first)s and %(last)s and w.out_id = %(out_id)s and w.receiver = %(receiver)s
"""


class PostgresInbox:
    """`gateway.ports.Inbox`, and the partner's word that it has a message."""

    def __init__(self, store: Store, ledger: Ledger, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger

    def waiting(self, partner: PartnerId, after: int, limit: int) -> Sequence[tuple[int, Delivery]]:
        """What waits for the partner, oldest first, with the cursor of each.

        `after` pages within one visit; a new visit starts at 0, so that a message whose commit was late is not missed.
        """
        rows = self._store.fetch(WAITING, {"lane": partner, "after": after, "now": self._clock(), "limit": limit})
        return [(row["seq"], delivery_of(row)) for row in rows]

    def acknowledge(self, partner: PartnerId, message_id: MessageId, receipt: Receipt | None = None) -> None:
        """The partner has our message `message_id`: its delivery is over. Saying it again changes nothing.

        Raises MessageUnknown for an id that was never handed to this partner.
        """
        known = uuid_of(message_id)
        found = self._store.fetch(OWN, outgoing_words(known) | {"receiver": partner}) if known else []
        if not found or found[0]["sealed_facts"] is None:
            raise MessageUnknown(f"no message {message_id} was handed out")
        self._ledger.settle(delivery_of(found[0]), State.DELIVERED, receipt=receipt)
