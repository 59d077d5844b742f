"""Our own server: safe, private, one per state directory, and there again after any death."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from gateway.errors import Busy, ConfigurationError
from gateway.shell.binaries import account_dress
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres, command_of
from gateway.shell.revisions import REVISION, apply_schema
from gateway.shell.store import Store
from tests.builders import CUSTOMS, NOW, CountedIds, FrozenClock, an_entry, some_claims, some_corridors
from tests.database import wait_until
from tests.store.steps import count, enter

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
START = "import sys; from pathlib import Path; from gateway.shell.postgres import Postgres; "
HOLD = START + "Postgres(Path(sys.argv[1])).start(); print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that others may pass through; the parents of `tmp_path` are closed to them."""
    place = Path(mkdtemp())
    place.chmod(0o711)
    yield place
    rmtree(place)


def ask_server(dsn: str) -> str:
    """The server answers; what its data directory is."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("show data_directory").fetchone()
    assert row is not None
    return str(row[0])


def test_a_server_that_died_is_started_again_by_its_owner(open_place: Path) -> None:
    """Under the same conninfo; a guest, or an owner of one that runs, does nothing."""
    with Postgres(open_place / "state") as owner:
        guest = Postgres(open_place / "state")
        assert (owner.revive(), guest.revive()) == (False, False)
        pid = owner.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not owner.status().running)
        assert (guest.revive(), owner.revive()) == (False, True)
        assert ask_server(owner.dsn)


def test_the_server_is_safe_and_private(server: Postgres) -> None:
    """Settings that keep what is committed, no network, nothing readable for others, no password in the conninfo."""
    status = server.status()
    assert (status.running, status.owned) == (True, True)
    with psycopg.connect(server.dsn) as connection:
        rows = connection.execute(
            "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit',"
            " 'data_checksums', 'listen_addresses') order by name"
        ).fetchall()
    assert rows == [
        ("data_checksums", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
        ("synchronous_commit", "on"),
    ]
    assert stat.S_IMODE(status.state.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE((status.state / "password").stat().st_mode) == 0o600
    assert "password=" not in server.dsn


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_unsafe_settings_are_refused(tmp_path: Path, name: str) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigurationError, match=name):
        Postgres(tmp_path, settings={name: "off"})


def test_a_database_that_forgets_is_refused(dsn: str) -> None:
    """Also one that was made unsafe behind our back."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("alter role gateway in database " + connection.info.dbname + " set synchronous_commit = off")
    with pytest.raises(ConfigurationError, match="synchronous_commit=off"):
        apply_schema(dsn, NOW)


def test_a_database_of_a_newer_gateway_is_refused(dsn: str) -> None:
    """Rather than misread."""
    with psycopg.connect(dsn) as connection:
        connection.execute("insert into revision values (999, 'contract', 999, now())")
    with pytest.raises(ConfigurationError, match="999"):
        apply_schema(dsn, NOW)


def test_any_number_may_apply_the_schema_at_once(server: Postgres) -> None:
    """Each finds it whole."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("create database at_once template template0")
    dsn = server.dsn.replace("dbname=gateway", "dbname=at_once")
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: apply_schema(dsn, NOW), range(6)))
    with Store(dsn) as store:
        assert count(store, "revision") == REVISION
        assert count(store, "chain") == 32


def test_a_deep_state_directory_gets_a_short_socket(tmp_path: Path) -> None:
    """Longer than a socket path may be; it starts, stops, starts again, and cannot be stopped by a guest."""
    with Postgres(tmp_path / ("d" * 60) / ("e" * 60)) as deep:
        guest = Postgres(tmp_path / ("d" * 60) / ("e" * 60))
        assert ask_server(guest.start()) == ask_server(deep.dsn)
        guest.stop()
        assert deep.status().running
        deep.stop()
        assert not deep.status().running
        ask_server(deep.start())


def test_two_starters_at_once_share_one_server_and_a_killed_owner_leaves_it_running(tmp_path: Path) -> None:
    """The next starter becomes the owner and stops it."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=ENVIRONMENT,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    heir = Postgres(tmp_path)
    before = heir.status()
    assert before.running
    ask_server(heir.start())
    assert (heir.status().pid, heir.status().owned) == (before.pid, True)
    heir.stop()
    assert not heir.status().running


