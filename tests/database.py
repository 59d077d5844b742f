"""One embedded PostgreSQL for a whole test run, and a fresh database for every test that asks.

A `conftest.py` takes the fixtures by `from tests.database import dsn, server, store`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gateway.shell.postgres import Postgres
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.builders import NOW

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server with a template database that has the schema."""
    with Postgres(Path(tmp_path_factory.mktemp("postgres"))) as running:
        apply_schema(running.dsn, NOW)
        yield running


@pytest.fixture
def dsn(server: Postgres) -> str:
    """Conninfo of a database of this test's own, schema applied."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template gateway strategy file_copy")
    return make_conninfo(server.dsn, dbname=name)


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    """An open store over this test's database."""
    with Store(dsn) as opened:
        yield opened


def debian_programs() -> Path | None:
    """The newest PostgreSQL server that the system has; None = none."""
    found = [place.parent for place in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda place: int(place.parent.name), default=None)


def wait_until(true: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Look again and again until something is true; fail at the deadline."""
    end = monotonic() + seconds
    while not true():
        if monotonic() > end:
            raise AssertionError(f"not true after {seconds} s: {true}")
        sleep(0.01)
