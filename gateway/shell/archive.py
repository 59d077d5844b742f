"""A month of messages as files: every row of it exactly, and the links of the evidence that prove it.

A folder per month holds one file a table (JSON lines, gzip), `evidence.jsonl.gz` and `manifest.json`. Every value is
the text PostgreSQL gives it, bytes are base64; so a row can be put back as it was, and proven without a database.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from gateway.errors import ConfigurationError
from gateway.shell.evidence import LINE_WORDS
from gateway.shell.month_rows import counts_of, late_in, rows_by_table, rows_file, ways_of, write_table
from gateway.shell.months import Connection, Month

Cut = dict[int, tuple[int, str]]
"""Chain -> (links, head in hex)."""
FORMAT: Final = 1
STAYS: Final[LiteralString] = "select chain, min(seq) from evidence where at >= %s group by chain"
MARGIN: Final = timedelta(hours=1)
"""How far a clock may have been set back: what a message that stays hangs on was never linked earlier than this."""
ENDS: Final[LiteralString] = """
select e.chain, max(e.seq) from message m join evidence e on e.entry = m.id
where m.received_at >= %(reach)s and m.received_at < %(until)s group by e.chain
"""
LINKS: Final[LiteralString] = """
select chain, seq, encode(previous, 'hex'), encode(link, 'hex'), {words} from evidence
where chain = %s and seq > %s and seq <= %s order by seq
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What the database notes of a folder. `late`: messages of months that had left, which are in it too."""

    manifest: bytes
    cut: dict[str, tuple[int, str]]
    late: list[UUID]


def write_month(connection: Connection, month: Month, into: Path, now: datetime) -> Path:
    """The month's folder below `into` stands, synced, and the database knows it; what one snapshot shows is in it.

    A folder of the same month is put aside. Raises ConfigurationError when it cannot be written, or the month has left.
    """
    folder, fresh = into / month.name, into / f".{month.name}.new"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read")
            connection.execute("set local timezone = 'UTC'")
            _refuse_left(connection, month)
            written = _write(connection, month, fresh, now)
            _note(connection, month, folder, written, now)
            if folder.exists():
                folder.rename(into / f".{month.name}.before-{now:%Y%m%dT%H%M%S.%fZ}")
            fresh.rename(folder)
            sync(into)
    except OSError as error:
        raise ConfigurationError(f"the archive {into} cannot be written: {error}") from error
    return folder


def folder_of(connection: Connection, month: Month) -> Path | None:
    """The folder of a month that was written, if it is as it was and goes on where the month before it ends."""
    row = connection.execute("select folder, manifest from archive where month = %s", [month.day]).fetchone()
    if row is None:
        return None
    told = manifest_in(Path(row[0]), row[1])
    before = cut_before(connection, month)
    for chain, one in (told or {"chains": {}})["chains"].items():
        if (one["after"], one["previous"]) != before.get(int(chain), (0, genesis(int(chain)))):
            return None
    return Path(row[0]) if told else None


def manifest_in(folder: Path, digest: bytes) -> dict[str, Any] | None:
    """The manifest of a folder; None = it is gone, or another one."""
    try:
        text = (folder / "manifest.json").read_bytes()
    except OSError:
        return None
    told: dict[str, Any] | None = json.loads(text) if hashlib.sha256(text).digest() == digest else None
    return told


def is_as_told(connection: Connection, month: Month, told: dict[str, Any]) -> bool:
    """Whether what leaves with a month, and the ways of its messages, are as its files have them; in a UTC session."""
    late = late_in(connection, month)
    return (
        [str(entry) for entry in late] == told.get("late", [])
        and all(told["files"][name]["rows"] == rows for name, rows in counts_of(connection, month).items())
        and told.get("ways") == ways_of(connection, month, late)
        and ends_of(connection, month, cut_of(told["cut"]))
        == {int(chain): one["end"] for chain, one in told["chains"].items()}
    )


def ends_of(connection: Connection, month: Month, cut: Cut) -> dict[int, int]:
    """The last link of each chain that speaks of the month, or that leaves with it."""
    ends = {chain: links for chain, (links, _) in cut.items()}
    for chain, last in connection.execute(ENDS, month.words):
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


def _note(connection: Connection, month: Month, folder: Path, written: Written, now: datetime) -> None:
    """The database knows the folder."""
    connection.execute(
        "insert into archive (month, folder, manifest, cut, late, archived_at) values (%s, %s, %s, %s, %s, %s)"
        " on conflict (month) do update set folder = excluded.folder, manifest = excluded.manifest,"
        " cut = excluded.cut, late = excluded.late, archived_at = excluded.archived_at",
        [month.day, str(folder), hashlib.sha256(written.manifest).digest(), Jsonb(written.cut), written.late, now],
    )


def _refuse_left(connection: Connection, month: Month) -> None:
    """What left is in its files alone: they are never written again."""
    query = "select dropped_at is not null from archive where month = %s for update"
    if _all(connection, query, [month.day]) == [(True,)]:
        raise ConfigurationError(f"{month.name} has left the database, and its archive is never written again")


def _write(connection: Connection, month: Month, folder: Path, now: datetime) -> Written:
    """The files of a month."""
    before = cut_before(connection, month)
    cut = _cut(connection, month, before)
    late = late_in(connection, month)
    files = {
        table: write_table(connection, table, rows, month.words | {"late": late}, folder)
        for table, rows in rows_by_table(late).items()
    }
    segments, files["evidence"] = _write_evidence(connection, before, ends_of(connection, month, cut), folder)
    told = {
        "format": FORMAT, "month": month.name, "since": month.since.isoformat(), "until": month.until.isoformat(),
        "made_at": now.isoformat(), "files": files, "chains": segments,
        "cut": {str(chain): place for chain, place in cut.items()},
        "late": [str(entry) for entry in late], "ways": ways_of(connection, month, late),
    }  # fmt: skip
    manifest = json.dumps(told, indent=1, sort_keys=True).encode()
    with (folder / "manifest.json").open("wb") as stream:
        stream.write(manifest)
        stream.flush()
        os.fsync(stream.fileno())
    sync(folder)
    return Written(manifest=manifest, cut={str(chain): place for chain, place in cut.items()}, late=late)


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


def _write_evidence(
    connection: Connection, before: Cut, ends: dict[int, int], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Segment of every chain: what it continues, and where it ends."""
    query = SQL(LINKS).format(words=SQL(LINE_WORDS))
    segments = {}
    with rows_file(folder / "evidence.jsonl.gz") as (write, told):
        for chain, end in sorted(ends.items()):
            links, head = before.get(chain, (0, genesis(chain)))
            segment = {"after": links, "previous": head, "end": links, "head": head}
            with connection.cursor(f"links_{chain}") as cursor:
                for _, seq, previous, link, text in cursor.execute(query, [chain, links, end]):
                    write({"chain": chain, "seq": seq, "previous": previous, "link": link, "words": text})
                    segment |= {"end": seq, "head": link}
            segments[str(chain)] = segment
    return segments, told


def _all(connection: Connection, query: Any, words: Any) -> list[Any]:
    return connection.execute(query, words).fetchall()
