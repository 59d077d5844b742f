"""A second server that follows a first one, commit by commit, until it is told to take over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.shell.binaries import dress
from gateway.shell.postgres import SETTINGS, Postgres
from tests.database import wait_until

NAME = "standby"


class Standby:
    """A physical copy of `first` below `state`, kept by streaming replication."""

    def __init__(self, first: Postgres, state: Path) -> None:
        self._first = first
        self._place = conninfo_to_dict(first.dsn)
        self._clothes = dress()
        self._data = state / "data"
        self._sockets = state / "run"
        for place in (state, self._sockets):
            place.mkdir(mode=0o700)
        self._log = (state / "postgres.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Conninfo of this server alone."""
        return make_conninfo(self._first.dsn, host=str(self._sockets))

    @property
    def either(self) -> str:
        """Conninfo of whichever of the two takes writes: what a gateway is configured with."""
        hosts = f"{self._place['host']},{self._sockets}"
        return make_conninfo(self._first.dsn, host=hosts, port="5432,5432", target_session_attrs="read-write")

    def follow(self) -> Self:
        """It runs, and no commit of the first is answered before this one has it on disk."""
        source = make_conninfo(self._first.dsn, dbname=None, application_name=NAME)
        copying = ["-d", source, "-D", str(self._data), "-R", "-X", "stream", "--checkpoint=fast"]
        self._run("pg_basebackup", *copying).check_returncode()
        settings = {**SETTINGS, "unix_socket_directories": str(self._sockets)}
        command = [str(self._first.programs / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [*self._clothes.prefix, *command], stdout=self._log, stderr=self._log, cwd="/", start_new_session=True
        )
        with psycopg.connect(self._first.dsn, autocommit=True) as connection:
            connection.execute(f"alter system set synchronous_standby_names = '{NAME}'")
            connection.execute("select pg_reload_conf()")
            asked = "select sync_state from pg_stat_replication where application_name = %s"
            wait_until(lambda: connection.execute(asked, [NAME]).fetchone() == ("sync",))
        return self

    def take_over(self) -> None:
        """It takes writes from now on."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            assert connection.execute("select pg_promote()").fetchone() == (True,)

    def stop(self) -> None:
        """It is gone, without ceremony."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._data, ignore_errors=True)

    def _run(self, program: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = [*self._clothes.prefix, str(self._first.programs / program), *words]
        return subprocess.run(command, stdout=self._log, stderr=self._log, check=False, cwd="/")
