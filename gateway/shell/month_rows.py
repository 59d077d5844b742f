"""The rows of a month in each table: which they are, how many, whether they changed, and their file."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier

from gateway.shell.months import PARTED, Connection, Month

ORDER: Final[Mapping[str, LiteralString]] = {"spooled": "order by spooled.entry, spooled.part, spooled.number"}
"""Pieces are large, and make a body only in their order; as written, a number is text."""
IN_PARTS: Final[LiteralString] = "received_at >= %(reach)s and received_at < %(until)s"
IN_MONTH: Final[LiteralString] = "received_at >= %(since)s and received_at < %(until)s"
OR_LATE: Final[LiteralString] = "(" + IN_MONTH + " or entry = any(%(late)s))"
REFUSED: Final[LiteralString] = "at >= %(reach)s and at < %(until)s"
"""What has not left with its month leaves with this one; ids and ways of months that left are still known."""

COLUMNS: Final[LiteralString] = """
select attname, atttypid = 'bytea'::regtype from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
"""
LATE: Final[LiteralString] = (
    "select id from message where received_at >= %(reach)s and received_at < %(since)s order by 1"
)
WAYS: Final[LiteralString] = """
select count(*) || ' ' || coalesce(sum(hashtextextended(delivery::text, 0)), 0) from delivery where {}
"""
"""The same as long as no way of a message changed; read in UTC."""


def late_in(connection: Connection, month: Month) -> list[UUID]:
    """Messages that came for a month that had left, and go with this one."""
    return [row[0] for row in connection.execute(LATE, month.words)]


def rows_by_table(late: list[UUID]) -> dict[str, LiteralString]:
    """Tables of which a month is written, and which of their rows."""
    known = OR_LATE if late else IN_MONTH
    return {**dict.fromkeys(PARTED, IN_PARTS), "message_key": known, "delivery": known, "intake": REFUSED}


def counts_of(connection: Connection, month: Month) -> dict[str, int]:
    """Rows of the tables that leave with a month."""
    query = SQL("select count(*) from {} where {}")
    words = month.words
    return {
        name: int(_first(connection.execute(query.format(Identifier(name), SQL(IN_PARTS)), words))) for name in PARTED
    }


def ways_of(connection: Connection, month: Month, late: list[UUID]) -> str:
    """A digest of what is known of the ways of its messages; in a UTC session."""
    query = SQL(WAYS).format(SQL(rows_by_table(late)["delivery"]))
    return str(_first(connection.execute(query, month.words | {"late": late})))


def write_table(
    connection: Connection, table: str, rows: LiteralString, words: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """The file of a table stands, synced; what the manifest says of it."""
    columns = connection.execute(COLUMNS, [table]).fetchall()
    parts: list[Composable] = [
        Identifier(name) if binary else SQL("{}::text").format(Identifier(name)) for name, binary in columns
    ]
    query = SQL("select {} from {} where {} {}").format(
        SQL(", ").join(parts), Identifier(table), SQL(rows), SQL(ORDER.get(table, ""))
    )
    names = [name for name, _ in columns]
    with rows_file(folder / f"{table}.jsonl.gz") as (write, told), connection.cursor(f"rows_{table}") as cursor:
        cursor.itersize = 1 if table in ORDER else 50
        for row in cursor.execute(query, words):
            write({name: _plain(value) for name, value in zip(names, row, strict=True)})
    return {**told, "binary": [name for name, binary in columns if binary]}


@contextmanager
def rows_file(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
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


def _first(cursor: psycopg.Cursor[TupleRow]) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
