"""Long bodies, on the spool and in the ledger: pieces of a megabyte beside the row of their message."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, BinaryIO, Final, LiteralString, cast
from uuid import UUID

from psycopg.rows import TupleRow

from gateway.errors import InternalError
from gateway.model import Large
from gateway.shell.spool import Sheet, Spool
from gateway.shell.store import Connection, Row, Store

PIECE: Final = 1_000_000
"""Octets of one row; only the last of a body has fewer."""
_PIECE: Final[LiteralString] = """
insert into spooled (received_at, entry, part, number, octets) values (%s, %s, %s, %s, %b)
"""
"""A statement each: in one COPY the server would collect the memory of all of them."""
_KNOWN: Final[LiteralString] = """
select true from spooled where received_at = %s and entry = %s and part = %s limit 1
"""
_ONE: Final[LiteralString] = """
select octets from spooled where received_at = %s and entry = %s and part = %s and number = %s
"""


class StoreDepot:
    """`gateway.ports.Depot` over a spool and a store."""

    def __init__(self, store: Store, spool: Spool) -> None:
        self._store = store
        self.spool = spool

    def open(self, large: Large) -> BinaryIO:
        """Read a long body, a piece at a time. Raises Busy when it cannot be had now."""
        if large.source is not None:
            return large.source()
        return cast(BinaryIO, io.BufferedReader(_Stored(self._store, large), 65_536))

    def sheet(self) -> Sheet:
        """A place on the spool for what is being written."""
        return self.spool.begin(0)


def write_with(
    store: Store, statement: LiteralString, row: Row, at: datetime, body: tuple[Large | None, Large | None]
) -> TupleRow | None:
    """A statement in one commit with the pieces of a long body that is still on the spool.

    `body` is that body, as it lies there and as the ledger will know it. None = the statement gave no row, and nothing
    was written.
    """
    there, kept = body
    if there is None or there.source is None or kept is None:
        return store.write(statement, row, at)
    return store.with_pieces(statement, row, lambda connection: write_pieces(connection, there, kept), at)


def write_pieces(connection: Connection, large: Large, kept: Large) -> None:
    """The octets of `large` stand under the name of `kept`; those that stand there already are not written again."""
    at, entry, part = _place(kept)
    if connection.execute(_KNOWN, [at, entry, part]).fetchone() is not None:
        return
    assert large.source is not None  # noqa: S101 - what is not in the ledger is on the spool
    with closing(large.source()) as source:
        for number, octets in enumerate(_pieces(source)):
            connection.execute(_PIECE, [at, entry, part, number, octets])


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while octets := source.read(PIECE):
        yield octets


def _place(large: Large) -> tuple[datetime, UUID, str]:
    at, entry, part = large.name.split(" ", 2)
    return datetime.fromisoformat(at), UUID(entry), part


class _Stored(io.RawIOBase):
    """Holds one piece at a time."""

    def __init__(self, store: Store, large: Large) -> None:
        self._store = store
        self._large = large
        self._place = _place(large)
        self._at = 0  # from the first octet of the stretch that is read
        self._number = -1
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._large.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._large.size:
            return 0
        number, start = divmod(self._large.at + self._at, PIECE)
        if number != self._number:
            self._piece, self._number = memoryview(self._fetch(number)), number
        most = min(len(buffer), self._large.size - self._at)
        part = self._piece[start : start + most]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _fetch(self, number: int) -> bytes:
        row = self._store.run(
            lambda connection: connection.execute(_ONE, [*self._place, number], binary=True).fetchone()
        )
        if row is None:
            raise InternalError(f"piece {number} of {self._large.name} is gone")
        return bytes(row[0])
