"""Refuse a database that could forget what it has confirmed; warn of one that would not notice a rotten page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
import structlog

from gateway.errors import ConfigurationError

SAFE: Mapping[str, str] = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What we start our own server with."""
ACCEPTED: Mapping[str, frozenset[str]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply"}),
}
"""What we take from any server."""
CHECKSUMS: Final = "data_checksums"
ADVICE: Final = "stop the server, run `pg_checksums --enable` on its data, and start it again"

log = structlog.get_logger(__name__)


def require_durable(connection: psycopg.Connection[Any], *, own: bool = False) -> None:
    """Every setting that decides whether a commit survives a power cut is on, or ConfigurationError names it.

    Checksums of pages tell of a disk that changes what it holds. Our own server has them; of another one whose pages
    have none the log tells, for it may lie on storage that looks after that itself.
    """
    found = weaknesses(connection)
    if not own and CHECKSUMS in found:
        log.warning("database-without-checksums", do=ADVICE)
        del found[CHECKSUMS]
    if found:
        wrong = ", ".join(f"{name}={setting}" for name, setting in sorted(found.items()))
        raise ConfigurationError(f"the database could lose kept messages: {wrong}")


def weaknesses(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """The settings of a server that stand otherwise than they should, `data_checksums` among them."""
    wanted = {**ACCEPTED, CHECKSUMS: frozenset({"on"})}
    names = "select name, setting from pg_settings where name = any(%s)"
    told = dict(connection.execute(names, [list(wanted)]).fetchall())
    return {name: told.get(name, "unknown") for name, good in wanted.items() if told.get(name) not in good}
