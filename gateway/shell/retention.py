"""How long messages stay: old months go to files, are proven from there, and leave the database, oldest first.

Nothing goes that is still on its way or waits for an answer: its month stays, and every later one with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from gateway.errors import ConfigurationError
from gateway.shell.archive import (
    PARTED,
    Connection,
    Month,
    counts_of,
    cut_of,
    ends_of,
    month_of,
    write_month,
)
from gateway.shell.archived import verify_archive
from gateway.shell.config import Retention
from gateway.shell.revisions import ensure_months
from gateway.shell.store import Store

TURN: Final[LiteralString] = "select pg_try_advisory_lock(hashtextextended('gateway retention', 0))"
OLDEST: Final[LiteralString] = """
select min(right(c.relname, 6)) from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'message'::regclass
"""
OPEN: Final[LiteralString] = """
select entry from delivery
where received_at >= %s and received_at < %s and (state = 'queued'
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
select folder from archive where month = date_trunc('month', %s, 'UTC')::date and dropped_at is not null
"""
PATIENCE: Final = "1s"
"""How long the drop may wait for its lock; whoever comes after it waits as long."""

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
    store.run(lambda connection: connection.execute("delete from instance where seen_at < now() - interval '1 day'"))
    done: list[Archived] = []
    if policy.months and policy.archive:
        done = archive_before(store, months_back(now, policy.months), policy.archive, clock, drop=True)
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


def archived_in(store: Store, received_at: datetime) -> str | None:
    """The folder with the messages of that time, when they have left the database."""
    found = store.fetch(WHERE, [received_at])
    return str(found[0]["folder"]) if found else None


def months_back(now: datetime, months: int) -> datetime:
    """The first instant of the month so many months ago."""
    first = month_of(now).since
    for _ in range(months):
        first = month_of(first - timedelta(days=1)).since
    return first


def _archive(
    connection: Connection, before: datetime, into: Path, clock: Callable[[], datetime], *, drop: bool
) -> list[Archived]:
    done: list[Archived] = []
    goes = drop
    month = _oldest(connection)
    while month is not None and month.until <= before.astimezone(UTC):
        known = _known(connection, month)
        if known is None or not Path(known).is_dir():
            known = str(write_month(connection, month, into.absolute(), clock()))
        held = tuple(row[0] for row in connection.execute(OPEN, [month.since, month.until]))
        goes = goes and not held
        if goes:
            _prove(Path(known))
            goes = _drop(connection, month, Path(known), clock())
        done.append(Archived(month=month.name, folder=known, dropped=goes, held_by=held))
        month = month_of(month.until)
    return done


def _oldest(connection: Connection) -> Month | None:
    row = connection.execute(OLDEST).fetchone()
    return month_of(datetime.strptime(f"{row[0]}01Z", "%Y%m%d%z")) if row and row[0] else None


def _known(connection: Connection, month: Month) -> str | None:
    row = connection.execute("select folder from archive where month = %s", [month.day]).fetchone()
    return str(row[0]) if row else None


def _prove(folder: Path) -> None:
    report = verify_archive(folder)
    if report.broken:
        raise ConfigurationError(f"the archive does not hold, nothing was dropped: {report.broken}")


def _drop(connection: Connection, month: Month, folder: Path, now: datetime) -> bool:
    """The month leaves in one transaction, and the evidence says so. False = not now: it changed, or is being read."""
    try:
        with connection.transaction():
            manifest, cut = _noted(connection, month)
            told = _unchanged(connection, month, folder, manifest)
            if not told:
                connection.execute("delete from archive where month = %s", [month.day])
                return False
            detail = {"month": month.name, "cut": cut, "messages": told["message"]}
            connection.execute(LINK, [now, manifest, Jsonb(detail)])
            for chain, (links, head) in cut_of(cut).items():
                connection.execute(ANCHOR, [chain, links, head])
                connection.execute("delete from evidence where chain = %s and seq <= %s", [chain, links])
            connection.execute("delete from intake where at >= %s and at < %s", [month.since, month.until])
            connection.execute("update archive set dropped_at = %s where month = %s", [now, month.day])
            connection.execute(SQL("set local lock_timeout = {}").format(PATIENCE))
            for parent in PARTED:
                connection.execute(SQL("drop table {}").format(_part(parent, month)))
    except psycopg.errors.LockNotAvailable:
        log.warning("retention.busy", month=month.name)
        return False
    return True


def _noted(connection: Connection, month: Month) -> tuple[bytes, dict[str, Any]]:
    query = "select manifest, cut from archive where month = %s for update"
    row = connection.execute(query, [month.day]).fetchone()
    if row is None:
        raise ConfigurationError(f"{month.name} is not archived")
    return row[0], row[1]


def _unchanged(connection: Connection, month: Month, folder: Path, manifest: bytes) -> dict[str, int]:
    """Rows of the month as they are archived; empty when anything came since. Nobody can write to it any more."""
    for parent in PARTED:
        connection.execute(SQL("lock table {} in share mode").format(_part(parent, month)))
    text = (folder / "manifest.json").read_bytes()
    if hashlib.sha256(text).digest() != manifest or connection.execute(OPEN, [month.since, month.until]).fetchone():
        return {}
    told = json.loads(text)
    counts, ends = counts_of(connection, month), ends_of(connection, month, cut_of(told["cut"]))
    same = all(told["files"][name]["rows"] == rows for name, rows in counts.items())
    return counts if same and ends == {int(chain): one["end"] for chain, one in told["chains"].items()} else {}


def _part(parent: str, month: Month) -> Identifier:
    return Identifier(f"{parent}_{month.since:%Y%m}")
