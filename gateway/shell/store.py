"""The connections to the database: statements that are tried again, and months made where one is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import local
from types import TracebackType
from typing import Any, Final, LiteralString, Self, TypeVar

import psycopg
from psycopg import Rollback
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow, dict_row
from psycopg.sql import Composed
from psycopg_pool import ConnectionPool, PoolTimeout

from gateway.errors import DatabaseAway, InternalError
from gateway.shell.pooling import Pooling, pooling_of, require_session

TRIES = 3
IDLE: Final = 60.0
"""Seconds a transaction may rest between two statements until the server ends it: a process that was paused in one
must not hold its rows for ever. Within ours nothing waits but for a disk.
"""
REACH: Final = {
    "connect_timeout": "10", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}  # fmt: skip
"""A network that is cut is noticed in about ten seconds; the system itself would wait for minutes, or hours."""

LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout)
"""The connection is gone, and what was not committed with it."""
STALE: Final = (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.FeatureNotSupported)
"""This connection is of no use any more, another one may be: it leads to a server that takes no writes now, or it
prepared a statement whose columns a newer program changed since.
"""
LIMIT: Final[LiteralString] = "select set_config('idle_in_transaction_session_timeout', %s, %s)"

Connection = psycopg.Connection[TupleRow]
Pool = ConnectionPool[Connection]
Row = Sequence[Any] | Mapping[str, Any]
Result = TypeVar("Result")


class Store:
    """A pool of connections that commit every statement by themselves, and try again when the server went away.

    Everything written through it may be written twice without harm: the statements see to that. Its `dsn` says how soon
    a network that is cut is noticed, where the given one does not. `pooling` is known once it is open: behind a pooler
    in transaction mode nothing is prepared, and `session` is refused. `idle` = seconds a transaction may rest.
    """

    def __init__(self, dsn: str, *, largest: int = 16, patience: float = 10.0, idle: float = IDLE) -> None:
        settings: dict[str, Any] = {"autocommit": True, "prepare_threshold": 2, "application_name": "gateway"}
        given = conninfo_to_dict(dsn)
        self.dsn = make_conninfo(dsn, **{name: word for name, word in REACH.items() if name not in given})
        self.pooling: Pooling = "none"
        self._idle = f"{idle * 1000:.0f}ms"
        self._pool: Pool = ConnectionPool(
            self.dsn,
            min_size=1,
            max_size=largest,
            kwargs=settings,
            configure=self._configure,
            timeout=patience,
            reconnect_timeout=60.0,
            open=False,
        )
        self._thread = local()
        self._leaving: list[Callable[[], None]] = []

    def open(self) -> Self:
        """Connections can be had; raises DatabaseAway with the reason, at once where there is one, when none can."""
        try:
            self.pooling = pooling_of(self.dsn)
            self._pool.open(wait=True, timeout=30.0)
        except psycopg.OperationalError as error:
            raise DatabaseAway(f"the database cannot be reached: {error}") from error
        return self

    def close(self) -> None:
        """All connections are closed, after what was to be done before."""
        for last in self._leaving:
            last()
        self._pool.close()

    @property
    def near(self) -> bool:
        """True when the database is reached through a socket of this machine, and no pooler is what listens there."""
        if self.pooling != "none":
            return False
        host = str(conninfo_to_dict(self.dsn).get("host") or "/")
        return all(one.startswith(("/", "@")) or one in {"localhost", "127.0.0.1", "::1"} for one in host.split(","))

    def before_close(self, last: Callable[[], None]) -> None:
        """`last` is done when this store closes, while it can still be asked."""
        self._leaving.append(last)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, statement: LiteralString, row: Row, *months: datetime) -> TupleRow | None:
        """One statement, one round trip, one commit; the first row it returned. Raises DatabaseAway."""
        return self.run(lambda connection: connection.execute(statement, row).fetchone(), *months)

    def both(
        self, statement: LiteralString, row: Row, follow: LiteralString, also: Row | None, *months: datetime
    ) -> bool:
        """A statement and, if it returned a row, a second one: one transaction. False = it returned none."""
        if also is None:
            return self.write(statement, row, *months) is not None

        def work(connection: Connection) -> bool:
            with self._limited(connection):
                done = connection.execute(statement, row).fetchone() is not None
                if done:
                    connection.execute(follow, also)
                return done

        return self.run(work, *months)

    def with_pieces(
        self, statement: LiteralString, row: Row, first: Callable[[Connection], None], *months: datetime
    ) -> TupleRow | None:
        """What `first` writes, then a statement: one transaction, undone when the statement returns no row."""

        def work(connection: Connection) -> TupleRow | None:
            with self._limited(connection):
                first(connection)
                done = connection.execute(statement, row).fetchone()
                if done is None:
                    raise Rollback
            return done

        return self.run(work, *months)

    def fetch(self, statement: LiteralString | Composed, row: Row = ()) -> list[dict[str, Any]]:
        """All rows of a query by column name. Raises DatabaseAway."""

        def work(connection: Connection) -> list[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(statement, row).fetchall()

        return self.run(work)

    def run(self, work: Callable[[Connection], Result], *months: datetime) -> Result:
        """Do `work` on a connection of the pool; partitions for `months` are made when one turns out to be missing."""
        held: Connection | None = getattr(self._thread, "connection", None)
        if held is not None:
            return self._run_held(held, work, months)
        trouble: Exception | None = None
        for _ in range(TRIES):
            try:
                return self._once(work, months)
            except PoolTimeout as error:
                raise DatabaseAway("no connection to the database is free") from error
            except psycopg.errors.ProgramLimitExceeded as error:
                raise InternalError("the database cannot keep it") from error
            except (*LOST, *STALE) as error:
                trouble = error
                self._pool.check()
        raise DatabaseAway("the database cannot be used") from trouble

    def _once(self, work: Callable[[Connection], Result], months: Sequence[datetime]) -> Result:
        try:
            with self._one() as connection:
                return work(connection)
        except psycopg.errors.CheckViolation:
            if not months:
                raise
        self._make_months(months)
        with self._one() as connection:
            return work(connection)

    @contextmanager
    def _one(self) -> Iterator[Connection]:
        with self._pool.connection() as connection:
            try:
                yield connection
            except STALE:
                connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One connection for one transaction, which is committed at the end."""
        with self._one() as connection, self._limited(connection):
            yield connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """One connection to keep for a while, for what lives as long as a session: advisory locks.

        Raises ConfigurationError behind a pooler in transaction mode, where nothing does.
        """
        require_session(self.pooling, "what holds locks (a worker, an archive)")
        with self._one() as connection:
            yield connection

    @contextmanager
    def only(self, connection: Connection) -> Iterator[None]:
        """Meanwhile this thread works through `connection` alone: what that holds and what we write end together."""
        self._thread.connection = connection
        try:
            yield
        finally:
            self._thread.connection = None

    def prove_hold(self) -> None:
        """The connection of `only`, if there is one, still lives; raises DatabaseAway when it does not."""
        if getattr(self._thread, "connection", None) is not None:
            self.run(lambda connection: connection.execute("select 1"))

    def _run_held(self, held: Connection, work: Callable[[Connection], Result], months: Sequence[datetime]) -> Result:
        try:
            try:
                return work(held)
            except psycopg.errors.CheckViolation:
                if not months:
                    raise
                self._make_months(months)
                return work(held)
        except psycopg.errors.ProgramLimitExceeded as error:
            raise InternalError("the database cannot keep it") from error
        except STALE as error:
            held.close()
            raise DatabaseAway("the hold was given up") from error
        except LOST as error:
            raise DatabaseAway("the hold was lost") from error

    def _configure(self, connection: Connection) -> None:
        """A new connection of the pool is as all of them. One that others use meanwhile is left as it was."""
        if self.pooling == "transaction":
            connection.prepare_threshold = None
        else:
            connection.execute(LIMIT, [self._idle, False])

    async def limit_async(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """A connection that is not of our pool has the limit of ours."""
        await connection.execute(LIMIT, [self._idle, False])
        if not connection.autocommit:
            await connection.commit()

    @contextmanager
    def _limited(self, connection: Connection) -> Iterator[None]:
        """A transaction that the server ends when it rests for too long."""
        with connection.transaction():
            if self.pooling == "transaction":
                connection.execute(LIMIT, [self._idle, True])
            yield

    def _make_months(self, months: Sequence[datetime]) -> None:
        with self._pool.connection() as connection, connection.transaction():
            for month in months:
                connection.execute("select ensure_month(%s)", [month])
