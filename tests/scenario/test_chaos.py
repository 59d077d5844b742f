"""Everything is killed under traffic, in short: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def gateway(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of the gateway, run as people run it."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=250
    )


def test_nothing_is_lost_or_doubled_when_processes_die() -> None:
    """The last line says how many promises were made, and that all of them were kept once."""
    done = gateway("chaos", "--kills", "3", "--seed", "1", "--json")
    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(told) == ["kills", "acknowledged", "lost", "doubled", "seconds"]
    assert (told["kills"], told["lost"], told["doubled"]) == (3, 0, 0)
    assert told["acknowledged"] > 20


def test_chaos_touches_no_directory_that_holds_something(tmp_path: Path) -> None:
    """It works with demo keys in a place of its own."""
    (tmp_path / "keys").mkdir()
    done = gateway("chaos", "--kills", "1", "--state", str(tmp_path))
    assert done.returncode == 1
    assert "not empty" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["keys"]


def test_a_short_soak_loses_nothing() -> None:
    """Traffic with two faults: nothing is lost or doubled, the evidence holds; too short to say what grows."""
    done = gateway("soak", "--minutes", "0.2", "--rate", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 lost, 0 doubled, 0 out of order; the evidence holds" in done.stdout
    assert "too short" in done.stdout
