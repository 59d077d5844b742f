"""What a simulated partner keeps: every message it got with the receipt it gave, and every answer it owes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gateway.model import DocumentType, MessageId, Sealed, Verified
from gateway.simulation import Reply

_TABLES: Final = """
create table if not exists received(seq integer primary key, message_id text unique not null, digest text not null,
  wire text not null, receipt_id text not null, type text not null, conversation text not null,
  relates_to text not null, at text not null, payload blob not null, answer blob not null, facts text not null,
  state text not null default 'new', note text not null default '') strict;
create table if not exists reply(seq integer primary key, message_id text unique not null, type text not null,
  payload blob not null, conversation text not null, relates_to text not null, due real not null,
  state text not null default 'owed', code text not null default '') strict;
create index if not exists received_new on received(seq) where state = 'new';
create index if not exists reply_owed on reply(due, seq) where state = 'owed';
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A message that came before. `wire` is the digest of its bytes then, `receipt_id` that of the receipt given."""

    digest: str
    wire: str
    receipt_id: str
    answer: Sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A received document that was not worked on yet."""

    seq: int
    message_id: MessageId
    type: DocumentType
    payload: bytes
    conversation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An answer to be sent; its id stays the same on every try."""

    message_id: MessageId
    type: DocumentType
    payload: bytes
    conversation: str
    relates_to: MessageId


class HostBook:
    """One SQLite file; safe for threads. What a method returned from is on disk."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        with self._transaction() as book:
            for statement in _TABLES.split(";"):
                book.execute(statement)

    def recall(self, message_id: MessageId) -> Known | None:
        """What was answered to this id, or None."""
        query = "select digest, wire, receipt_id, answer, facts from received where message_id = ?"
        with self._transaction() as book:
            row = book.execute(query, [message_id]).fetchone()
        if row is None:
            return None
        facts = json.loads(row[4])
        headers = tuple((name, value) for name, value in facts["headers"])
        answer = Sealed(body=row[3], content_type=facts["content_type"], message_id=MessageId(facts["message_id"]),
                        references=(), headers=headers, status=facts["status"])  # fmt: skip
        return Known(digest=row[0], wire=row[1], receipt_id=row[2], answer=answer)

    def keep(self, verified: Verified, receipt_id: str, answer: Sealed, at: datetime) -> None:
        """A message and the receipt for it, in one transaction; a repeat changes nothing."""
        claims = verified.claims
        facts = {"content_type": answer.content_type, "message_id": answer.message_id, "headers": answer.headers,
                 "status": answer.status}  # fmt: skip
        row = (claims.message_id, verified.content_digest, verified.wire.digest, receipt_id,
               claims.action.rpartition(":")[2], claims.conversation_id, claims.relates_to or "", at.isoformat(),
               verified.payload, answer.body, json.dumps(facts))  # fmt: skip
        with self._transaction() as book:
            book.execute(
                "insert or ignore into received(message_id, digest, wire, receipt_id, type, conversation, relates_to,"
                " at, payload, answer, facts) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def next_task(self) -> Task | None:
        """The oldest document not worked on."""
        query = "select seq, message_id, type, payload, conversation from received where state = 'new' order by seq"
        with self._transaction() as book:
            row = book.execute(f"{query} limit 1").fetchone()
        if row is None:
            return None
        return Task(seq=row[0], message_id=MessageId(row[1]), type=DocumentType(row[2]), payload=row[3],
                    conversation=row[4])  # fmt: skip

    def done(self, task: Task, replies: Sequence[tuple[MessageId, Reply]], at: datetime, note: str = "") -> None:
        """The document is worked on, and the answers to it are owed: one transaction."""
        with self._transaction() as book:
            state = "failed" if note else "done"
            book.execute("update received set state = ?, note = ? where seq = ?", (state, note, task.seq))
            book.executemany(
                "insert or ignore into reply(message_id, type, payload, conversation, relates_to, due)"
                " values(?, ?, ?, ?, ?, ?)",
                [(message_id, reply.type, reply.payload, task.conversation, task.message_id,
                  at.timestamp() + reply.delay) for message_id, reply in replies],
            )  # fmt: skip

    def next_owed(self, now: datetime) -> Owed | None:
        """The answer that has been due for longest."""
        query = (
            "select message_id, type, payload, conversation, relates_to from reply"
            " where state = 'owed' and due <= ? order by due, seq limit 1"
        )
        with self._transaction() as book:
            row = book.execute(query, [now.timestamp()]).fetchone()
        if row is None:
            return None
        return Owed(message_id=MessageId(row[0]), type=DocumentType(row[1]), payload=row[2], conversation=row[3],
                    relates_to=MessageId(row[4]))  # fmt: skip

    def sent(self, message_id: MessageId, code: str) -> None:
        """The gateway has the answer (`code` empty), or refused it for good."""
        with self._transaction() as book:
            state = "refused" if code else "sent"
            book.execute("update reply set state = ?, code = ? where message_id = ?", (state, code, message_id))

    def log(self, after: int = 0, *, bare: bool = False) -> dict[str, Any]:
        """Everything received after a position, and every answer, as plain values for JSON; `bare` = no documents."""
        received = (
            "select seq, message_id, type, conversation, relates_to, at, state, note,"
            " case when ? then x'' else payload end as payload from received where seq > ? order by seq"
        )
        with self._transaction() as book:
            book.row_factory = sqlite3.Row
            rows = [dict(row) for row in book.execute(received, [bare, after])]
            replies = [dict(row) for row in book.execute(
                "select message_id, type, conversation, relates_to, state, code from reply order by seq")]  # fmt: skip
        for row in rows:
            row["payload"] = bytes(row["payload"]).decode("utf-8", "replace")
        return {"received": rows, "replies": replies}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        book = sqlite3.connect(self._file, timeout=60, isolation_level=None)
        try:
            book.execute("pragma synchronous = full")
            book.execute("begin immediate")
            yield book
            book.execute("commit")
        finally:
            book.close()
