"""Children of one command: watched, stopped, and cleaned up after when the command was killed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.shell.postgres import command_of
from gateway.shell.processes import Troupe, answers, free_port, is_free
from tests.database import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that sleeps and can be seen; gone afterwards, whatever happens."""
    process = subprocess.Popen(SLEEP)
    try:
        wait_until(lambda: command_of(process.pid).split() == " ".join(SLEEP).split())
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_child_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    """The end of its log says why."""
    troupe = Troupe(tmp_path)
    troupe.start("door", [sys.executable, "-c", "raise SystemExit('no key')"], {})
    with pytest.raises(ConfigurationError, match="no key"):
        troupe.await_http("http://127.0.0.1:9", seconds=30)
    troupe.stop()


def test_stop_ends_every_child(tmp_path: Path) -> None:
    """Nobody is left, and no note of them."""
    troupe = Troupe(tmp_path)
    troupe.start("one", SLEEP, {})
    troupe.start("two", SLEEP, {})
    pids = [pid for pid, _ in json.loads((tmp_path / "processes.json").read_text("utf-8"))[1:]]
    troupe.stop()
    assert [command_of(pid) for pid in pids] == ["", ""]
    assert not (tmp_path / "processes.json").exists()


def test_what_a_killed_run_left_is_ended(tmp_path: Path) -> None:
    """Only processes that are still the noted ones: a number may belong to another program by now."""
    with sleeper() as left, sleeper() as other:
        roll = [[2**22 + 1, ["gone"]], [left.pid, SLEEP], [other.pid, ["another", "program"]]]
        (tmp_path / "processes.json").write_text(json.dumps(roll), "utf-8")
        Troupe(tmp_path)
        assert left.wait(10) == -signal.SIGTERM
        assert other.poll() is None


def test_two_runs_do_not_share_a_state_directory(tmp_path: Path) -> None:
    """The second one says who is there."""
    with sleeper() as first:
        (tmp_path / "processes.json").write_text(json.dumps([[first.pid, SLEEP]]), "utf-8")
        with pytest.raises(ConfigurationError, match=f"process {first.pid} runs here already"):
            Troupe(tmp_path)
        assert first.poll() is None


def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    """By a free one; a promised port is not promised twice."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        promised: set[int] = set()
        assert free_port("127.0.0.1", port, promised) != port
        assert len({free_port("127.0.0.1", 0, promised) for _ in range(5)} | promised) == 6
    assert not answers(f"http://127.0.0.1:{port}")
