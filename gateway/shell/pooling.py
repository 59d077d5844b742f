"""Whether a pooler stands between us and the server, and whether it leaves us one server connection for a session."""

from __future__ import annotations

from typing import Any, Final, Literal, LiteralString

import psycopg

from gateway.errors import ConfigurationError

Pooling = Literal["none", "session", "transaction"]
"""`transaction`: every transaction may run on another connection of the server, which other clients use in between."""
ROUNDS: Final = 24
ASK: Final[LiteralString] = "select pg_backend_pid()"
LOOK: Final[LiteralString] = """
select pg_backend_pid(), (select query from pg_stat_activity where pid = %s and query <> '')
"""


def pooling_of(dsn: str) -> Pooling:
    """How connections by this conninfo reach the server; found by trying. Raises psycopg.OperationalError.

    A pooler gives its clients a number of its own in place of the server process's. Whether it shares those: of a
    process that served one client, another client sees that it serves itself now, or has served somebody else; or the
    one is served by another as soon as the other stays in a transaction.
    """
    with _connect(dsn) as one:
        if _ask(one, ASK)[0] == one.info.backend_pid:
            return "none"
        with _connect(dsn) as other:
            first = _look(one, other)
            kept = first is not None and all(_look(one, other) == first for _ in range(ROUNDS))
    return "session" if kept else "transaction"


def require_session(pooling: Pooling, who: str) -> None:
    """`who` needs sessions and has them, or ConfigurationError says what to do."""
    if pooling == "transaction":
        raise ConfigurationError(
            f"{who} cannot work behind a pooler in transaction mode: what a session holds, as locks, would be left on "
            "connections of others; name the server itself in database_url, or a pooler in session mode"
        )


def _connect(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)


def _look(one: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> tuple[int, int] | None:
    """The server processes of two clients; None = the first one's is not its own, or no transaction can be begun."""
    (mine,) = _ask(one, ASK)
    try:
        with other.transaction():
            others, last = _ask(other, LOOK, mine)
            (again,) = _ask(one, ASK)
    except psycopg.errors.ProtocolViolation:  # statement mode knows no transactions
        return None
    return None if others == mine or again != mine or last not in {None, ASK} else (mine, others)


def _ask(connection: psycopg.Connection[Any], query: LiteralString, *words: int) -> tuple[Any, ...]:
    row = connection.execute(query, words).fetchone()
    assert row is not None  # noqa: S101 - both always give one
    return tuple(row)
