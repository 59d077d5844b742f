"""The simulated receiver's register: which record version is held, which lists came, and what was answered."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

from adapters.mra_cn.lists import AeoList, Record

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS list (
    agreement TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, answer BLOB NOT NULL,
    PRIMARY KEY (agreement, number));
CREATE TABLE IF NOT EXISTS record (
    code TEXT PRIMARY KEY, version INTEGER NOT NULL, deleted INTEGER NOT NULL, content TEXT NOT NULL);
"""
_AEO: Final = "AEO"


def open_register(path: str) -> sqlite3.Connection:
    """A connection whose every commit is on the disk; transactions are begun by hand."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_TABLES)
    return connection


class Register:
    """What is known, seen through one connection. Records once deleted stay as tombstones with their version."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def last_list(self, agreement: str) -> int:
        """The highest list number taken; 0 before the first."""
        row = self._connection.execute("SELECT max(number) FROM list WHERE agreement = ?", (agreement,)).fetchone()
        return int(row[0] or 0)

    def answer_to(self, given: AeoList) -> tuple[bool, bytes] | None:
        """Whether the list of this number had this content, and what was answered; None = it never came."""
        row = self._connection.execute(
            "SELECT digest, answer FROM list WHERE agreement = ? AND number = ?", (given.agreement, given.number)
        ).fetchone()
        return None if row is None else (row[0] == given.digest, bytes(row[1]))

    def keep_list(self, given: AeoList, answer: bytes) -> None:
        """The list counts as taken."""
        self._connection.execute(
            "INSERT INTO list (agreement, number, id, digest, answer) VALUES (?, ?, ?, ?, ?)",
            (given.agreement, given.number, given.id, given.digest, answer),
        )

    def version_of(self, code: str) -> int | None:
        """The version held of an operator, deleted or not."""
        row = self._connection.execute("SELECT version FROM record WHERE code = ?", (code,)).fetchone()
        return None if row is None else int(row[0])

    def holds_same(self, record: Record) -> bool:
        """Whether the version held says the same."""
        row = self._connection.execute("SELECT content FROM record WHERE code = ?", (record.code,)).fetchone()
        return row is not None and row[0] == record.content

    def hold(self, record: Record) -> None:
        """This version is the one held."""
        self._connection.execute(
            "INSERT INTO record (code, version, deleted, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (code) DO UPDATE SET version = excluded.version, deleted = excluded.deleted,"
            " content = excluded.content",
            (record.code, record.version, int(record.deletes), record.content),
        )

    def held(self) -> tuple[tuple[str, int], ...]:
        """Code and version of every record not deleted, by code."""
        rows = self._connection.execute("SELECT code, version FROM record WHERE deleted = 0 ORDER BY code")
        return tuple((str(code), int(version)) for code, version in rows)

    def digest(self) -> str:
        """SHA-256 over one line `TIN:version` LF per record held, lines sorted by code point; the TIN without `AEO`."""
        lines = sorted(f"{code.removeprefix(_AEO)}:{version}\n" for code, version in self.held())
        return hashlib.sha256("".join(lines).encode()).hexdigest()
