"""Engines that a user would pick, each used as its documentation shows: one job for each message, and its worker.

`work_on` is what a worker process does until it is killed; it notes in a file what left it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Event, local
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict
from uuid6 import uuid7

from bench.accept import ANSWER, VERIFIED, Call, Maker, accepting
from gateway.lifecycle import State
from gateway.model import Delivery
from gateway.shell.ledger import PostgresLedger
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from gateway.shell.worker import Worker
from tests.builders import NOW, CountedIds, FrozenClock, a_receipt
from tests.builders import some_corridors as corridors

Note = Callable[[str], None]
WIRE: Final = VERIFIED.wire.body
AT_ONCE: Final = 8
"""Messages that a worker may have in hand."""
PLAIN: Final = "create table if not exists plain (id uuid primary key, wire bytea, answer bytea)"
INSERT: Final = "insert into plain values (%s, %b, %b)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an engine keeps what it has: a database of its own, a folder of its own."""

    dsn: str
    folder: Path
    stalled_after: float = 20.0
    """Seconds of silence after which a worker of ours is taken for dead: the value that is shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """`accepting` gives what keeps one message durably with what will deliver it; `work` delivers until killed."""

    name: str
    module: str
    accepting: Callable[[Place], Any]
    work: Callable[[Place, Note], None] | None = None

    @property
    def here(self) -> bool:
        """It is installed."""
        return find_spec(self.module) is not None


def same(call: Call) -> Maker:
    """Of calls that need nothing made before."""
    return lambda: call


def _nothing(_message: str) -> None:
    """What a task does where it is only deferred."""


@contextmanager
def _raw(place: Place) -> Iterator[Maker]:
    with Store(place.dsn) as store:
        store.run(lambda connection: connection.execute(PLAIN))
        yield same(lambda: store.run(lambda connection: connection.execute(INSERT, [uuid7(), WIRE, ANSWER.body])))


@contextmanager
def _ours(place: Place) -> Iterator[Maker]:
    apply_schema(place.dsn, NOW)
    with Store(place.dsn) as store:
        yield accepting(store)


def _our_work(place: Place, note: Note) -> None:
    with Store(place.dsn) as store:
        ledger = PostgresLedger(store, corridors(), clock=FrozenClock(), ids=CountedIds())

        def forward(delivery: Delivery) -> None:
            note(str(delivery.entry.id))
            ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id))

        silent = place.stalled_after
        worker = Worker(store, ledger, forward, clock=FrozenClock(), heartbeat=silent / 4, stalled_after=silent)
        worker.run(Event())


def _procrastinate(place: Place) -> tuple[Any, Any]:
    """The app with its task; what the task does is given by who works."""
    from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

    working = "--work" in sys.argv
    app = App(connector=(PsycopgConnector if working else SyncPsycopgConnector)(conninfo=place.dsn))
    return app, app.task(name="deliver", queue="partner", lock="partner")


@contextmanager
def _per_job(place: Place) -> Iterator[Maker]:
    app, task = _procrastinate(place)
    deliver = task(_nothing)
    with app.open(), Store(place.dsn) as store:
        if not store.fetch("select to_regclass('procrastinate_jobs') is not null as there")[0]["there"]:
            app.schema_manager.apply_schema()
        store.run(lambda connection: connection.execute(PLAIN))

        def accept() -> None:
            message = uuid7()
            store.run(lambda connection: connection.execute(INSERT, [message, WIRE, ANSWER.body]))
            deliver.defer(message=str(message))

        yield same(accept)


def _per_job_work(place: Place, note: Note) -> None:
    app, task = _procrastinate(place)

    def deliver(message: str) -> None:
        note(message)

    task(deliver)

    async def serve() -> None:
        async with app.open_async():
            await app.run_worker_async(queues=["partner"], concurrency=1)

    asyncio.run(serve())


def _url(dsn: str) -> str:
    """The same place as SQLAlchemy writes it."""
    words = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    user, database = words.pop("user", ""), words.pop("dbname")
    return f"postgresql+psycopg://{quote(user, safe='')}@/{database}?{urlencode(words)}"


def _dbos(place: Place, note: Note) -> None:
    """The library with one workflow and its queue, launched."""
    from dbos import DBOS

    own: Any = {
        "name": "bench", "system_database_url": _url(place.dsn), "executor_id": "bench", "application_version": "1",
        "log_level": "CRITICAL",
    }  # fmt: skip
    DBOS(config=own)

    @DBOS.step()
    def send(message: str) -> None:
        note(message)

    @DBOS.workflow(name="deliver")
    def deliver(message: str) -> None:
        send(message)

    DBOS.launch()
    DBOS.register_queue("partner", worker_concurrency=2 * AT_ONCE, polling_interval_sec=0.1)


@contextmanager
def _durable(place: Place) -> Iterator[Maker]:
    import sqlalchemy
    from dbos import DBOS, DBOSClient

    _dbos(place, _nothing)
    DBOS.destroy()
    engine = sqlalchemy.create_engine(_url(place.dsn), pool_size=16)
    client = DBOSClient(system_database_url=_url(place.dsn))
    keep = sqlalchemy.text("insert into plain values (:id, :wire, :answer)")
    options: Any = {"workflow_name": "deliver", "queue_name": "partner", "app_version": "1"}
    with psycopg.connect(place.dsn) as connection:
        connection.execute(PLAIN)

    def accept() -> None:
        message = uuid7()
        with engine.begin() as connection:
            connection.execute(keep, {"id": message, "wire": WIRE, "answer": ANSWER.body})
            client.enqueue_in_transaction(connection, options, str(message))

    try:
        yield same(accept)
    finally:
        client.destroy()
        engine.dispose()


def _durable_work(place: Place, note: Note) -> None:
    _dbos(place, note)
    Event().wait()


def _huey(place: Place) -> Any:
    return import_module("huey").SqliteHuey(filename=str(place.folder / "huey.db"), fsync=True, timeout=60)


@contextmanager
def _two_files(place: Place) -> Iterator[Maker]:
    deliver = _huey(place).task(name="deliver")(_nothing)
    mine = local()

    def connection() -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(mine, "connection", None)
        if found is None:
            found = mine.connection = sqlite3.connect(place.folder / "messages.db", timeout=60, isolation_level=None)
            found.execute("pragma journal_mode = wal")
            found.execute("pragma synchronous = full")
            found.execute("create table if not exists plain (id text primary key, wire blob, answer blob)")
        return found

    def accept() -> None:
        message = str(uuid7())
        connection().execute("insert into plain values (?, ?, ?)", [message, WIRE, ANSWER.body])
        deliver(message)

    yield same(accept)


def _two_files_work(place: Place, note: Note) -> None:
    queue = _huey(place)
    queue.task(name="deliver")(note)
    import_module("huey.consumer").Consumer(queue, workers=AT_ONCE).run()


ENGINES: Final = (
    Engine(name="floor: one insert", module="psycopg", accepting=_raw),
    Engine(name="ours", module="gateway", accepting=_ours, work=_our_work),
    Engine(name="procrastinate, a job each", module="procrastinate", accepting=_per_job, work=_per_job_work),
    Engine(name="DBOS, a workflow each", module="dbos", accepting=_durable, work=_durable_work),
    Engine(name="huey on SQLite", module="huey", accepting=_two_files, work=_two_files_work),
)
NOTED: Final = "noted"


def work_on(name: str, dsn: str, folder: str, seconds: str) -> None:
    """Work for ever; the message and the time of each delivery are one line of a file."""
    place = Place(dsn=dsn, folder=Path(folder), stalled_after=float(seconds))
    file = os.open(place.folder / NOTED, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(message: str) -> None:
        os.write(file, f"{UUID(message)} {monotonic()}\n".encode())

    work = next(one.work for one in ENGINES if one.name == name)
    assert work is not None
    work(place, note)
