"""The engine's tests once more, on a server that is not ours: the one of a DSN, or the system's own PostgreSQL.

`GATEWAY_TEST_DSN` names a database that may be filled, and whose user may create others; it keeps the tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.shell.postgres import Postgres
from gateway.shell.revisions import apply_schema
from tests.builders import NOW
from tests.database import debian_programs, store
from tests.store.conftest import clock, ids, ledger, partners

__all__ = ["clock", "ids", "ledger", "partners", "store"]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Conninfo of a database with the tables, to be copied."""
    given, programs = os.environ.get("GATEWAY_TEST_DSN", ""), debian_programs()
    if given:
        apply_schema(given, NOW)
        yield given
    elif programs is None:
        pytest.skip("no PostgreSQL of the system (apt-get install postgresql), and GATEWAY_TEST_DSN is not set")
    else:
        with Postgres(Path(tmp_path_factory.mktemp("elsewhere")), bin_dir=programs) as server:
            apply_schema(server.dsn, NOW)
            yield server.dsn


@pytest.fixture
def dsn(template: str) -> Iterator[str]:
    """Conninfo of a database of this test's own, which is gone afterwards."""
    name, source = f"test_{uuid4().hex}", conninfo_to_dict(template)["dbname"]
    with psycopg.connect(make_conninfo(template, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f'create database {name} template "{source}" strategy wal_log')
        yield make_conninfo(template, dbname=name)
        connection.execute(f"drop database {name} with (force)")
