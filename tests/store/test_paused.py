"""A process that is stopped within a transaction holds its rows for a while, not for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.shell.store import Store
from tests.database import wait_until

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="whether a process stands still is read from /proc")
def test_the_server_ends_a_transaction_of_a_paused_process(store: Store) -> None:
    """Another one that needs the row goes on; the paused one does its work again when it wakes, and loses nothing."""
    store.write("insert into lane (lane) values ('held') returning true", ())
    command = [sys.executable, "-m", "tests.store.paused_writer", store.dsn]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as paused:
        try:
            wait_until(lambda: paused.poll() is not None or _stands_still(paused.pid))
            assert store.write("update lane set failures = 7 where lane = 'held' returning failures", ()) == (7,)
            assert _stands_still(paused.pid)
        finally:
            os.kill(paused.pid, signal.SIGCONT)
        assert paused.communicate(timeout=30)[0] == "written\n"
    assert store.fetch("select code, failures from lane") == [{"code": "held", "failures": 7}]


def test_work_that_takes_its_time_may_have_it(dsn: str) -> None:
    """An archive rests between two statements as long as its disk needs."""
    with Store(dsn, idle=timedelta(hours=1).total_seconds()) as patient, patient.session() as connection:
        assert connection.execute("show idle_in_transaction_session_timeout").fetchone() == ("1h",)


def _stands_still(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] == "T"
