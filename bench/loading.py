"""Fills a database with as many messages as wanted, in minutes: copies of one that really went its way.

Tables and columns are read from the database: a column that nothing is said of here is copied as the model has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import disk_usage
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from bench.unindexed import Connection, finish, leaves, require_whole, unindexed
from gateway.lifecycle import State
from gateway.shell.ledger import PostgresLedger
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, a_receipt, a_sealed, a_verified, an_entry, some_claims
from tests.builders import some_corridors as corridors

MODEL: Final = UUID(int=1)
SMALL: Final = b"<Query>" + b"x" * 185 + b"</Query>"
"""The payload of what is loaded, and its answer and receipt: 200 octets each. They lie outside all indexes."""
AT_ONCE: Final = 50_000
LANES: Final = ("health_kz", "customs_kz", "mra_cn")
"""Six of ten messages wait in the first, three in the second, one in the third."""
QUEUED_OVER: Final = timedelta(hours=12)
LOGGED_OVER: Final = timedelta(days=180)
"""Evenly over the past months and this one, each with its partitions."""
OCTETS_QUEUED, OCTETS_LOGGED, BESIDE = 8_000, 4_000, 8_000_000_000
"""What a message takes on the disk with its indexes, and what log and sorting take besides, at most."""
HANDS: Final = 2
"""Connections that load."""

Words = Mapping[str, LiteralString]
Task = Callable[[Connection], None]

TABLES: Final = ("delivery", "evidence", "message_ref", "message", "message_key", "outgoing", "receipt")
"""All that have rows of a message, those that take longest first."""
ORDERED: Final = "delivery"
"""Loaded in order, for its numbers are the order of acceptance."""
OF_ANY: Final[Words] = {
    "entry": "g.id", "received_at": "g.at", "at": "g.at", "kept_at": "g.at", "message_id": "g.message_id",
    "conversation_id": "g.talk", "receiver": "g.lane",
}  # fmt: skip
OF: Final[Mapping[str, Words]] = {
    "message": {"id": "g.id"},
    "message_ref": {
        "value": """case t.scheme when 'permit' then 'KZ-77-' || lpad(n::text, 9, '0')
                         when 'declaration' then '26KZ' || upper(substr(md5('declaration ' || n), 1, 14))
                         when 'message' then substr(g.message_id, 10) else g.talk end""",
    },
    "delivery": {
        "lane": "g.lane", "order_key": "hashtextextended(g.talk, 0)",
        "out_id": "(left(g.id::text, 13) || substr(md5('out ' || n)::uuid::text, 14))::uuid",
        "deadline": "g.at + interval '24 hours'",
        "settled_at": "case when t.settled_at is not null then g.at + interval '1 second' end",
        "answered_at": "case when t.settled_at is not null then g.at + interval '1 minute' end",
        "answered_by": "case when t.settled_at is not null then md5('answer ' || n)::uuid end",
    },
    "evidence": {"chain": "mod(n, 32)", "seq": "1000 + (n / 32) * 8 + t.seq"},
}  # fmt: skip
COPIES: Final[LiteralString] = """
with g as materialized (
  select n, (lpad(to_hex(n), 12, '0') || substr(md5(n::text), 1, 20))::uuid as id,
         %(since)s + (n - %(begin)s) * %(step)s::interval as at,
         'urn:uuid:' || substr(md5(n::text), 1, 32) as message_id, md5('talk ' || n) as talk,
         case when mod(n, 10) < 6 then 'health_kz' when mod(n, 10) < 9 then 'customs_kz' else 'mra_cn' end as lane
  from generate_series(%(first)s::bigint, %(last)s::bigint) as n
)
insert into {table} ({columns}) select {values} from g, {model} t order by g.n
"""
HEADS: Final[LiteralString] = """
update chain c set seq = greatest(c.seq, (select coalesce(max(e.seq), 0) from evidence e where e.chain = c.id))
"""
"""Links of the evidence are as long as real ones and hold nothing together: such a database is only measured."""
LEAN: Final[tuple[LiteralString, ...]] = (
    "update model_gone.message set wire = '', payload = '', facts = facts - '{seal,wire,steps}'::text[]",
    "update model_gone.message_key set answer = '', answer_facts = '{}'",
    "update model_gone.outgoing set body = '', facts = '{}'",
    "update model_gone.receipt set body = '', facts = '{}'",
    "update model_gone.evidence set detail = '{}'",
)
"""Of what is only logged: its rows and all that indexes know, without what lies outside them and no list shows."""
COLUMNS: Final[LiteralString] = """
select attname from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = ''
order by attnum
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """So many copies from the `begin`-th on, the first at `since`; `model` names the schema with what is copied."""

    model: str
    begin: int
    count: int
    since: datetime
    over: timedelta

    def portions(self) -> Iterator[dict[str, Any]]:
        """The words of COPIES, a portion of messages at a time."""
        for first in range(self.begin, self.begin + self.count, AT_ONCE):
            yield {
                "first": first, "last": min(first + AT_ONCE, self.begin + self.count) - 1, "begin": self.begin,
                "since": self.since, "step": self.over / self.count,
            }  # fmt: skip


