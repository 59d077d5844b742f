"""How long messages stay: old months go to files, are proven from there, and leave the database, oldest first.

Nothing goes that is still on its way or waits for an answer: its month stays, and every later one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg import Rollback
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from gateway.errors import ConfigurationError, DatabaseAway
from gateway.shell import presence
from gateway.shell.archive import cut_of, folder_of, is_as_told, manifest_in, write_month
from gateway.shell.archived import verify_archive
from gateway.shell.config import Retention
from gateway.shell.month_rows import late_in
from gateway.shell.months import BEGINNING, Connection, Month, months_back, parts_of, standing_months
from gateway.shell.revisions import ensure_months
from gateway.shell.store import Store

TURN: Final[LiteralString] = "select pg_try_advisory_lock(hashtextextended('gateway retention', 0))"
OPEN: Final[LiteralString] = """
select entry from delivery
where (received_at >= %(since)s and received_at < %(until)s or entry = any(%(late)s)) and (state = 'queued'
   or (state = 'delivered' and answer_due is not null and answered_by is null and silent_at is null))
limit 5
"""
LINK: Final[LiteralString] = "select link_evidence(%s, 'archived', null, %s, %s)"
ANCHOR: Final[LiteralString] = """
insert into anchor (chain, seq, link) values (%s, %s, decode(%s, 'hex'))
on conflict (chain) do update set seq = excluded.seq, link = excluded.link
"""
FORGET: Final[LiteralString] = """
with gone as (select coalesce(max((month + interval '1 month') at time zone 'UTC'), '-infinity') as until from archive
              where dropped_at is not null)
delete from {table} t using gone where t.received_at < least(%s::timestamptz, gone.until)
"""
WHERE: Final[LiteralString] = """
select folder from archive
where dropped_at is not null
  and (month = date_trunc('month', %(at)s at time zone 'UTC') or late @> array[%(entry)s::uuid])
order by late @> array[%(entry)s::uuid] desc limit 1
"""
PATIENCE: Final = "1s"
"""How long the drop may wait for a lock; whoever comes after it waits as long."""
BUSY: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A month in its folder. `held_by`: entries that are not finished, for which it stays in the database too."""

    month: str
    folder: str
    dropped: bool
    held_by: tuple[UUID, ...] = ()


def archive_before(
    store: Store, before: datetime, into: Path, clock: Callable[[], datetime], *, drop: bool = False
) -> list[Archived]:
    """Every whole month before this instant is in files; with `drop` it has left the database, if it is finished.

    Only one program does it at a time; others return at once with nothing. Raises ConfigurationError for an instant to
    come, when a folder cannot be written, or what was written does not hold.
    """
    if before > clock():
        raise ConfigurationError(f"{before:%Y-%m-%d} has not come yet, and only months that have ended are archived")
    with store.session() as connection:
        row = connection.execute(TURN).fetchone()
        if row is None or not row[0]:
            return []
        try:
            return _archive(connection, before, into, clock, drop=drop)
        finally:
            connection.execute("select pg_advisory_unlock(hashtextextended('gateway retention', 0))")


def keep_house(store: Store, policy: Retention, clock: Callable[[], datetime]) -> list[Archived]:
    """What `[retention]` says is done: months to come exist, old ones are archived and gone, old keys are forgotten."""
    now = clock()
    store.run(lambda connection: ensure_months(connection, now, policy.months_ahead))
    store.run(lambda connection: connection.execute(presence.FORGET))
    done = _archive_old(store, policy, now, clock)
    if policy.keys_months:
        forget_keys(store, months_back(now, policy.keys_months))
    for one in done:
        log.info("retention.month", month=one.month, folder=one.folder, dropped=one.dropped, held=len(one.held_by))
    return done


def forget_keys(store: Store, before: datetime) -> int:
    """Keys and ways of messages that came before and are archived are gone: their ids could be used again."""
    return sum(
        store.run(
            lambda connection, table=table: (
                connection.execute(  # type: ignore[misc]
                    SQL(FORGET).format(table=Identifier(table)), [before]
                ).rowcount
            )
        )
        for table in ("delivery", "message_key")
    )


def archived_in(store: Store, received_at: datetime, entry: UUID | None = None) -> str | None:
    """The folder with the messages of that time, when they have left; of one that came late, the folder it is in."""
    found = store.fetch(WHERE, {"at": received_at, "entry": entry})
    return str(found[0]["folder"]) if found else None


def _archive_old(store: Store, policy: Retention, now: datetime, clock: Callable[[], datetime]) -> list[Archived]:
    """What can go is gone; what cannot is told, and keeps nothing else from being done: ids go after their months."""
    if not policy.months or not policy.archive:
        return []
    try:
        return archive_before(store, months_back(now, policy.months), policy.archive, clock, drop=True)
    except (ConfigurationError, DatabaseAway, OSError, psycopg.Error) as error:
        log.error("retention.failed", reason=str(error))
        return []


