"""The worker: offers lanes that have something due, and serves them. Any number of workers share one database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from time import monotonic

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status

from gateway.errors import Busy, DatabaseAway, DeliveryExpired
from gateway.model import PartnerId
from gateway.ports import Clock, Ledger
from gateway.shell.drain import Drain, Forward, GiveUp
from gateway.shell.fence import take_lane, take_lead, unended
from gateway.shell.picking import due_lanes, late_deliveries
from gateway.shell.pooling import require_session
from gateway.shell.store import Connection, Store
from gateway.terms import Terms

QUEUE = "lanes"
LEADER = "select pg_try_advisory_lock(hashtextextended('gateway sweeper', 0))"
PAUSE = 1.0
"""Seconds before a worker that lost its database looks for it again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """Something done at its hours, by one of all workers. `cron`: UTC, five fields, or six with seconds at the end."""

    name: str
    cron: str
    do: Callable[[datetime], object]
    """Is told the hour for which it is done."""

    def run(self, timestamp: int) -> None:
        """Do it; the queue says for which hour."""
        due = datetime.fromtimestamp(timestamp, UTC)
        log.info("worker.periodic", task=self.name, due=due.isoformat())
        self.do(due)


class Worker:
    """`run` serves lanes until told to stop; kill it at any moment and another goes on where it was.

    One worker of all sweeps: every `sweep_every` seconds it offers one job per due lane, and it frees the lanes of
    workers that gave no sign of life for `stalled_after` seconds. `pulls` are lanes whose partners fetch for
    themselves; `terms` are those of the others. `chore` is done by the sweeping worker every `chore_every` seconds.
    While the clock is not `trusted` nothing is sent, ended or done: all of that goes by times.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        forward: Forward,
        *,
        clock: Clock,
        give_up: GiveUp | None = None,
        pulls: Collection[str] = (),
        terms: Mapping[PartnerId, Terms] | None = None,
        chore: Callable[[], None] | None = None,
        chore_every: float = 60.0,
        trusted: Callable[[], bool] = lambda: True,
        periodic: Sequence[Periodic] = (),
        concurrency: int = 8,
        sweep_every: float = 0.2,
        heartbeat: float = 5.0,
        stalled_after: float = 20.0,
        stint: float = 5.0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._pulls = frozenset(pulls)
        self._chore = chore
        self._chore_every = chore_every
        self._trusted = trusted
        self._periodic = periodic
        self._concurrency = concurrency
        self._sweep_every = sweep_every
        self._heartbeat = heartbeat
        self._stalled_after = stalled_after
        self._lead_lost_after = timedelta(seconds=3 * stalled_after)
        self._stop = Event()
        self._drain = Drain(
            store, ledger, forward, clock=clock, give_up=give_up, stint=stint, stopping=self._stopping, terms=terms
        )
        self._looked = self._chored = 0.0
        self._leads = False
        self._turn = Lock()
        self._sweeps_on: Connection | None = None

    def run(self, stop: Event) -> None:
        """Serve until `stop` is set; a database that goes away is waited for. What is in hand is finished first.

        Raises ConfigurationError behind a pooler in transaction mode.
        """
        require_session(self._store.pooling, "a worker")
        self._stop = stop
        while not stop.is_set():
            try:
                asyncio.run(self._serve())
            except (psycopg.Error, ConnectorException, Busy) as error:
                log.warning("worker.database-away", error=str(error) or type(error).__name__)
            stop.wait(0 if stop.is_set() else PAUSE)

    def _stopping(self) -> bool:
        return self._stop.is_set() or not self._trusted()

    async def _serve(self) -> None:
        threads = ThreadPoolExecutor(self._concurrency + 2, thread_name_prefix="lane")
        asyncio.get_running_loop().set_default_executor(threads)
        app = App(
            connector=PsycopgConnector(
                conninfo=self._store.dsn, min_size=1, max_size=6, configure=self._store.limit_async
            )
        )
        app.task(name="drain", queue=QUEUE)(self._drain.serve)
        for one in self._periodic:
            once = app.task(name=one.name, queue=QUEUE, lock=f"task {one.name}", queueing_lock=f"task {one.name}")
            app.periodic(cron=one.cron)(once(self._at_its_hour(one)))
        async with app.open_async():
            await self._together(app)

    def _at_its_hour(self, one: Periodic) -> Callable[[int], None]:
        def run(timestamp: int) -> None:
            if self._trusted():
                one.run(timestamp)
            else:
                log.warning("worker.clock-not-trusted", task=one.name)

        return run

    async def _together(self, app: App) -> None:
        """Serve and sweep; when one of them ends, the other ends too."""
        serving = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE],
                concurrency=self._concurrency,
                install_signal_handlers=False,
                delete_jobs="always",
                update_heartbeat_interval=self._heartbeat,
                stalled_worker_timeout=self._stalled_after,
                fetch_job_polling_interval=1.0,
            )
        )
        sweeping = asyncio.create_task(self._sweep_on(app))
        await asyncio.wait({serving, sweeping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sweeping, serving):
            task.cancel()
        for ended in await asyncio.gather(serving, sweeping, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _sweep_on(self, app: App) -> None:
        with self._store.session() as connection:
            self._leads, self._sweeps_on = False, connection
            try:
                while not self._stop.is_set():
                    await self._sweep(app, connection)
                    await asyncio.sleep(self._sweep_every)
            finally:
                with self._turn:  # a look that goes on in its thread ends first: no lead is left on this connection
                    if not connection.closed:
                        connection.execute("select pg_advisory_unlock_all()")
                    self._leads, self._sweeps_on = False, None

    async def _sweep(self, app: App, connection: Connection) -> None:
        """Lead if nobody does; who leads offers all due lanes."""
        for lane in await asyncio.to_thread(self._look, connection):
            with suppress(AlreadyEnqueued):
                await app.configure_task("drain", lock=lane, queueing_lock=lane).defer_async(lane=lane)
        if self._leads:
            await self._free_stalled(app, connection)
            await asyncio.to_thread(self._tidy, connection)

    def _look(self, connection: Connection) -> list[str]:
        """The lanes that are due, for the one worker that leads."""
        with self._turn:
            return self._look_in_turn(connection) if connection is self._sweeps_on else []

    def _look_in_turn(self, connection: Connection) -> list[str]:
        if not self._leads:
            if take_lead(connection, self._lead_lost_after):
                log.warning("worker.lead-taken")
            row = connection.execute(LEADER).fetchone()
            self._leads = row is not None and bool(row[0])
        return due_lanes(connection, self._clock(), self._pulls) if self._leads and self._trusted() else []

    async def _free_stalled(self, app: App, connection: Connection) -> None:
        if monotonic() - self._looked < self._heartbeat:
            return
        self._looked = monotonic()
        for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self._stalled_after):
            if job.id is not None:
                fenced = job.lock is not None and await asyncio.to_thread(take_lane, connection, job.lock)
                log.warning("worker.stalled", lane=job.lock, fenced=fenced)
                await app.job_manager.finish_job_by_id_async(job.id, status=Status.FAILED, delete_job=True)
        for job_id, lock in await asyncio.to_thread(unended, connection, self._stalled_after):
            log.warning("worker.end-not-written", lane=lock)
            await app.job_manager.finish_job_by_id_async(job_id, status=Status.FAILED, delete_job=True)
        await app.job_manager.prune_stalled_workers(self._stalled_after)

    def _tidy(self, connection: Connection) -> None:
        """Expire what nobody fetched in time; do the chore when it is its hour."""
        if not self._trusted():
            return
        for delivery in late_deliveries(connection, self._pulls, self._clock()) if self._pulls else ():
            late = DeliveryExpired(f"not fetched by {delivery.deadline.isoformat()}")
            with unharmed("worker.cannot-expire", entry=str(delivery.entry.id)):
                self._drain.end(delivery, late)
        if self._chore is not None and monotonic() - self._chored >= self._chore_every:
            self._chored = monotonic()
            with unharmed("worker.chore-failed"):
                self._chore()


@contextmanager
def unharmed(event: str, **words: str) -> Iterator[None]:
    """Whatever goes wrong with one thing is told and ends there; only a database that is away is everybody's affair.

    Between look and deed another process may have done it: a partner fetched what was late.
    """
    try:
        yield
    except (psycopg.Error, DatabaseAway):
        raise
    except Exception:
        log.exception(event, **words)
