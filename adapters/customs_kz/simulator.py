"""The simulated customs: it keeps every answer it gets, once, and answers nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.model import Claims, DocumentType
from gateway.simulation import Reply

_TABLE: Final = """create table if not exists received(message_id text, sender text, type text not null,
  relates_to text not null, at text not null, payload blob not null, primary key(message_id, sender)) strict"""


def simulator(state_dir: str) -> Callable[[DocumentType, bytes, Claims, datetime], list[Reply]]:
    """Opens the book of answers in `state_dir`; the function it gives back keeps one document and returns no reply."""
    path = str(Path(state_dir) / "customs_kz.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as book:
        book.execute(_TABLE)

    def receive(kind: DocumentType, payload: bytes, claims: Claims, now: datetime) -> list[Reply]:
        row = (
            claims.message_id,
            claims.sender,
            kind,
            claims.relates_to or "",
            now.astimezone(UTC).isoformat(),
            payload,
        )
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as book:
            book.execute("pragma synchronous = full")
            book.execute("insert or ignore into received values(?, ?, ?, ?, ?, ?)", row)
        return []

    return receive
