"""A month of messages as files: every row of it exactly, and the links of the evidence that prove it.

A folder per month holds one file a table (JSON lines, gzip), `evidence.jsonl.gz` and `manifest.json`. Every value is
the text PostgreSQL gives it, bytes are base64; so a row can be put back as it was, and proven without a database.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier
from psycopg.types.json import Jsonb

from gateway.errors import ConfigurationError
from gateway.shell.evidence import LINE_WORDS

Connection = psycopg.Connection[TupleRow]
Cut = dict[int, tuple[int, str]]
"""Chain -> (links, head in hex)."""
FORMAT: Final = 1
PARTED: Final = ("message", "message_ref", "outgoing", "receipt", "spooled")
"""Partitioned by the month of their message: dropped as a whole."""
ORDER: Final[Mapping[str, LiteralString]] = {"spooled": "order by spooled.entry, spooled.part, spooled.number"}
"""Pieces are large, and make a body only in their order; as written, a number is text."""
ROWS: Final = {"message_key": "received_at", "delivery": "received_at", "intake": "at"}
"""Further tables of which a month is written, and by which time."""

COLUMNS: Final[LiteralString] = """
select attname, atttypid = 'bytea'::regtype from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
"""
STAYS: Final[LiteralString] = "select chain, min(seq) from evidence where at >= %s group by chain"
MARGIN: Final = timedelta(hours=1)
"""How far a clock may have been set back: what a message that stays hangs on was never linked earlier than this."""
ENDS: Final[LiteralString] = """
select e.chain, max(e.seq) from message m join evidence e on e.entry = m.id
where m.received_at >= %(since)s and m.received_at < %(until)s group by e.chain
"""
LINKS: Final[LiteralString] = """
select chain, seq, encode(previous, 'hex'), encode(link, 'hex'), {words} from evidence
where chain = %s and seq > %s and seq <= %s order by seq
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month to be archived, [since, until)."""

    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """As its folder is called."""
        return f"{self.since:%Y-%m}"

    @property
    def day(self) -> date:
        """Its first day."""
        return self.since.date()


def month_of(at: datetime) -> Month:
    """The month an instant lies in, by UTC."""
    since = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
    return Month(since=since, until=until)


def write_month(connection: Connection, month: Month, into: Path, now: datetime) -> Path:
    """The month's folder below `into` stands, synced, and the database knows it; what one snapshot shows is in it.

    A folder of the same month is put aside. Raises ConfigurationError when it cannot be written.
    """
    folder, fresh = into / month.name, into / f".{month.name}.new"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            connection.execute("set local timezone = 'UTC'")
            manifest, cut = _write(connection, month, fresh, now)
            if folder.exists():
                folder.rename(into / f".{month.name}.before-{now:%Y%m%dT%H%M%SZ}")
            fresh.rename(folder)
            sync(into)
            connection.execute(
                "insert into archive (month, folder, manifest, cut, archived_at) values (%s, %s, %s, %s, %s)"
                " on conflict (month) do update set folder = excluded.folder, manifest = excluded.manifest,"
                " archived_at = excluded.archived_at where archive.dropped_at is null",
                [
                    month.day,
                    str(folder),
                    hashlib.sha256(manifest).digest(),
                    Jsonb({str(chain): place for chain, place in cut.items()}),
                    now,
                ],
            )
    except OSError as error:
        raise ConfigurationError(f"the archive {into} cannot be written: {error}") from error
    return folder


def counts_of(connection: Connection, month: Month) -> dict[str, int]:
    """Rows of the tables that leave with a month."""
    query = SQL("select count(*) from {} where received_at >= %s and received_at < %s")
    words = [month.since, month.until]
    return {name: int(_all(connection, query.format(Identifier(name)), words)[0][0]) for name in PARTED}


def ends_of(connection: Connection, month: Month, cut: Cut) -> dict[int, int]:
    """The last link of each chain that speaks of the month, or that leaves with it."""
    ends = {chain: links for chain, (links, _) in cut.items()}
    for chain, last in connection.execute(ENDS, {"since": month.since, "until": month.until}):
        ends[chain] = max(ends[chain], last)
    return ends


def cut_before(connection: Connection, month: Month) -> Cut:
    """Where the month's evidence begins: after that of the month archived before it, or with the chains."""
    found = _all(connection, "select cut from archive where month < %s order by month desc limit 1", [month.day])
    return cut_of(found[0][0]) if found else {}


def cut_of(told: dict[str, Any]) -> Cut:
    """A cut as it lies in JSON."""
    return {int(chain): (int(links), str(head)) for chain, (links, head) in told.items()}


