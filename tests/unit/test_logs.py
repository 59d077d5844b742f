"""Log lines are one line each, and never in the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

LOG = """
import structlog
from gateway.shell.logs import configure_logs
configure_logs(sys.argv[1])
for number in range(3):
    structlog.get_logger().warning("refused", claimed="a\\n2026 [error] made up\\x1b[31m\\u202e")
print("alive")
"""
FULL = Path("/dev/full")


def log(form: str, stream: int | IO[str]) -> subprocess.CompletedProcess[str]:
    """A process that logs to this stream."""
    command = [sys.executable, "-c", "import sys" + LOG, form]
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
