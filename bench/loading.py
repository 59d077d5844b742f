"""Fills a database with as many messages as wanted, in minutes: copies of one that really went its way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from gateway.lifecycle import State
from gateway.shell.ledger import PostgresLedger
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, a_receipt, a_sealed, a_verified, an_entry, some_claims
from tests.builders import some_corridors as corridors

MODEL: Final = UUID(int=1)
SMALL: Final = b"<Query>" + b"x" * 185 + b"</Query>"
"""The payload of what is loaded: 200 octets."""
AT_ONCE: Final = 50_000
LANES: Final = ("health_kz", "customs_kz", "mra_cn")
"""Six of ten messages wait in the first, three in the second, one in the third."""
QUEUED_OVER: Final = timedelta(hours=12)
LOGGED_OVER: Final = timedelta(days=60)

COPIES: Final[LiteralString] = """
with g as materialized (
  select n, (lpad(to_hex(n), 16, '0') || substr(md5(n::text), 1, 16))::uuid as id,
         %(since)s + (n - %(begin)s) * %(step)s::interval as at,
         'urn:uuid:' || substr(md5(n::text), 1, 32) as message_id, md5('talk ' || n) as talk,
         case when mod(n, 10) < 6 then 'health_kz' when mod(n, 10) < 9 then 'customs_kz' else 'mra_cn' end as lane
  from generate_series(%(first)s::bigint, %(last)s::bigint) as n
), k as (
  insert into message_key
  select k.partner, g.message_id, g.id, g.at, k.content_digest, k.answer, k.answer_facts
  from g, message_key k where k.entry = %(model)s
), m as (
  insert into message
  select g.at, g.id, m.sender, g.lane, m.type, g.message_id, g.talk, m.priority, null, m.facts, m.wire, m.payload
  from g, message m where m.id = %(model)s
), r as (
  insert into message_ref (received_at, value, scheme, entry)
  select g.at, x.value, x.scheme, g.id
  from g cross join lateral (values
    ('permit', 'KZ-77-' || lpad(n::text, 9, '0')),
    ('declaration', '26KZ' || upper(substr(md5('declaration ' || n), 1, 14))),
    ('message', substr(g.message_id, 10)), ('conversation', g.talk)
  ) as x(scheme, value)
), d as (
  insert into delivery (entry, corridor, received_at, lane, strand, rank, order_key, receiver, out_id, state, attempts,
                        deadline, answer_due, settled_at)
  select g.id, d.corridor, g.at, g.lane, d.strand, d.rank, hashtextextended(g.talk, 0), g.lane,
         md5('out ' || n)::uuid, %(state)s, case when %(gone)s then 1 else 0 end, g.at + interval '24 hours',
         d.answer_due, case when %(gone)s then g.at + interval '1 second' end
  from g, delivery d where d.entry = %(model)s order by g.n
), o as (
  insert into outgoing
  select g.at, g.id, o.corridor, o.number, g.at, o.expires_at, o.facts, o.body
  from g, outgoing o where o.entry = %(model)s and %(gone)s
), c as (
  insert into receipt
  select g.at, g.id, c.corridor, g.at, c.id, c.facts, c.body from g, receipt c where c.entry = %(model)s and %(gone)s
)
insert into evidence
select mod(g.n, 32), 1000 + (g.n / 32) * 8 + e.seq, g.at, e.event, g.id, e.digest, e.detail, e.previous, e.link
from g, evidence e where e.entry = %(model)s and (%(gone)s or e.event = 'accepted')
"""
"""Links of the evidence are as long as real ones and hold nothing together: such a database is only measured."""
HEADS: Final[LiteralString] = """
update chain c set seq = greatest(c.seq, (select coalesce(max(e.seq), 0) from evidence e where e.chain = c.id))
"""


def permit(number: int) -> str:
    """The permit number of the number-th loaded message."""
    return f"KZ-77-{number:09d}"


def load(store: Store, *, queued: int, logged: int) -> None:
    """So many delivered messages of two months, then so many of the last twelve hours that wait."""
    _walk_model(store)
    with store.session() as connection:
        connection.execute("set synchronous_commit = off")
        for months in range(4):
            connection.execute("select ensure_month(%s)", [NOW - timedelta(days=31 * months)])
        for words in (*_portions(0, logged, gone=True), *_portions(logged, queued, gone=False)):
            connection.execute(COPIES, words)
        connection.execute(HEADS)
        connection.execute("set synchronous_commit = on")
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def _walk_model(store: Store) -> None:
    """The one message that all others are copies of goes its whole way."""
    ledger = PostgresLedger(store, corridors(), clock=FrozenClock(), ids=CountedIds())
    claims = some_claims(f"urn:uuid:{MODEL}", conversation_id="model")
    entry = an_entry(MODEL, claims, payload=SMALL, received_at=NOW - QUEUED_OVER)
    ledger.enter(entry, a_verified(claims, SMALL), a_sealed(b"r" * 1500), {})
    delivery = delivery_of(store.fetch("select * from delivery_way where entry = %s", [MODEL])[0])
    ledger.keep(delivery, a_sealed(SMALL))
    ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id, body=b"r" * 200))


def _portions(begin: int, count: int, *, gone: bool) -> Iterator[dict[str, Any]]:
    """The words of COPIES, a portion of messages at a time."""
    over = LOGGED_OVER if gone else QUEUED_OVER
    since = NOW - QUEUED_OVER - (LOGGED_OVER if gone else timedelta())
    for first in range(begin, begin + count, AT_ONCE):
        yield {
            "first": first, "last": min(first + AT_ONCE, begin + count) - 1, "begin": begin, "since": since,
            "step": over / count, "model": MODEL, "gone": gone, "state": "delivered" if gone else "queued",
        }  # fmt: skip