def _archive(
    connection: Connection, before: datetime, into: Path, clock: Callable[[], datetime], *, drop: bool
) -> list[Archived]:
    done: list[Archived] = []
    left, standing = standing_months(connection)
    for month in left if drop else ():
        _tidy(connection, month)
    goes, first = drop, True
    for one in (one for one in standing if one.until <= before):
        month = replace(one, reach=BEGINNING) if first else one
        folder = folder_of(connection, month) or write_month(connection, month, into.absolute(), clock())
        held = _open(connection, month, late_in(connection, month))
        goes = goes and not held
        if goes:
            folder, goes = _leave(connection, month, folder, clock)
        first = goes
        done.append(Archived(month=month.name, folder=str(folder), dropped=goes, held_by=held))
    return done


def _tidy(connection: Connection, month: Month) -> None:
    """A month that had left and stands again is dropped if it is empty; else it goes with the next one, and is told."""
    parts = parts_of(connection, month)
    try:
        with _brief(connection):
            _lock(connection, parts)
            if not any(
                connection.execute(SQL("select from {} limit 1").format(Identifier(one))).rowcount for one in parts
            ):
                _drop_parts(connection, parts)
                return
        log.warning("retention.late", month=month.name, messages=_count_late(connection, month))
    except BUSY:
        log.warning("retention.busy", month=month.name)


def _count_late(connection: Connection, month: Month) -> int:
    query = "select count(*) from message where received_at >= %(since)s and received_at < %(until)s"
    row = connection.execute(query, month.words).fetchone()
    return int(row[0]) if row else 0


def _open(connection: Connection, month: Month, late: list[UUID]) -> tuple[UUID, ...]:
    """Messages of the month that are on their way or wait for an answer: some of them."""
    return tuple(row[0] for row in connection.execute(OPEN, month.words | {"late": late}))


def _leave(connection: Connection, month: Month, folder: Path, clock: Callable[[], datetime]) -> tuple[Path, bool]:
    """The month has left, or it stays and its folder is of now: what comes after it may go on from there."""
    for _ in range(2):
        _prove(folder)
        try:
            return folder, _drop(connection, month, folder, clock())
        except _Changed:
            log.info("retention.changed", month=month.name)
            folder = write_month(connection, month, folder.parent, clock())
    return folder, False


def _prove(folder: Path) -> None:
    report = verify_archive(folder)
    if report.broken:
        raise ConfigurationError(f"the archive does not hold, nothing was dropped: {report.broken}")


class _Changed(Exception):
    """The month is not as its files have it."""


def _drop(connection: Connection, month: Month, folder: Path, now: datetime) -> bool:
    """The month leaves in one transaction, and the evidence says so. False = not now: it is held, or being read.

    Raises _Changed. Whether it is held is looked at last: who queues a delivery again reads its message, so that has
    either been committed by the time the message is dropped, or finds no message.
    """
    try:
        with _brief(connection):
            manifest, cut, told = _noted(connection, month, folder)
            parts, late = parts_of(connection, month), late_in(connection, month)
            _lock(connection, parts)
            if not is_as_told(connection, month, told):
                raise _Changed
            detail = {"month": month.name, "cut": cut, "messages": told["files"]["message"]["rows"]}
            connection.execute(LINK, [now, manifest, Jsonb(detail)])
            _cut_away(connection, month, cut, told["files"]["intake"]["rows"])
            connection.execute("update archive set dropped_at = %s where month = %s", [now, month.day])
            _drop_parts(connection, parts)
            if _open(connection, month, late):
                raise Rollback
            return True
        log.warning("retention.held", month=month.name)
    except BUSY:
        log.warning("retention.busy", month=month.name)
    return False


@contextmanager
def _brief(connection: Connection) -> Iterator[None]:
    """A transaction that waits for no lock for long, and writes times as the files have them."""
    with connection.transaction():
        connection.execute(SQL("set local lock_timeout = {}").format(PATIENCE))
        connection.execute("set local timezone = 'UTC'")
        yield


def _noted(connection: Connection, month: Month, folder: Path) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """Hash of the manifest, cut, and the manifest itself."""
    query = "select manifest, cut from archive where month = %s and dropped_at is null for update"
    row = connection.execute(query, [month.day]).fetchone()
    if row is None:
        raise ConfigurationError(f"{month.name} is not archived")
    told = manifest_in(folder, row[0])
    if told is None:
        raise _Changed
    return row[0], row[1], told


def _lock(connection: Connection, parts: list[str]) -> None:
    """Nobody can write to them any more."""
    for part in parts:
        connection.execute(SQL("lock table {} in share mode").format(Identifier(part)))


def _cut_away(connection: Connection, month: Month, cut: dict[str, Any], refused: int) -> None:
    """The evidence and the refusals that are in the files are gone."""
    for chain, (links, head) in cut_of(cut).items():
        connection.execute(ANCHOR, [chain, links, head])
        connection.execute("delete from evidence where chain = %s and seq <= %s", [chain, links])
    gone = connection.execute("delete from intake where at >= %(reach)s and at < %(until)s", month.words)
    if gone.rowcount != refused:
        raise _Changed


def _drop_parts(connection: Connection, parts: list[str]) -> None:
    for part in parts:
        connection.execute(SQL("drop table {}").format(Identifier(part)))
