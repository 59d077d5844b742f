"""Which revision the tables have, which this program needs, and how the one becomes the other while others run.

A program of revision N works on tables of revision N and, where that one only expands, of N + 1: so a rolling upgrade
has both running. A revision that contracts waits until no older program lives.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow

from gateway.errors import ConfigurationError
from gateway.shell.durable import require_durable
from gateway.shell.pooling import pooling_of, require_session
from gateway.shell.presence import Instance, live_instances

REVISION: Final = 1
"""What this program was written for: the newest of `migrations/versions`."""
HOME: Final = Path(__file__).with_name("migrations")
MONTHS_AHEAD: Final = 3
TICK: Final = 0.05

TRY: Final[LiteralString] = "select pg_try_advisory_lock(hashtextextended('gateway schema', 0))"
FREE: Final[LiteralString] = "select pg_advisory_unlock(hashtextextended('gateway schema', 0))"
APPLIED: Final[LiteralString] = "select number, kind, serves_from from revision order by number"
COMING: Final[LiteralString] = """
select ensure_month(x.at)
from (select %(middle)s + make_interval(months => n) as at from generate_series(-1, %(ahead)s) as n) x
where not exists (select from archive a
                  where a.month = date_trunc('month', x.at at time zone 'UTC') and a.dropped_at is not null)
"""
PATIENT: Final[LiteralString] = "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0"
"""A large table takes its time, whatever limits the server has for others."""
NOTE: Final[LiteralString] = "insert into revision values (%s, %s, %s, %s)"

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One step of the tables. `serves_from`: the oldest program, by its own revision, that works after it."""

    number: int
    kind: str
    serves_from: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the tables stand. `held_by`: living older programs that a contracting revision waits for."""

    revision: int
    program: int
    pending: tuple[Revision, ...]
    held_by: tuple[Instance, ...]


def apply_schema(
    dsn: str, now: datetime, *, program: int = REVISION, also: Sequence[Path] = (), months_ahead: int = MONTHS_AHEAD
) -> Standing:
    """The tables serve this program, and partitions for the coming months exist; any number may start at once.

    `program` is the revision it was written for, `also` further folders of revisions. Raises ConfigurationError for a
    database that could lose what it confirmed, or whose tables this program is too old for; behind a pooler in
    transaction mode also for one whose tables lack a revision, for there nobody can hold the turn.
    """
    shared = pooling_of(dsn) == "transaction"
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        require_durable(connection)
        if shared:
            return _as_they_stand(connection, now, program, also, months_ahead)
        connection.execute(PATIENT)
        with _turn(connection):
            done = _applied(connection)
            _refuse_newer(done, program)
            held: tuple[Instance, ...] = ()
            pending = _pending(done, program, also)
            while pending and not held:
                held = _in_the_way(connection, pending[0])
                if not held:
                    _upgrade(dsn, pending.pop(0), now, also)
            ensure_months(connection, now, months_ahead)
            return Standing(
                revision=_newest(_applied(connection)), program=program, pending=tuple(pending), held_by=held
            )


def _as_they_stand(
    connection: Connection, now: datetime, program: int, also: Sequence[Path], months_ahead: int
) -> Standing:
    """The tables serve this program without a change. Raises ConfigurationError when they do not."""
    _refuse_newer(_applied(connection), program)
    stands = standing(connection, program=program, also=also)
    if stands.pending and not stands.held_by:
        require_session("transaction", f"bringing the tables from revision {stands.revision} to {program}")
    ensure_months(connection, now, months_ahead)
    return stands


def standing(connection: Connection, *, program: int = REVISION, also: Sequence[Path] = ()) -> Standing:
    """How the tables stand, without changing anything."""
    done = _applied(connection)
    pending = _pending(done, program, also)
    held = _in_the_way(connection, pending[0]) if pending and done else ()
    return Standing(revision=_newest(done), program=program, pending=tuple(pending), held_by=held)


def ensure_months(connection: Connection, now: datetime, ahead: int = MONTHS_AHEAD) -> None:
    """Partitions from last month to `ahead` months on exist, but for a month that has left."""
    connection.execute(COMING, {"middle": now.replace(day=15), "ahead": ahead})


@contextmanager
def _turn(connection: Connection) -> Iterator[None]:
    """One at a time. Asked for again and again: who waits inside a statement would hold up an index being built."""
    while not _one(connection, TRY):
        time.sleep(TICK)
    try:
        yield
    finally:
        connection.execute(FREE)


def _applied(connection: Connection) -> list[Revision]:
    if not _one(connection, "select to_regclass('revision') is not null"):
        if _one(connection, "select to_regclass('schema_version') is not null"):
            raise ConfigurationError(
                "the database was made by a version before 0.2, which no revision leads on from: "
                "use an empty database or another state directory"
            )
        return []
    found = connection.execute(APPLIED).fetchall()
    return [Revision(number=number, kind=kind, serves_from=oldest) for number, kind, oldest in found]


def _refuse_newer(done: Sequence[Revision], program: int) -> None:
    needed = max((one.serves_from for one in done), default=0)
    if needed > program or _newest(done) > program + 1:
        raise ConfigurationError(
            f"the database has revision {_newest(done)}, which serves gateways from {needed} on; this one is {program}"
        )


def _newest(done: Sequence[Revision]) -> int:
    return max((one.number for one in done), default=0)


def _pending(done: Sequence[Revision], program: int, also: Sequence[Path]) -> list[Revision]:
    if _newest(done) >= program:
        return []
    return [one for one in known_revisions(also) if _newest(done) < one.number <= program]


def _in_the_way(connection: Connection, step: Revision) -> tuple[Instance, ...]:
    """Living programs that this revision would break."""
    if step.kind == "expand":
        return ()
    return tuple(one for one in live_instances(connection) if one.revision < step.serves_from)


def known_revisions(also: Sequence[Path] = ()) -> list[Revision]:
    """All revisions there are modules for, the first one first."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config(also)).walk_revisions()
    return [
        Revision(number=int(one.revision), kind=one.module.kind, serves_from=one.module.serves_from, text=one.doc or "")
        for one in reversed(list(found))
    ]


def _upgrade(dsn: str, step: Revision, now: datetime, also: Sequence[Path]) -> None:
    """One revision is applied and noted, in one transaction where it takes one."""
    from alembic import command
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    def note(*, ctx: Any, **_given: Any) -> None:
        connection = ctx.connection.connection.driver_connection
        connection.execute(NOTE, [step.number, step.kind, step.serves_from, now])

    def patient() -> Connection:
        connection = psycopg.connect(dsn, autocommit=True)
        connection.execute(PATIENT)
        connection.autocommit = False
        return connection

    engine = create_engine("postgresql+psycopg://", creator=patient, poolclass=NullPool)
    config = _config(also)
    with engine.connect() as connection:
        config.attributes |= {"connection": connection, "on_version_apply": note}
        command.upgrade(config, f"{step.number:04}")
        connection.commit()


def _config(also: Sequence[Path]) -> Any:
    """What Alembic must know. It is imported where it is needed: most starts find nothing to do."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HOME))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(map(str, [HOME / "versions", *also])))
    return config


def _one(connection: Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