def test_a_stale_pid_of_another_program_does_not_stop_the_start(tmp_path: Path) -> None:
    """After a power cut the pid may be anybody's."""
    server = Postgres(tmp_path)
    server.start()
    pid_file = tmp_path / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        (tmp_path / "run" / ".s.PGSQL.5432.lock").write_text(f"{other.pid}\n")
        assert not server.status().running
        ask_server(server.start())
        server.stop()
        other.communicate(b"\n")


def test_a_start_waits_as_long_as_the_server_needs(tmp_path: Path) -> None:
    """Crash recovery may take hours: nothing but the server's own end breaks off the wait."""
    with Postgres(tmp_path / "state") as server:
        real = server.programs
    slow, gate = tmp_path / "slow", tmp_path / "gate"
    slow.mkdir()
    os.mkfifo(gate)
    for program in real.iterdir():
        (slow / program.name).symlink_to(program)
    (slow / "postgres").unlink()
    script = f'#!/bin/sh\n[ "$1" = --version ] || read -r word <{gate}\nexec {real}/postgres "$@"\n'
    (slow / "postgres").write_text(script, "utf-8")
    (slow / "postgres").chmod(0o755)
    late = Postgres(tmp_path / "state", bin_dir=slow)
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(late.start)
        handle: list[int] = []

        def reaches_the_gate() -> bool:
            try:
                handle.append(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # nobody reads yet
                return False
            return True

        wait_until(reaches_the_gate)
        assert not starting.done()
        os.write(handle[0], b"go\n")
        os.close(handle[0])
        ask_server(starting.result(60))
    late.stop()


def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    """Half a cluster never gets the name of a whole one."""
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path) as server:
        ask_server(server.dsn)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take off root's powers")
def test_root_without_namespaces_uses_an_account_and_opens_no_parent(open_place: Path) -> None:
    """Where it can reach its directory it runs; where it cannot, it says so and leaves the parents closed."""
    with Postgres(open_place / "open", clothes=account_dress()) as server:
        ask_server(server.dsn)
        assert server.status().runs_as.startswith("account")
    closed = open_place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        Postgres(closed / "state", clothes=account_dress()).start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_needs_nothing_special(open_place: Path) -> None:
    """Start, ask and stop as `nobody`."""
    os.chown(open_place, 65534, 65534)
    script = START + "p = Postgres(Path(sys.argv[1])); p.start(); print(p.status().runs_as); p.stop()"
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", script]
    done = subprocess.run(
        [*command, str(open_place / "state")], check=False, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("self\n", 0), done.stderr


def test_what_was_answered_survives_the_death_of_the_server(tmp_path: Path) -> None:
    """Killed three times under load and started again: every acknowledged message is there, every chain holds."""
    server = Postgres(tmp_path)
    apply_schema(server.start(), NOW)
    acknowledged: list[str] = []
    with Store(server.dsn, patience=5.0) as store:
        ledger = PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds())
        ends = False

        def load(lane: int) -> None:
            number = 0
            while not ends:
                number += 1
                claims = some_claims(f"urn:uuid:{lane}-{number}")
                try:
                    enter(ledger, an_entry(UUID(int=lane * 10**9 + number), claims))
                except Busy:
                    continue
                acknowledged.append(claims.message_id)

        threads = [Thread(target=load, args=(lane,)) for lane in range(1, 4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            enough = len(acknowledged) + 100
            wait_until(lambda enough=enough: len(acknowledged) >= enough)  # type: ignore[misc]
            pid = server.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not command_of(pid))  # type: ignore[misc]
            server.start()
        ends = True
        for thread in threads:
            thread.join(30)
        kept = {row["message_id"] for row in store.fetch("select message_id from message where sender = %s", [CUSTOMS])}
        assert set(acknowledged) <= kept
        assert [count(store, name) for name in ("message_key", "delivery", "evidence")] == [len(kept)] * 3
        assert verify_chains(store).broken is None
    server.stop()
