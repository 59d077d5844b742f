"""Whether a pooler stands between us and the server, and whether it leaves us one server connection for a session."""

from __future__ import annotations

from typing import Any, Final, Literal, LiteralString

import psycopg

from gateway.errors import ConfigurationError

Pooling = Literal["none", "session", "transaction"]
"""`transaction`: every transaction may run on another connection of the server, which other clients use in between."""
ROUNDS: Final = 8
ASK: Final[LiteralString] = "select pg_backend_pid()"
LOOK: Final[LiteralString] = """
select pg_backend_pid(), (select query from pg_stat_activity where pid = %s and query <> '')
"""


def pooling_of(dsn: str) -> Pooling:
    """How connections by this conninfo reach the server; found by trying. Raises psycopg.OperationalError.

    A pooler gives its clients a number of its own in place of the server process's. Whether it shares those: of a
    process that served one client, another client sees that it serves itself now, or has served somebody else.
    """
    with _connect(dsn) as one:
        if _ask(one, ASK)[0] == one.info.backend_pid:
            return "none"
        with _connect(dsn) as other:
            seen = {_look(one, other) for _ in range(ROUNDS)}
    kept = len(seen) == 1 and None not in seen
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
    """The server processes of two clients; None = the first one's is not its own."""
    (mine,) = _ask(one, ASK)
    others, last = _ask(other, LOOK, mine)
    return None if others == mine or last not in {None, ASK} else (mine, others)


def _ask(connection: psycopg.Connection[Any], query: LiteralString, *words: int) -> tuple[Any, ...]:
    row = connection.execute(query, words).fetchone()
    assert row is not None  # noqa: S101 - both always give one
    return tuple(row)
