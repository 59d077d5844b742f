"""The database made ready: connections, tables, and the months to come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import resources
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar

import psycopg
from procrastinate.schema import SchemaManager
from psycopg.rows import TupleRow, dict_row
from psycopg.sql import Composed
from psycopg_pool import ConnectionPool, PoolTimeout

from gateway.errors import Busy, ConfigurationError
from gateway.shell.durable import require_durable

VERSION = 1
"""Of `schema.sql`. A database that is newer than this program is refused; an older one is brought forward."""
MONTHS_AHEAD = 3
TRIES = 3
MONTH = timedelta(days=31)

Connection = psycopg.Connection[TupleRow]
Pool = ConnectionPool[Connection]
Row = Sequence[Any] | Mapping[str, Any]
Result = TypeVar("Result")
Steps = dict[int, LiteralString]
"""What brings a database from the version before to this one."""
MIGRATIONS: Steps = {}


class Store:
    """A pool of connections that commit every statement by themselves, and try again when the server went away.

    Everything written through it may be written twice without harm: the statements see to that.
    """

    def __init__(self, dsn: str, *, largest: int = 16, patience: float = 10.0) -> None:
        settings: dict[str, Any] = {"autocommit": True, "prepare_threshold": 2, "application_name": "gateway"}
        self._pool: Pool = ConnectionPool(
            dsn, min_size=1, max_size=largest, kwargs=settings, timeout=patience, reconnect_timeout=60.0, open=False
        )
        self.dsn = dsn

    def open(self) -> Self:
        """Connections can be had; raises Busy when the server does not answer."""
        try:
            self._pool.open(wait=True, timeout=30.0)
        except psycopg.OperationalError as error:
            raise Busy(f"the database cannot be reached: {error}") from error
        return self

    def close(self) -> None:
        """All connections are closed."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, statement: LiteralString, row: Row, *months: datetime) -> TupleRow | None:
        """One statement, one round trip, one commit; the first row it returned. Raises Busy."""
        return self.run(lambda connection: connection.execute(statement, row).fetchone(), *months)

    def both(
        self, statement: LiteralString, row: Row, follow: LiteralString, also: Row | None, *months: datetime
    ) -> bool:
        """A statement and, if it returned a row, a second one: one transaction. False = it returned none."""
        if also is None:
            return self.write(statement, row, *months) is not None

        def work(connection: Connection) -> bool:
            with connection.transaction():
                done = connection.execute(statement, row).fetchone() is not None
                if done:
                    connection.execute(follow, also)
                return done

        return self.run(work, *months)

    def fetch(self, statement: LiteralString | Composed, row: Row = ()) -> list[dict[str, Any]]:
        """All rows of a query by column name. Raises Busy."""

        def work(connection: Connection) -> list[dict[str, Any]]:
            with connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(statement, row).fetchall()

        return self.run(work)

    def run(self, work: Callable[[Connection], Result], *months: datetime) -> Result:
        """Do `work` on a connection of the pool; partitions for `months` are made when one turns out to be missing."""
        trouble: Exception | None = None
        for _ in range(TRIES):
            try:
                with self._pool.connection() as connection:
                    return work(connection)
            except psycopg.errors.CheckViolation:
                if not months:
                    raise
                self._make_months(months)
            except PoolTimeout as error:
                raise Busy("no connection to the database is free") from error
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                trouble = error
                self._pool.check()
        raise Busy("the database cannot be reached") from trouble

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """One connection to keep for a while, for what lives as long as a session: advisory locks."""
        with self._pool.connection() as connection:
            yield connection

    def ensure_months(self, now: datetime) -> None:
        """Partitions from last month to `MONTHS_AHEAD` months on exist."""
        self._make_months([now.replace(day=15) + month * MONTH for month in range(-1, MONTHS_AHEAD + 1)])

    def _make_months(self, months: Sequence[datetime]) -> None:
        with self._pool.connection() as connection, connection.transaction():
            for month in months:
                connection.execute("select ensure_month(%s)", [month])


def apply_schema(dsn: str, now: datetime) -> None:
    """Tables of this version and partitions for the coming months exist; any number of starters may do it at once.

    Raises ConfigurationError for a database that could lose what it confirmed, or that a newer gateway made.
    """
    with psycopg.connect(dsn) as connection:
        require_durable(connection)
        connection.execute("select pg_advisory_xact_lock(hashtextextended('gateway schema', 0))")
        connection.execute("create table if not exists schema_version (version integer not null, at timestamptz)")
        found = connection.execute("select max(version) from schema_version").fetchone()
        version: int | None = found[0] if found else None
        if version is None:
            connection.execute(_own_schema())
            connection.execute(SchemaManager.get_schema())
            connection.execute("insert into schema_version values (%s, %s)", [VERSION, now])
        else:
            _bring_forward(connection, version, now)
        _ensure_months(connection, now)


def _ensure_months(connection: psycopg.Connection[TupleRow], now: datetime) -> None:
    for month in range(-1, MONTHS_AHEAD + 1):
        connection.execute("select ensure_month(%s)", [now.replace(day=15) + month * MONTH])


def _own_schema() -> str:
    return resources.files("gateway.shell").joinpath("schema.sql").read_text("utf-8")


def _bring_forward(connection: psycopg.Connection[TupleRow], version: int, now: datetime) -> None:
    if version > VERSION:
        raise ConfigurationError(f"the database has schema version {version}, this gateway knows {VERSION}")
    for step in range(version + 1, VERSION + 1):
        connection.execute(MIGRATIONS[step])
        connection.execute("insert into schema_version values (%s, %s)", [step, now])
