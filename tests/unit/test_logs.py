"""Log lines are one line each, and never in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import IO
from uuid import UUID

import pytest

from gateway.shell.processes import free_port, served

LOG = """
import structlog
from gateway.shell.logs import configure_logs
configure_logs(sys.argv[1])
for number in range(3):
    structlog.get_logger().warning("refused", claimed="a\\n2026 [error] made up\\x1b[31m\\u202e")
print("alive")
"""
LIBRARIES = """
import logging, warnings
from gateway.shell.logs import configure_logs
configure_logs(sys.argv[1])
logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", "a\\nb")
logging.getLogger("procrastinate.worker").error("Job\\x1b[31m failed", extra={"job": 7})
logging.getLogger("_granian").warning("Unexpected exit from worker-1")
"""
RUN = """
import structlog
from dataclasses import replace
from pathlib import Path
from gateway import registry
from gateway.pipeline import forward
from gateway.replay import read_fixture, worlds, play
from gateway.shell.logs import configure_logs, telling
from gateway.shell.watch.ledger import WatchedLedger
from gateway.shell.watch.traces import Untraced
configure_logs(sys.argv[1])
fixture = read_fixture(Path("adapters/health_kz/fixtures/10-query-ok"))
world = worlds(registry.load())(fixture)
watched = WatchedLedger(world.ledger, world.clock, Untraced())
world = replace(world, setup=replace(world.setup, ledger=watched))
assert play(fixture, world) == []
telling(lambda delivery: structlog.get_logger().info("within"))(
    world.ledger.as_delivery(next(iter(world.ledger.deliveries.values())))
)
"""
FULL = Path("/dev/full")


def log(form: str, stream: int | IO[str], program: str = LOG) -> subprocess.CompletedProcess[str]:
    """A process that logs to this stream."""
    command = [sys.executable, "-c", "import sys" + program, form]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stream, text=True, check=False)


@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_writes_our_log_but_us(form: str) -> None:
    """Line ends, escapes of terminals and turned text are spelled out (L1)."""
    lines = log(form, subprocess.PIPE).stderr.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert all("made up" in line for line in lines)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_disk_below_the_log_stops_nothing(form: str) -> None:
    """A line is lost, the answer is not."""
    with FULL.open("w") as full:
        assert log(form, full).stdout == "alive\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_libraries_write_as_we_do(form: str) -> None:
    """Pool, queue and server by the standard logging: one line each, with time, level and name."""
    lines = log(form, subprocess.PIPE, LIBRARIES).stderr.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    for line, name in zip(lines, ("psycopg.pool", "procrastinate.worker", "_granian"), strict=True):
        told = json.loads(line) if form == "json" else {"logger": name, "timestamp": line.split(" ")[0]}
        assert told["logger"] == name
        assert name in line
        assert told["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("given", "why"),
    [({"DATABASE_URL": "host=/nowhere"}, "No such file"), ({"PORT": "many"}, "a whole number is needed")],
)
def test_the_server_writes_as_we_do(tmp_path: Path, form: str, given: dict[str, str], why: str) -> None:
    """Its first process, which loads nothing of ours, and those that cannot start: no line is of another form."""
    command = served("front", "127.0.0.1", free_port("127.0.0.1", 0, set()), threads=1)
    words = {"LOG_FORMAT": form, "STATE_DIR": str(tmp_path), "ENVIRONMENT": "test", **given}
    env = {**os.environ, **{f"GATEWAY_{name}": value for name, value in words.items()}}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stderr.splitlines()
    assert done.returncode != 0
    assert done.stdout == ""
    assert any("_granian" in line and "worker-1" in line for line in lines)
    assert any("cannot-start" in line and why in line for line in lines)
    for line in lines:
        stamp = json.loads(line)["timestamp"] if form == "json" else line.split(" ")[0]
        assert datetime.fromisoformat(stamp).tzinfo is not None


def test_the_lines_of_a_message_carry_its_ids() -> None:
    """Accepted, settled and whatever is said between: the sender's id, ours, and the trace."""
    done = log("json", subprocess.PIPE, RUN)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"accepted", "settled", "within"} <= {line["event"] for line in lines}
    asked = [line for line in lines if line["message"] == "urn:uuid:0193a000-c001-7000-8000-000000000010"]
    assert [line["event"] for line in asked] == ["accepted", "settled", "within"]
    assert len({line["entry"] for line in asked}) == 1
    assert all(line["trace"] == UUID(line["entry"]).hex for line in lines)
