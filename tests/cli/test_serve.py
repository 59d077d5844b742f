"""`gateway serve` before it serves: what it refuses in one line, and what its processes say."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.shell.processes import answers, free_port, python

LOWEST = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def serve(state: Path, *words: str, **given: object) -> subprocess.CompletedProcess[str]:
    """The command with these settings, run to its end; a start that succeeds would wait for ever."""
    wanted: dict[str, object] = {"state_dir": state, **given}
    env = {**os.environ, **{f"GATEWAY_{name.upper()}": str(value) for name, value in wanted.items()}}
    command = python("gateway", "serve", *words)
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=state, env=env, timeout=60)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another server listens that would share it."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a refused start says."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("key", ["port", "console_port"])
def test_a_taken_port_is_not_shared(key: str, taken: int, free: int, tmp_path: Path) -> None:
    """Two gateways on one port would answer by turns."""
    line = refused(serve(tmp_path, **{"port": free, key: taken}))
    assert line.startswith(f"error configuration: {key} = {taken}: 127.0.0.1:{taken} is taken")
    assert not (tmp_path / "database").exists()


def test_doors_and_console_do_not_share_a_port(free: int, tmp_path: Path) -> None:
    """Nor the figures of the worker."""
    assert "port names the same port" in refused(serve(tmp_path, port=free, console_port=free))
    line = refused(serve(tmp_path, "--no-console", port=free, watch__worker_port=free))
    assert f"watch.worker_port = {free}: port names the same port" in line


def test_a_worker_alone_names_the_port_of_its_figures(taken: int, tmp_path: Path) -> None:
    """It needs no database to say so."""
    env = {**os.environ, "GATEWAY_WATCH__WORKER_PORT": str(taken)}
    command = python("gateway", "worker")
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env, timeout=60)
    assert f"watch.worker_port = {taken}: 127.0.0.1:{taken} is taken" in refused(done)


@pytest.mark.parametrize("host", ["192.0.2.1", "localhost", "no host"])
def test_an_unusable_host_is_named(host: str, free: int, tmp_path: Path) -> None:
    """One line, and no trace of the server's own."""
    line = refused(serve(tmp_path, "--no-console", host=host, port=free))
    assert f'host = "{host}" is no' in line


@pytest.mark.skipif(
    os.geteuid() == 0 or sys.platform != "linux" or int(LOWEST.read_text("ascii")) <= 80,
    reason="port 80 is open to this user",
)  # fmt: skip
def test_a_port_without_rights_is_named(tmp_path: Path) -> None:
    """One line, with what to do."""
    assert "port = 80: 127.0.0.1:80 may not be listened on" in refused(serve(tmp_path, "--no-console", port=80))


def test_a_failed_start_says_why_and_no_address(free: int, tmp_path: Path) -> None:
    """What the processes say is said here, once; the doors are named when they answer and not before."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text("words of an earlier run", "utf-8")
    nobody = "host=127.0.0.1 port=1 connect_timeout=2"
    done = serve(tmp_path, port=free, console_port=other_than(free), database_url=nobody)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "earlier run" not in done.stderr
    assert "Connection refused" in done.stderr
    assert "ended with code" in done.stderr.splitlines()[-1]


def other_than(port: int) -> int:
    """Another port on which nobody listens."""
    return free_port("127.0.0.1", 0, {port})


@pytest.fixture
def free() -> int:
    """A port on which nobody listens."""
    return free_port("127.0.0.1", 0, set())


def test_it_says_where_it_listens_when_it_answers(tmp_path: Path) -> None:
    """On two lines, with all that its processes say on standard error; then it ends as it is told."""
    port = free_port("127.0.0.1", 0, set())
    beside = other_than(port)
    given = {"STATE_DIR": tmp_path / "state", "PORT": port, "CONSOLE_PORT": beside, "LEAVE_SECONDS": 0}
    env = {**os.environ, **{f"GATEWAY_{name}": str(value) for name, value in given.items()}}
    command = python("gateway", "serve")
    with (
        (tmp_path / "said").open("wb") as said,
        subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(2)]
            assert lines == [f"console: http://127.0.0.1:{beside}", f"partner doors: http://127.0.0.1:{port}"]
            assert answers(f"http://127.0.0.1:{port}/ready")
            second = serve(tmp_path, state_dir=tmp_path / "second", port=port, console_port=other_than(port))
            assert f"port = {port}: 127.0.0.1:{port} is taken" in refused(second)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert "partner-without-certificate" in (tmp_path / "said").read_text("utf-8")
    assert not (tmp_path / "state" / "logs").exists()
