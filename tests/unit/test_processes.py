"""Children of one command: watched, stopped, and cleaned up after when the command was killed."""

from __future__ import annotations

import json
import os
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
from gateway.shell.processes import Troupe, answers, free_port, group_of, is_free
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


def test_the_last_words_are_those_of_this_start(tmp_path: Path) -> None:
    """What an earlier run said misleads; it is kept beside, once, so that nothing grows for ever."""
    for word in ("first", "second", "third"):
        troupe = Troupe(tmp_path)
        troupe.start("door", [sys.executable, "-c", f"raise SystemExit('{word}')"], {})
        with pytest.raises(ConfigurationError, match=rf"says:\n{word}\n$"):
            troupe.await_http("http://127.0.0.1:9", seconds=30)
        troupe.stop()
    said = {log.name: log.read_text("utf-8") for log in (tmp_path / "logs").iterdir()}
    assert said == {"door.log": "third\n", "door.log.1": "second\n"}


def test_a_renewed_child_speaks_for_itself(tmp_path: Path) -> None:
    """The words of the process before it are in the same file, and not shown."""
    counts = "import pathlib; p = pathlib.Path('n'); p.write_text(p.read_text() + 'x'); raise SystemExit(p.read_text())"
    (tmp_path / "n").write_text("", "utf-8")
    troupe = Troupe(tmp_path)
    troupe.start("door", [sys.executable, "-c", counts.replace("'n'", repr(str(tmp_path / "n")))], {})
    wait_until(lambda: troupe.has_ended("door"))
    assert troupe.renew() == ["door"]
    with pytest.raises(ConfigurationError, match=r"says:\nxx\n$"):
        troupe.await_http("http://127.0.0.1:9", seconds=30)
    troupe.stop()


def test_children_speak_where_the_command_speaks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As a journal and a container want it: no file of ours."""
    troupe = Troupe(tmp_path, aloud=True)
    says = "import sys; print('fine', flush=True); raise SystemExit('no key')"
    troupe.start("door", [sys.executable, "-c", says], {})
    with pytest.raises(ConfigurationError, match=r"^door ended with code 1; what it said is above$"):
        troupe.await_http("http://127.0.0.1:9", seconds=30)
    troupe.stop()
    assert capfd.readouterr() == ("fine\n", "no key\n")
    assert not (tmp_path / "logs").exists()


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


PARENT = [sys.executable, "-c", f"import subprocess; subprocess.Popen({SLEEP!r}); __import__('time').sleep(60)"]
"""A server that works through a child of its own."""


def killed_parent(troupe: Troupe, tmp_path: Path) -> tuple[int, int]:
    """A child of the troupe that was killed, and the process that it left behind."""
    troupe.start("server", PARENT, {})
    leader = json.loads((tmp_path / "processes.json").read_text("utf-8"))[1][0]
    wait_until(lambda: len(group_of(leader)) == 2)
    (left,) = (pid for pid in group_of(leader) if pid != leader)
    wait_until(lambda: command_of(left).split() == " ".join(SLEEP).split())
    os.kill(leader, signal.SIGKILL)
    return leader, left


def test_stop_ends_what_a_killed_child_left(tmp_path: Path) -> None:
    """A server that was killed does not leave its workers, which hold its port."""
    troupe = Troupe(tmp_path)
    _, left = killed_parent(troupe, tmp_path)
    with pytest.raises(ConfigurationError, match="server ended with code -9"):
        while True:
            troupe.check()
    troupe.stop()
    assert command_of(left) == ""


def test_the_next_run_ends_what_a_killed_child_of_a_killed_run_left(tmp_path: Path) -> None:
    """Command and child killed together: the child's own child is found by its group."""
    first = Troupe(tmp_path)
    leader, left = killed_parent(first, tmp_path)
    note = tmp_path / "processes.json"
    with pytest.raises(ConfigurationError, match="server ended"):  # so that the number is free
        while True:
            first.check()
    note.write_text(json.dumps([[2**22 + 1, ["gone"]], [leader, PARENT]]), "utf-8")
    Troupe(tmp_path)
    assert command_of(left) == ""
    assert not note.exists()


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
