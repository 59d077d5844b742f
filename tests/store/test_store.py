"""Connections that are of no use any more are left, and every trouble of the database is told as what it is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from threading import Thread
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from gateway.errors import DatabaseAway, InternalError
from gateway.shell.lanes import hurry
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from tests.builders import CUSTOMS, HEALTH, FrozenClock, an_entry, some_claims
from tests.database import wait_until
from tests.store.steps import ask, enter, states


@pytest.fixture
def beside(dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that is none of the store's."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def test_a_server_that_takes_no_writes_is_told_as_away(
    dsn: str, store: Store, ledger: PostgresLedger, beside: psycopg.Connection[tuple[object, ...]]
) -> None:
    """As after a failover to one that only reads: senders hear to come again, and so they do when it writes again."""
    name = Identifier(str(conninfo_to_dict(dsn)["dbname"]))
    for word in ("on", "off"):
        beside.execute(SQL("alter database {} set default_transaction_read_only = {}").format(name, SQL(word)))
        if word == "off":
            break
        beside.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                       " and pid <> pg_backend_pid()")  # fmt: skip
        with pytest.raises(DatabaseAway):
            ask(ledger, 1)
    ask(ledger, 1)
    assert states(store) == ["queued"]


def test_a_statement_prepared_before_its_columns_changed_is_prepared_anew(
    store: Store, beside: psycopg.Connection[tuple[object, ...]]
) -> None:
    """A newer program may add a column to a view while an older one reads it."""
    beside.execute("create view seen as select 1 as one")
    for _ in range(5):
        assert store.fetch("select * from seen") == [{"one": 1}]
    beside.execute("create or replace view seen as select 1 as one, 2 as two")
    assert store.fetch("select * from seen") == [{"one": 1, "two": 2}]
    with store.session() as held, store.only(held):
        for _ in range(5):
            assert store.fetch("select * from seen") == [{"one": 1, "two": 2}]
        beside.execute("create or replace view seen as select 1 as one, 2 as two, 3 as three")
        with pytest.raises(DatabaseAway):
            store.fetch("select * from seen")
        assert held.closed


def test_what_the_database_can_never_keep_is_our_fault_not_its_absence(store: Store, ledger: PostgresLedger) -> None:
    """An id longer than an index row: the message ends, nobody asks again and again."""
    long = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))
    claims = some_claims(f"urn:uuid:{long}", sender=CUSTOMS)
    with pytest.raises(InternalError, match="cannot keep it"):
        enter(ledger, an_entry(UUID(int=7), claims))
    with store.session() as held, store.only(held), pytest.raises(InternalError, match="cannot keep it"):
        enter(ledger, an_entry(UUID(int=7), claims))


def test_who_hurries_a_lane_and_who_settles_on_it_do_not_wait_for_each_other(
    store: Store, ledger: PostgresLedger, clock: FrozenClock, beside: psycopg.Connection[tuple[object, ...]]
) -> None:
    """Rows are locked in one order: deliveries, chain, lane."""
    ask(ledger, 1)
    hurry(store, HEALTH, at=clock(), who="operator", why="the lane has a row now")
    store.run(lambda connection: connection.execute("update delivery set next_at = now()"))
    with beside.transaction():
        beside.execute("update delivery set attempts = 1")
        person = Thread(
            target=hurry, args=(store, HEALTH), kwargs={"at": clock(), "who": "operator", "why": "they ask"}
        )
        person.start()
        wait_until(lambda: store.fetch("select 1 from pg_stat_activity where wait_event_type = 'Lock'"))
        beside.execute("update lane set failures = 0")
    person.join(10)
    assert not person.is_alive()


def test_who_hurries_a_lane_gives_it_a_slot_at_once(store: Store, clock: FrozenClock) -> None:
    """A clock that was wrong for a while may have given slots away far ahead."""
    hurry(store, HEALTH, at=clock(), who="operator", why="first")
    store.run(lambda connection: connection.execute("update lane set slot = now() + interval '20 hours'"))
    hurry(store, HEALTH, at=clock(), who="operator", why="the clock was wrong")
    assert store.fetch("select slot = 'epoch' as free from lane") == [{"free": True}]
