"""The store behind PgBouncer: all of it in session mode; what doors do in transaction mode too, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gateway.errors import ConfigurationError
from gateway.shell.backup import tools
from gateway.shell.checkup import checkup
from gateway.shell.config import Settings
from gateway.shell.evidence import verify_chains
from gateway.shell.fence import take_lane
from gateway.shell.lanes import lane_held
from gateway.shell.ledger import PostgresLedger
from gateway.shell.pooling import pooling_of
from gateway.shell.postgres import Postgres
from gateway.shell.presence import Presence
from gateway.shell.retention import archive_before
from gateway.shell.revisions import REVISION, apply_schema
from gateway.shell.store import Store
from gateway.shell.worker import Worker
from tests.builders import HEALTH, NOW, CountedIds, FrozenClock, some_corridors
from tests.database import wait_until
from tests.pooler import needs_pgbouncer, pooled
from tests.store.steps import Partners, ask, states, waiting

pytestmark = needs_pgbouncer
LEFT = """
select (select count(*) from pg_locks where locktype = 'advisory') + (select count(*) from pg_prepared_statements) as n
"""


def ledger_over(store: Store) -> PostgresLedger:
    """A ledger that reaches the database as this store does."""
    return PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds())


@pytest.mark.parametrize("round_robin", [False, True])
@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_how_a_pooler_serves_is_found_out(dsn: str, tmp_path: Path, mode: str, round_robin: bool) -> None:
    """By trying: it does not say so itself."""
    assert pooling_of(dsn) == "none"
    with pooled(dsn, tmp_path / "pooler", mode, round_robin=round_robin) as by_way:
        assert pooling_of(by_way) == ("session" if mode == "session" else "transaction")


@pytest.mark.parametrize(("mode", "size"), [("transaction", 4), ("transaction", 8), ("session", 8)])
def test_a_busy_pooler_is_seen_through(dsn: str, tmp_path: Path, mode: str, size: int) -> None:
    """Others who use its connections meanwhile hide nothing."""
    stop = Event()

    def traffic(by_way: str) -> None:
        with psycopg.connect(by_way, autocommit=True, prepare_threshold=None) as connection:
            while not stop.is_set():
                connection.execute("select 1")

    with pooled(dsn, tmp_path / "pooler", mode, size=size) as by_way, ThreadPoolExecutor(4) as threads:
        busy = [threads.submit(traffic, by_way) for _ in range(4)]
        found = {pooling_of(by_way) for _ in range(20)}
        stop.set()
        assert [one.result(30) for one in busy] == [None] * 4
    assert found == {mode}


def test_everything_works_in_session_mode(dsn: str, tmp_path: Path) -> None:
    """Tables, doors, jobs, lanes and their locks, evidence."""
    with pooled(dsn, tmp_path / "pooler", "session") as by_way:
        apply_schema(by_way, NOW)
        with Store(by_way) as store:
            Presence(store, REVISION).start()
            ledger = ledger_over(store)
            partners = Partners(ledger)
            worker = Worker(
                store, ledger, partners.forward, clock=FrozenClock(), sweep_every=0.02, heartbeat=0.2, concurrency=4
            )
            stop = Event()
            thread = Thread(target=worker.run, args=(stop,))
            thread.start()
            entries = [ask(ledger, number) for number in range(1, 31)]
            wait_until(lambda: states(store) == ["delivered"] * 30)
            stop.set()
            thread.join(30)
            bodies = [body for _, body in partners.got]
            assert bodies == [f"{waiting(store, entry.id).message_id} 1" for entry in entries]
            assert verify_chains(store).broken is None
            assert store.fetch("select count(*) as n from pg_locks where locktype = 'advisory'")[0]["n"] == 0


def test_a_lane_is_taken_from_a_worker_behind_a_pooler(dsn: str, tmp_path: Path) -> None:
    """The server's process is ended, and the lock with it; the pooler tells who held it."""
    with (
        pooled(dsn, tmp_path / "pooler", "session") as by_way,
        Store(by_way, largest=2) as store,
        store.session() as mine,
        store.session() as other,
    ):
        with lane_held(mine, HEALTH) as held:
            assert held
            assert take_lane(other, HEALTH)
            with pytest.raises(psycopg.OperationalError):
                mine.execute("select 1")
        with lane_held(other, HEALTH) as again:
            assert again


def test_doors_work_in_transaction_mode(dsn: str, tmp_path: Path) -> None:
    """Sixteen at once on two connections of the server: all kept, the evidence whole, nothing left on them."""
    with pooled(dsn, tmp_path / "pooler", "transaction", size=2) as by_way:
        assert apply_schema(by_way, NOW).revision == REVISION
        with Store(by_way) as store, ThreadPoolExecutor(16) as threads:
            Presence(store, REVISION).start()
            ledger = ledger_over(store)
            list(threads.map(lambda number: ask(ledger, number), range(1, 121)))
            with store.transaction() as connection:
                connection.execute("select pg_advisory_xact_lock(1)")
            assert states(store) == ["queued"] * 120
            assert verify_chains(store).broken is None
            for _ in range(4):
                assert store.fetch(LEFT) == [{"n": 0}]
            assert store.fetch("show idle_in_transaction_session_timeout") == [
                {"idle_in_transaction_session_timeout": "0"}
            ]


def test_what_holds_locks_is_refused_in_transaction_mode(dsn: str, tmp_path: Path) -> None:
    """A worker, an archive, a dump: each says why and what to do."""
    with pooled(dsn, tmp_path / "pooler", "transaction") as by_way, Store(by_way) as store:
        worker = Worker(store, ledger_over(store), lambda _: None, clock=FrozenClock())
        with pytest.raises(ConfigurationError, match=r"a worker cannot work .* session mode"):
            worker.run(Event())
        with pytest.raises(ConfigurationError, match="transaction mode"):
            archive_before(store, NOW - timedelta(days=90), tmp_path / "archive", FrozenClock())
        with pytest.raises(ConfigurationError, match="pg_dump cannot work"):
            tools(by_way, None, tmp_path / "programs")


def test_tables_are_not_made_in_transaction_mode(server: Postgres, tmp_path: Path) -> None:
    """Nobody could hold the turn; the start says that something else has to bring them."""
    with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as connection:
        connection.execute("create database empty_behind_pooler")
    empty = make_conninfo(server.dsn, dbname="empty_behind_pooler")
    with pooled(empty, tmp_path / "pooler", "transaction") as by_way:
        with pytest.raises(ConfigurationError, match="bringing the tables from revision 0"):
            apply_schema(by_way, NOW)
        apply_schema(empty, NOW)
        assert apply_schema(by_way, NOW).pending == ()


@pytest.mark.parametrize(("mode", "colour"), [("session", "green"), ("transaction", "yellow")])
def test_the_doctor_tells_the_mode(dsn: str, tmp_path: Path, mode: str, colour: str) -> None:
    """A pooler in transaction mode is a look worth, with what to do."""
    with pooled(dsn, tmp_path / "pooler", mode) as by_way:
        found = [one for one in checkup(Settings(state_dir=tmp_path, database_url=by_way)) if one.name == "pooler"]
    assert [(one.colour, mode in one.found, bool(one.do)) for one in found] == [(colour, True, colour == "yellow")]
