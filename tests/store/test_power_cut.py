"""The power goes: bytes that were not synced are gone, and every message whose receipt was given is there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import psycopg
import pytest

from gateway.errors import ConfigurationError, GatewayError
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.processes import signal_family
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, some_corridors
from tests.database import wait_until
from tests.store.steps import ask, count

DISK = Path(__file__).parent / "power_cut" / "disk.py"
UNMOUNT = shutil.which("fusermount3")
ENOUGH = 300
"""Messages acknowledged before the cut."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.skipif(UNMOUNT is None or not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs FUSE"),
]


@contextmanager
def mounted(state: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`state/disk` is seen at `state/data` through the forgetful disk, until it loses its power."""
    assert UNMOUNT
    with (state / "disk.log").open("ab") as log:
        command = [sys.executable, str(DISK), str(state / "disk"), str(state / "data"), *words]
        disk = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: os.path.ismount(state / "data") or disk.poll() is not None)
        if disk.poll() is not None:
            pytest.skip(f"nothing can be mounted here: {(state / 'disk.log').read_text()[-300:]}")
        yield disk
    finally:
        disk.kill()
        disk.wait()
        subprocess.run([UNMOUNT, "-uz", str(state / "data")], check=False, capture_output=True)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A database with its tables, whole and at rest, whose data directory is now below `disk`."""
    with Postgres(tmp_path) as server:
        apply_schema(server.dsn, NOW)
    (tmp_path / "data").rename(tmp_path / "disk")
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path


def accept_until_cut(server: Postgres, disk: subprocess.Popen[bytes]) -> set[str]:
    """Messages come from four senders; in the middle of it the power goes. Ids of what was acknowledged."""
    kept: list[str] = []
    enough, gone = Event(), Event()

    with Store(server.dsn, patience=1.0) as store, ThreadPoolExecutor(4) as senders:
        ledger = PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds())

        def send(first: int) -> None:
            for number in range(first, 10**9, 4):
                try:
                    kept.append(ask(ledger, number).claims.message_id)
                except (GatewayError, psycopg.Error):
                    return
                if gone.is_set():
                    return
                if len(kept) >= ENOUGH:
                    enough.set()

        sending = [senders.submit(send, first) for first in (1, 2, 3, 4)]
        assert enough.wait(60)
        pid = server.status().pid
        assert pid
        signal_family(pid, signal.SIGKILL)
        before = set(kept)
        disk.kill()
        gone.set()
        for one in sending:
            one.result()
    return before


def lost_after_cut(state: Path, *words: str) -> int:
    """How many acknowledged messages are not there when the power is back; all of them when there is no database."""
    server = Postgres(state)
    with mounted(state, *words) as disk:
        server.start()
        before = accept_until_cut(server, disk)
    assert len(before) >= ENOUGH
    with mounted(state):
        try:
            server.start()
        except ConfigurationError:
            return len(before)
        try:
            return len(before - whole_messages(server))
        finally:
            server.stop()


def whole_messages(server: Postgres) -> set[str]:
    """Ids of the messages that are there with bytes, delivery and evidence, after all evidence was verified."""
    with Store(server.dsn) as store:
        assert verify_chains(store).broken is None
        assert count(store, "delivery") == count(store, "message") == count(store, "message_key")
        query = (
            "select m.message_id from message m join message_key k on k.entry = m.id join delivery d on d.entry = m.id"
            " join evidence e on e.entry = m.id and e.event = 'accepted' where k.answer is not null"
        )
        return {row["message_id"] for row in store.fetch(query)}


def test_what_was_acknowledged_survives_a_power_cut(state: Path) -> None:
    """Under load from four senders; what was not acknowledged may be there or not, but whole."""
    assert lost_after_cut(state) == 0


def test_a_disk_that_lies_about_syncing_is_found_out(state: Path) -> None:
    """The same test finds losses where syncing does nothing: so the disk does forget, and the test does look."""
    assert lost_after_cut(state, "--lies") > 0


def test_the_disk_forgets_what_was_not_synced(tmp_path: Path) -> None:
    """A file that was written and closed is empty after the cut; a synced one is whole."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    with mounted(tmp_path):
        (tmp_path / "data" / "careless").write_bytes(b"x" * 10_000)
        with (tmp_path / "data" / "careful").open("wb") as file:
            file.write(b"y" * 10_000)
            file.flush()
            os.fsync(file.fileno())
        assert (tmp_path / "data" / "careless").read_bytes() == b"x" * 10_000
    with suppress(FileNotFoundError):
        assert (tmp_path / "disk" / "careless").read_bytes() == b""
    assert (tmp_path / "disk" / "careful").read_bytes() == b"y" * 10_000
