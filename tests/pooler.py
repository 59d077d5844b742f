"""PgBouncer before a server of a test, in the mode that is asked for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.shell.binaries import dress
from tests.database import wait_until
from tests.running import free_port

PROGRAM: Final = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="this system has no pgbouncer")
CONFIG: Final = """
[databases]
{name} = host={host} port=5432 user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
query_wait_timeout = 20
server_round_robin = {turns}
"""


@contextmanager
def pooled(dsn: str, place: Path, mode: str, *, size: int = 40, round_robin: bool = False) -> Iterator[str]:
    """Conninfo of the same database by way of a pooler with `size` connections to the server."""
    assert PROGRAM is not None
    there = conninfo_to_dict(dsn)
    name, port = str(there["dbname"]), free_port()
    secret = Path(str(there["passfile"])).read_text("utf-8").strip().rpartition(":")[2]
    place.mkdir()
    config, log = place / "pgbouncer.ini", place / "pgbouncer.log"
    words = {"name": name, "host": there["host"], "user": there["user"], "password": secret, "port": port}
    config.write_text(CONFIG.format(**words, mode=mode, size=size, turns=int(round_robin)), "utf-8")
    config.chmod(0o600)
    with log.open("wb") as stream:
        command = [*dress().prefix, PROGRAM, "-q", str(config)]
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        there = {"host": "127.0.0.1", "port": str(port), "user": str(there["user"]), "dbname": name}
        wait_until(lambda: process.poll() is not None or _takes(make_conninfo("", **there)))
        assert process.poll() is None, log.read_text("utf-8", "replace")
        yield make_conninfo("", **there)
    finally:
        process.kill()
        process.wait()


def _takes(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
