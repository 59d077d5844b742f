"""Our own PostgreSQL server: started, kept safe and stopped in one state directory, without service user or network."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

from gateway.errors import ConfigurationError
from gateway.shell.binaries import Dress, dress, hand_over, programs_for
from gateway.shell.cluster import NAME, finish_rebuild, initialise, major_of, make_password
from gateway.shell.durable import SAFE, require_durable

SOCKET_ROOM = 103
"""Bytes a Unix socket path may have on every system we know."""
TICK = 0.02
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "logging_collector": "off",
    "log_checkpoints": "off",
    **SAFE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStatus:
    """How the server stands. `owned`: this process stops it when it leaves."""

    running: bool
    pid: int | None
    version: str
    runs_as: str
    owned: bool
    state: Path


class Postgres:
    """One server with its data below `state`; whoever started it owns it, whoever finds it running shares it.

    An owner that was killed leaves the server running; the next starter becomes its owner.
    """

    def __init__(
        self,
        state: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        clothes: Dress | None = None,
    ) -> None:
        self._state = state.absolute()
        self._data = self._state / "data"
        self._given_bin = bin_dir
        self._found_bin: Path | None = None
        self._settings = {**SETTINGS, **(settings or {})}
        self._clothes = clothes
        self._process: subprocess.Popen[bytes] | None = None
        self._owner: int | None = None
        for name, safe in SAFE.items():
            if self._settings[name] != safe:
                raise ConfigurationError(f"{name}={self._settings[name]} would lose messages; only {safe} is taken")

    def start(self) -> str:
        """The server runs and takes connections; returns its conninfo. Waits as long as crash recovery needs.

        Raises ConfigurationError with the end of the server's log when it cannot run.
        """
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._turn():
            self._own()
            try:
                self._start()
            except BaseException:
                if self._live() is None:
                    self._disown()
                raise
        return self._dsn(NAME)

    def _start(self) -> None:
        clothes = self._clothes = self._clothes or dress()
        if self._live() is None:
            self._prepare(clothes)
            self._launch(clothes)
        self._await_ready()
        self._make_database()
        with psycopg.connect(self._dsn(NAME)) as connection:
            require_durable(connection, own=True)

    def revive(self) -> bool:
        """True when the server had died by itself and runs again; only its owner starts it again."""
        died = self._owner is not None and self._live() is None
        if died:
            self.start()
        return died

    def stop(self) -> None:
        """The server is down with everything on disk, if it was ours to stop."""
        if self._owner is None:
            return
        with self._turn():
            pid = self._live()
            if pid is not None:
                os.kill(pid, signal.SIGINT)
                while self._live() is not None:
                    time.sleep(TICK)
            if self._process is not None:
                self._process.wait()
            self._disown()

    def status(self) -> PostgresStatus:
        """What is true now, without starting anything."""
        pid = self._live()
        clothes, owned, version = (self._clothes or dress()).name, self._owner is not None, major_of(self._data)
        return PostgresStatus(
            running=pid is not None, pid=pid, version=version, runs_as=clothes, owned=owned, state=self._state
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """Conninfo of the running server; the password is in a file that only we can read."""
        return self._dsn(NAME)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """The server is down and nobody may start it meanwhile. Raises ConfigurationError when one runs."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._turn():
            if self._live() is not None:
                raise ConfigurationError(f"the database in {self._state} runs: stop what started it first")
            yield

    # --- locks -------------------------------------------------------------------------------------------------------
    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One starter or stopper at a time."""
        with (self._state / "turn.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _own(self) -> None:
        """Become the owner unless a living process is."""
        if self._owner is not None:
            return
        place = os.open(self._state / "owner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(place)
        else:
            self._owner = place

    def _disown(self) -> None:
        if self._owner is not None:
            os.close(self._owner)
        self._owner = self._process = None

    # --- the running server ------------------------------------------------------------------------------------------
    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _live(self) -> int | None:
        """The pid of our server; a recycled pid of some other program does not count."""
        if self._process is not None:
            self._process.poll()
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if f"-D {self._data} " in command_of(pid) else None

    def _await_ready(self) -> None:
        tries = 0
        while True:
            lines = self._pid_file()
            if self._live() is not None and len(lines) > 7 and lines[7].strip() == "ready":  # noqa: PLR2004 - line 8
                return
            if (self._process is None or self._process.poll() is not None) and self._live() is None:
                tail = self._log_tail()
                tries += 1
                if "shared memory block" not in tail or tries > 100:  # noqa: PLR2004 - orphans need a moment to leave
                    raise ConfigurationError(f"the database did not start: {tail}")
                time.sleep(0.2)
                self._launch(self._clothes or dress())
            time.sleep(TICK)

    def _log_tail(self) -> str:
        return (self._state / "postgres.log").read_text("utf-8", "replace")[-1500:]

    def _socket_dir(self) -> Path:
        lines = self._pid_file()
        if self._live() is not None and len(lines) > 4 and lines[4]:  # noqa: PLR2004 - line 5 is the socket directory
            return Path(lines[4])
        near = self._state / "run"
        if len(os.fsencode(near / ".s.PGSQL.5432.lock")) <= SOCKET_ROOM:
            return near
        mark = hashlib.sha256(os.fsencode(self._data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"gateway-{os.getuid()}-{mark}"

    def _dsn(self, database: str) -> str:
        words = str(self._state / "password")
        return make_conninfo(host=str(self._socket_dir()), port=5432, user=NAME, dbname=database, passfile=words)

    # --- making ready ------------------------------------------------------------------------------------------------
    @property
    def programs(self) -> Path:
        """Programs of the major version that made the data. Raises ConfigurationError when there are none."""
        if self._found_bin is None:
            self._found_bin = programs_for(self._state / "programs", major_of(self._data), self._given_bin)
        return self._found_bin

    def _prepare(self, clothes: Dress) -> None:
        """Programs, data directory, password and socket directory stand ready; leftovers of a crash are harmless."""
        programs = self.programs
        self._make_socket_dir(clothes)
        secret = make_password(self._state)
        finish_rebuild(self._state)
        hand_over(self._state, clothes)
        for file in self._state.glob("*.lock"):
            os.chown(file, os.getuid(), os.getgid())
        os.chown(secret, os.getuid(), os.getgid())
        if not self._data.exists():
            initialise(self._data, programs, clothes, secret)
        self._defuse()

    def _make_socket_dir(self, clothes: Dress) -> None:
        place = self._socket_dir()
        place.mkdir(mode=0o700, exist_ok=True)
        owner = place.lstat()
        if place.is_symlink() or owner.st_uid not in {os.getuid(), (clothes.owner or (-1, -1))[0]}:
            raise ConfigurationError(f"{place} belongs to somebody else")
        place.chmod(0o700)
        if clothes.owner is not None:
            os.chown(place, *clothes.owner)

    def _defuse(self) -> None:
        """A pid file whose pid now belongs to another program must not stop the server from starting.

        The line is made ours, not removed: the server trusts the pid of its parent, and still looks by the rest of
        the file whether orphans of the old server hold its shared memory.
        """
        if lines := self._pid_file():
            (self._data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", "utf-8")
        for leftover in self._socket_dir().glob(".s.PGSQL.*"):
            leftover.unlink()

    def _launch(self, clothes: Dress) -> None:
        settings = {**self._settings, "unix_socket_directories": str(self._socket_dir())}
        command = [*clothes.prefix, str(self.programs / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        if self._process is not None:
            self._process.wait()  # it died, and nobody has noticed yet
        with (self._state / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the programs of our own state directory
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )

    def _make_database(self) -> None:
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone()
            if known is None:
                connection.execute(f"create database {NAME}")


def command_of(pid: int) -> str:
    """The command line of a living process; empty when there is none."""
    proc = Path("/proc") / str(pid) / "cmdline"
    if proc.parent.parent.joinpath("self").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""
    ask = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout  # noqa: S603