def sync(folder: Path) -> None:
    """A folder's names are on disk."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _write(connection: Connection, month: Month, folder: Path, now: datetime) -> tuple[bytes, Cut]:
    """The files of a month; its manifest as bytes, and its cut."""
    before = cut_before(connection, month)
    cut = _cut(connection, month, before)
    words = [month.since, month.until]
    files = {}
    for table, column in [*((name, "received_at") for name in PARTED), *ROWS.items()]:
        files[table] = _write_table(connection, table, column, words, folder)
    ends = ends_of(connection, month, cut)
    segments, files["evidence"] = _write_evidence(connection, before, ends, folder)
    told = {
        "format": FORMAT, "month": month.name, "since": month.since.isoformat(), "until": month.until.isoformat(),
        "made_at": now.isoformat(), "files": files, "chains": segments,
        "cut": {str(chain): place for chain, place in cut.items()},
    }  # fmt: skip
    manifest = json.dumps(told, indent=1, sort_keys=True).encode()
    with (folder / "manifest.json").open("wb") as stream:
        stream.write(manifest)
        stream.flush()
        os.fsync(stream.fileno())
    sync(folder)
    return manifest, cut


def _cut(connection: Connection, month: Month, before: Cut) -> Cut:
    """The longest beginning of each chain that speaks of nothing that stays."""
    stays: dict[int, int] = dict(connection.execute(STAYS, [month.until - MARGIN]).fetchall())
    cut: Cut = {}
    for chain, links, _ in connection.execute("select id, seq, head from chain order by id").fetchall():
        last = stays.get(chain, links + 1) - 1
        begins = before.get(chain, (0, genesis(chain)))
        cut[chain] = begins if last <= begins[0] else (last, _link(connection, chain, last))
    return cut


def _link(connection: Connection, chain: int, seq: int) -> str:
    words = [chain, seq]
    found = _all(connection, "select encode(link, 'hex') from evidence where chain = %s and seq = %s", words)
    if not found:
        raise ConfigurationError(
            f"the evidence does not hold: chain {chain} has no link {seq}; see `gateway db verify`"
        )
    return str(found[0][0])


def genesis(chain: int) -> str:
    """What the first link of a chain continues, in hex."""
    return hashlib.sha256(f"chain {chain}".encode()).hexdigest()


def _write_table(
    connection: Connection, table: str, column: str, words: list[datetime], folder: Path
) -> dict[str, Any]:
    columns = connection.execute(COLUMNS, [table]).fetchall()
    parts: list[Composable] = [
        Identifier(name) if binary else SQL("{}::text").format(Identifier(name)) for name, binary in columns
    ]
    query = SQL("select {} from {} where {} >= %s and {} < %s {}").format(
        SQL(", ").join(parts), Identifier(table), Identifier(column), Identifier(column), SQL(ORDER.get(table, ""))
    )
    names = [name for name, _ in columns]
    with _file(folder / f"{table}.jsonl.gz") as (write, told), connection.cursor(f"rows_{table}") as cursor:
        cursor.itersize = 1 if table in ORDER else 50
        for row in cursor.execute(query, words):
            write({name: _plain(value) for name, value in zip(names, row, strict=True)})
    return {**told, "binary": [name for name, binary in columns if binary]}


def _write_evidence(
    connection: Connection, before: Cut, ends: dict[int, int], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Segment of every chain: what it continues, and where it ends."""
    query = SQL(LINKS).format(words=SQL(LINE_WORDS))
    segments = {}
    with _file(folder / "evidence.jsonl.gz") as (write, told):
        for chain, end in sorted(ends.items()):
            links, head = before.get(chain, (0, genesis(chain)))
            segment = {"after": links, "previous": head, "end": links, "head": head}
            with connection.cursor(f"links_{chain}") as cursor:
                for _, seq, previous, link, text in cursor.execute(query, [chain, links, end]):
                    write({"chain": chain, "seq": seq, "previous": previous, "link": link, "words": text})
                    segment |= {"end": seq, "head": link}
            segments[str(chain)] = segment
    return segments, told


@contextmanager
def _file(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A function that writes a line, and what is true of the file when it is closed."""
    told: dict[str, Any] = {"rows": 0}

    def write(line: dict[str, Any]) -> None:
        packed.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
        told["rows"] += 1

    with path.open("w+b") as raw:
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packer:
            packed = io.BufferedWriter(packer, 1 << 16)
            yield write, told
            packed.flush()
            packed.detach()
        raw.flush()
        os.fsync(raw.fileno())
        raw.seek(0)
        told |= {"sha256": hashlib.file_digest(raw, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _plain(value: Any) -> str | None:
    return b64encode(value).decode("ascii") if isinstance(value, bytes | memoryview) else value


def _all(connection: Connection, query: Any, words: list[Any]) -> list[Any]:
    return connection.execute(query, words).fetchall()
