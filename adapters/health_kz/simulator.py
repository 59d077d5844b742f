"""The simulated ministry: a permit ledger that counts every operation once and never goes below zero.

One file, one transaction per message (`BEGIN IMMEDIATE`), decimals as text. A message that comes again gets the answer
it got before; so does an operation id. The ledger is the sum of its movements, kept also as totals per line.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from adapters.health_kz import words
from adapters.health_kz.answers import answer, notice_answer
from adapters.health_kz.checks import Failure, Totals, not_found
from adapters.health_kz.movements import DEBIT, RESERVE, ZERO, Movement, conflict, past_of, plan
from adapters.health_kz.permits import ISSUED, MAGIC_KEYS, PERMITS, Permit, magic_of
from adapters.health_kz.remarks import remarks_on
from adapters.health_kz.requests import QUERY, Notice, Request, read_notice, read_request
from gateway.model import Claims, DocumentType
from gateway.simulation import Reply

__all__ = ["MAGIC_KEYS", "Ledger", "simulator"]

PERMIT_ANSWER: Final = DocumentType("HEALTH_PERMIT_ANSWER")
LEDGER_ANSWER: Final = DocumentType("HEALTH_LEDGER_ANSWER")
DEC_NOTICE: Final = DocumentType("HEALTH_DEC_NOTICE")
DEC_ANSWER: Final = DocumentType("HEALTH_DEC_ANSWER")
_TAKEN: Final = frozenset(
    {"HEALTH_PERMIT_QUERY", "HEALTH_RESERVE", "HEALTH_DEBIT", "HEALTH_CANCEL", "HEALTH_REVERSE", DEC_NOTICE}
)
_WITHDRAWN: Final = "ОТОЗВАНА"
_OUTCOMES: Final = {_WITHDRAWN: "СНЯТО", "ВЫПУЩЕНА": "ВЫПУЩЕНО"}
_TABLES: Final = """
create table if not exists line(permit text, line integer, authorised text not null, reserved text not null,
  debited text not null, reversed text not null, primary key(permit, line)) strict;
create table if not exists movement(id integer primary key, operation text not null, kind text not null,
  permit text not null, line integer not null, declaration text not null, item integer not null,
  reservation text not null, reserved text not null, debited text not null, reversed text not null,
  at text not null) strict;
create index if not exists movement_declaration on movement(declaration, permit);
create table if not exists operation(id text primary key, digest text not null, answer blob not null) strict;
create table if not exists message(id text, digest text, type text, payload blob, delay real, at text not null,
  primary key(id, digest)) strict;
create table if not exists declaration(number text primary key, version integer not null, event text not null) strict;
create table if not exists answer(id integer primary key, at text not null) strict;
"""


def simulator(state_dir: str) -> Callable[[DocumentType, bytes, Claims, datetime], list[Reply]]:
    """Opens the ministry's ledger in `state_dir` and gives back the function that answers one business document."""
    ledger = Ledger(str(Path(state_dir) / "health_kz.sqlite"))
    return ledger.receive


