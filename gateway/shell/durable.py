"""Refuse a database that could forget what it has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from gateway.errors import ConfigurationError

SAFE: Mapping[str, str] = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What we start our own server with."""
ACCEPTED: Mapping[str, frozenset[str]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply"}),
    "data_checksums": frozenset({"on"}),
}
"""What we take from any server."""


def require_durable(connection: psycopg.Connection[Any]) -> None:
    """Every setting that decides whether a commit survives a power cut is on, or ConfigurationError names it."""
    rows = connection.execute("select name, setting from pg_settings where name = any(%s)", [list(ACCEPTED)]).fetchall()
    wrong = [f"{name}={setting}" for name, setting in rows if setting not in ACCEPTED[name]]
    if wrong or len(rows) != len(ACCEPTED):
        raise ConfigurationError("the database could lose kept messages: " + ", ".join(sorted(wrong)))
