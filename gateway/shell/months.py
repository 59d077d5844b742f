"""The months that messages lie in: which of them stand in the database, and which have left it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]
PARTED: Final = ("message", "message_ref", "outgoing", "receipt", "spooled")
"""Partitioned by the month of their message: dropped as a whole."""
BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Before every message."""

PARTS: Final[LiteralString] = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = any(%s::text[]::regclass[]) and right(c.relname, 6) between %s and %s order by 1
"""
STANDING: Final[LiteralString] = """
select distinct right(c.relname, 6) from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = any(%s::text[]::regclass[]) order by 1
"""
GONE: Final[LiteralString] = "select max(month) from archive where dropped_at is not null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month to be archived, [since, until). `reach` is earlier for the one that takes what came late for others."""

    since: datetime
    until: datetime
    reach: datetime

    @property
    def name(self) -> str:
        """As its folder is called."""
        return f"{self.since:%Y-%m}"

    @property
    def day(self) -> date:
        """Its first day."""
        return self.since.date()

    @property
    def words(self) -> dict[str, Any]:
        """Its bounds, for a statement."""
        return {"since": self.since, "until": self.until, "reach": self.reach}


def month_of(at: datetime) -> Month:
    """The month an instant lies in, by UTC."""
    since = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
    return Month(since=since, until=until, reach=since)


def months_back(now: datetime, months: int) -> datetime:
    """The first instant of the month so many months ago."""
    first = month_of(now).since
    for _ in range(months):
        first = month_of(first - timedelta(days=1)).since
    return first


def standing_months(connection: Connection) -> tuple[list[Month], list[Month]]:
    """Months that have partitions, oldest first: those not after one that has left, and those that have not left."""
    row = connection.execute(GONE).fetchone()
    gone: list[Month] = []
    stays: list[Month] = []
    for (suffix,) in connection.execute(STANDING, [list(PARTED)]).fetchall():
        month = month_of(datetime.strptime(f"{suffix}01Z", "%Y%m%d%z"))
        (gone if row and row[0] and month.day <= row[0] else stays).append(month)
    return gone, stays


def parts_of(connection: Connection, month: Month) -> list[str]:
    """The partitions of a month, and of those before it that it reaches back to."""
    bounds = [f"{at:%Y%m}".rjust(6, "0") for at in (month.reach, month.since)]
    return [row[0] for row in connection.execute(PARTS, [list(PARTED), *bounds])]