class Ledger:
    """The ministry's book of permits in one SQLite file; safe for threads and processes."""

    def __init__(self, path: str, permits: Mapping[str, Permit] = PERMITS) -> None:
        self._path = path
        self._permits = permits
        with self._transaction() as book:
            for statement in _TABLES.split(";"):
                book.execute(statement)
            for permit in permits.values():
                rows = [(permit.number, line.number, str(line.authorised)) for line in permit.lines]
                book.executemany("insert or ignore into line values(?, ?, ?, '0', '0', '0')", rows)

    def receive(self, kind: DocumentType, payload: bytes, claims: Claims, now: datetime) -> list[Reply]:
        """The business answers to one document; the same message again gets the same answers again.

        Other kinds of document get no answer. Raises ValueError for a document that its schema should have refused.
        """
        if kind not in _TAKEN:
            return []
        digest = hashlib.sha256(payload).hexdigest()
        with self._transaction() as book:
            key = (str(claims.message_id), digest)
            row = book.execute("select type, payload, delay from message where id = ? and digest = ?", key).fetchone()
            if row is None:
                reply = self._notice(book, payload, now) if kind == DEC_NOTICE else self._asked(book, payload, now)
                row = (reply.type, reply.payload, reply.delay) if reply else ("", b"", 0.0)
                book.execute("insert into message values(?, ?, ?, ?, ?, ?)", (*key, *row, now.isoformat()))
        return [Reply(type=DocumentType(row[0]), payload=row[1], delay=row[2])] if row[0] else []

    def balances(self, permit: str) -> dict[int, Totals]:
        """The totals of every line of a permit."""
        with self._transaction() as book:
            return _balances(book, permit)

    def movements(self, permit: str) -> list[Movement]:
        """Every movement of a permit, in the order they were made."""
        with self._transaction() as book:
            return _movements(book, permit)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        book = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        try:
            book.execute("pragma synchronous = full")
            book.execute("begin immediate")
            yield book
            book.execute("commit")
        finally:
            book.close()

    # --- questions and operations ------------------------------------------------------------------------------------
    def _asked(self, book: sqlite3.Connection, payload: bytes, now: datetime) -> Reply | None:
        request = read_request(payload)
        magic = magic_of(request.permit)
        if magic is not None:
            if magic.silent:
                return None
            body = answer(request, number=_number(book, now), now=now, failures=(), permit=None, balances={},
                          code=magic.code)  # fmt: skip
            return Reply(type=_type(request), payload=body, delay=magic.delay.total_seconds())
        if request.operation == QUERY:
            return Reply(type=PERMIT_ANSWER, payload=self._decide(book, request, now))
        return Reply(type=LEDGER_ANSWER, payload=self._once(book, request, now))

    def _once(self, book: sqlite3.Connection, request: Request, now: datetime) -> bytes:
        """An operation id counts once: the same content gets the answer of the first time, other content a refusal."""
        digest = _content(request)
        known = book.execute("select digest, answer from operation where id = ?", (request.id,)).fetchone()
        if known is None:
            body = self._decide(book, request, now)
            book.execute("insert into operation values(?, ?, ?)", (request.id, digest, body))
            return body
        if known[0] == digest:
            return bytes(known[1])
        return self._refuse(book, request, now, [conflict("КОДОПЕРАЦИИ")])

    def _decide(self, book: sqlite3.Connection, request: Request, now: datetime) -> bytes:
        permit = self._permits.get(request.permit)
        if permit is None:
            return self._refuse(book, request, now, [not_found(request)])
        past = past_of(_movements(book, permit.number, request.declaration))
        moves, failures = plan(request, permit, _balances(book, permit.number), past)
        if request.operation in (RESERVE, DEBIT) and _is_withdrawn(book, request.declaration):
            failures = [*failures, conflict("ДЕКЛАРАЦИЯ.НОМЕР")]
        if failures:
            return self._refuse(book, request, now, failures)
        for move in moves:
            _count(book, move, now)
        late = request.operation in (RESERVE, DEBIT) and permit.state_at(now) != ISSUED
        return answer(request, number=_number(book, now), now=now, failures=(), permit=permit,
                      balances=_balances(book, permit.number), late=late)  # fmt: skip

    def _refuse(self, book: sqlite3.Connection, request: Request, now: datetime, failures: Sequence[Failure]) -> bytes:
        permit = self._permits.get(request.permit)
        balances = _balances(book, request.permit) if permit else {}
        return answer(request, number=_number(book, now), now=now, failures=failures, permit=permit, balances=balances)

    # --- notices of declarations -------------------------------------------------------------------------------------
    def _notice(self, book: sqlite3.Connection, payload: bytes, now: datetime) -> Reply | None:
        notice = read_notice(payload)
        if any(magic.silent for named in notice.documents if (magic := magic_of(named.number))):
            return None
        known = book.execute("select version from declaration where number = ?", (notice.declaration,)).fetchone()
        stale = known is not None and notice.version is not None and notice.version < known[0]
        remarks = [] if stale else [*remarks_on(notice, self._permits)]
        outcome = _OUTCOMES.get(notice.event, "ЗАМЕЧАНИЯ" if remarks else "ПРИНЯТО")
        texts = words.EARLIER if stale else words.OUTCOMES[outcome]
        if notice.event == _WITHDRAWN and known is None and not _is_held(book, notice.declaration):
            texts = words.UNKNOWN
        if notice.declaration and not stale:
            _note(book, notice, known[0] if known else 1)
            if notice.event == _WITHDRAWN:
                _free(book, notice, now)
        body = notice_answer(notice, number=_number(book, now), now=now, outcome=outcome, texts=texts, remarks=remarks)
        return Reply(type=DEC_ANSWER, payload=body)