def require_room(place: Path, *, queued: int, logged: int) -> None:
    """Raises RuntimeError when so many messages have no room on this disk."""
    needed = queued * OCTETS_QUEUED + logged * OCTETS_LOGGED
    needed += min(needed, BESIDE)
    free = disk_usage(place).free
    if needed > free:
        raise RuntimeError(f"{needed / 1e9:.0f} GB are needed at {place}, and {free / 1e9:.0f} GB are free")


def permit(number: int) -> str:
    """The permit number of the number-th loaded message."""
    return f"KZ-77-{number:09d}"


def load(store: Store, *, queued: int, logged: int) -> None:
    """So many delivered messages of the last months, then so many of the last twelve hours that wait."""
    _walk_model(store)
    months = LOGGED_OVER // timedelta(days=28) + 1
    store.fetch("select ensure_month(%s - n * interval '28 days') from generate_series(0, %s) as n", [NOW, months])
    since = NOW - QUEUED_OVER
    gone = Lot(model="model_gone", begin=0, count=logged, since=since - LOGGED_OVER, over=LOGGED_OVER)
    waiting = Lot(model="model_waiting", begin=logged, count=queued, since=since, over=QUEUED_OVER)
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        with unindexed(connection, TABLES):
            _by_hands(store.dsn, list(_fills(connection, (gone, waiting))))
            parts = [leaf for table in TABLES for leaf in leaves(connection, table)]
            _by_hands(store.dsn, [partial(finish, leaf=leaf) for leaf in parts])
            require_whole(connection)
        connection.execute(HEADS)
        connection.execute("drop schema model_gone, model_waiting cascade")
        connection.execute("analyze")
        connection.execute("checkpoint")


def _walk_model(store: Store) -> None:
    """The one message that all others are copies of goes its whole way; how it stands is kept twice."""
    ledger = PostgresLedger(store, corridors(), clock=FrozenClock(), ids=CountedIds())
    claims = some_claims(f"urn:uuid:{MODEL}", conversation_id="model")
    keys = (("permit", permit(999_999_999)), ("declaration", "26KZ0000000000MODEL"))
    entry = an_entry(MODEL, claims, payload=SMALL, received_at=NOW - QUEUED_OVER, keys=keys)
    ledger.enter(entry, a_verified(claims, SMALL), a_sealed(SMALL), {})
    _keep_model(store, "model_waiting")
    delivery = delivery_of(store.fetch("select * from delivery_way where entry = %s", [MODEL])[0])
    ledger.keep(delivery, a_sealed(SMALL))
    ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id, body=SMALL))
    _keep_model(store, "model_gone", lean=LEAN)


def _keep_model(store: Store, schema: str, lean: Sequence[LiteralString] = ()) -> None:
    """Every table's rows of the model, as they are now, in a schema of their own; `lean` makes them smaller."""
    with psycopg.connect(store.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
        for table in TABLES:
            names = {"into": sql.Identifier(schema, table), "table": sql.Identifier(table)}
            key = sql.Identifier("id" if table == "message" else "entry")
            made = sql.SQL("create table {into} as select * from {table} where {key} = {model}")
            connection.execute(made.format(**names, key=key, model=sql.Literal(MODEL)))
        for statement in lean:
            connection.execute(statement)


def _by_hands(dsn: str, tasks: Sequence[Task]) -> None:
    """All done, several at a time, the first ones first; what fails fails the load."""

    def work(task: Task) -> None:
        with psycopg.connect(dsn, autocommit=True) as hand:
            hand.execute("set synchronous_commit = off")
            task(hand)

    with ThreadPoolExecutor(HANDS) as hands:
        list(hands.map(work, tasks))


def _fills(connection: Connection, lots: Sequence[Lot]) -> Iterator[Task]:
    """Deliveries in one task, in their order; of all other tables one task for a portion."""
    for table in TABLES:
        fills = [
            (copies, words) for lot in lots if lot.count
            for copies in (_copies(connection, table, lot.model),) for words in lot.portions()
        ]  # fmt: skip
        yield from (partial(_fill, fills=some) for some in ([fills] if table == ORDERED else [[one] for one in fills]))


def _fill(hand: Connection, fills: Sequence[tuple[sql.Composed, dict[str, Any]]]) -> None:
    for copies, words in fills:
        hand.execute(copies, words)


def _copies(connection: Connection, table: str, model: str) -> sql.Composed:
    names = [str(name) for (name,) in connection.execute(COLUMNS, [table])]
    own: dict[str, LiteralString] = {**OF_ANY, **OF.get(table, {})}
    values = [sql.SQL(own[name]) if name in own else sql.Identifier("t", name) for name in names]
    return sql.SQL(COPIES).format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(values), model=sql.Identifier(model, table),
    )  # fmt: skip