def _type(request: Request) -> DocumentType:
    return PERMIT_ANSWER if request.operation == QUERY else LEDGER_ANSWER


def _content(request: Request) -> str:
    """What makes an operation this operation; its number and the time it was written down do not."""
    parts = (request.operation, request.reservation, request.permit, request.declaration, request.operator,
             *((item.number, item.line, item.commodity, str(item.quantity.normalize()), item.unit)
               for item in request.items))  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _number(book: sqlite3.Connection, now: datetime) -> str:
    last = book.execute("insert into answer(at) values(?)", (now.isoformat(),)).lastrowid or 0
    return f"МЗ-{now.astimezone(UTC):%Y}-{last:06d}"


def _balances(book: sqlite3.Connection, permit: str) -> dict[int, Totals]:
    rows = book.execute("select line, authorised, reserved, debited, reversed from line where permit = ?", (permit,))
    return {
        row[0]: Totals(authorised=Decimal(row[1]), reserved=Decimal(row[2]), debited=Decimal(row[3]),
                       reversed=Decimal(row[4]))
        for row in rows
    }  # fmt: skip


def _movements(book: sqlite3.Connection, permit: str, declaration: str = "") -> list[Movement]:
    """The movements of a permit in the order they were made; of one declaration when it is named."""
    rows = book.execute(
        "select operation, kind, permit, line, declaration, item, reservation, reserved, debited, reversed"
        " from movement where permit = ? and ? in ('', declaration) order by id",
        (permit, declaration),
    )
    return [
        Movement(operation=row[0], kind=row[1], permit=row[2], line=row[3], declaration=row[4], item=row[5],
                 reservation=row[6], reserved=Decimal(row[7]), debited=Decimal(row[8]), reversed=Decimal(row[9]))
        for row in rows
    ]  # fmt: skip


def _count(book: sqlite3.Connection, move: Movement, now: datetime) -> None:
    """Write one movement and its line's new totals. Raises ArithmeticError rather than let a line go below zero."""
    old = _balances(book, move.permit)[move.line]
    new = Totals(authorised=old.authorised, reserved=old.reserved + move.reserved,
                 debited=old.debited + move.debited, reversed=old.reversed + move.reversed)  # fmt: skip
    if min(new.reserved, new.debited, new.reversed, new.balance, new.debited - new.reversed) < 0:
        raise ArithmeticError(f"line {move.line} of {move.permit} would go below zero")
    book.execute(
        "insert into movement values(null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (move.operation, move.kind, move.permit, move.line, move.declaration, move.item, move.reservation,
         str(move.reserved), str(move.debited), str(move.reversed), now.isoformat()),
    )  # fmt: skip
    book.execute(
        "update line set reserved = ?, debited = ?, reversed = ? where permit = ? and line = ?",
        (str(new.reserved), str(new.debited), str(new.reversed), move.permit, move.line),
    )


def _note(book: sqlite3.Connection, notice: Notice, version: int) -> None:
    """Keep what the declaration came to; `version` stands where the notice names none."""
    book.execute(
        "insert into declaration values(?, ?, ?) on conflict(number) do update"
        " set version = excluded.version, event = excluded.event",
        (notice.declaration, notice.version or version, notice.event),
    )


def _is_held(book: sqlite3.Connection, declaration: str) -> bool:
    """The ledger has movements of this declaration."""
    return book.execute("select 1 from movement where declaration = ?", (declaration,)).fetchone() is not None


def _is_withdrawn(book: sqlite3.Connection, declaration: str) -> bool:
    """A reservation told after its declaration was withdrawn would be held for ever."""
    row = book.execute("select event from declaration where number = ?", (declaration,)).fetchone()
    return row is not None and row[0] == _WITHDRAWN


def _free(book: sqlite3.Connection, notice: Notice, now: datetime) -> None:
    """A withdrawn declaration holds nothing any more: every open reservation of it is freed."""
    numbers = book.execute("select distinct permit from movement where declaration = ?", (notice.declaration,))
    for (permit,) in numbers.fetchall():
        past = past_of(_movements(book, permit, notice.declaration))
        for held in past.opened:
            if held.left > ZERO:
                _count(book, Movement(
                    operation=f"{notice.declaration}#{notice.number}", kind=_WITHDRAWN, permit=permit, line=held.line,
                    declaration=notice.declaration, item=held.item, reservation=held.reservation, reserved=-held.left,
                ), now)  # fmt: skip
