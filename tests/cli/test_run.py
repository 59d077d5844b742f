"""The set-up script: what it says when something is missing on the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the script alone, with programs of its own: no Python but the one a test makes."""
    shutil.copy(ROOT / "run", tmp_path / "run")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname", "cat", "cksum"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/run.lock", "requirements/test.lock", "pyproject.toml"):
        (tmp_path / name).write_text("", "utf-8")
    return tmp_path


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The script with nothing but its own programs in reach."""
    return subprocess.run(
        [place / "run", *words], env={"PATH": str(place / "bin")}, capture_output=True, text=True, check=False
    )


def program(place: Path, name: str, text: str) -> None:
    """A program of the test's own."""
    (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    (place / "bin" / name).chmod(0o755)


def test_it_is_plain_shell() -> None:
    """Any POSIX shell reads it."""
    assert subprocess.run(["sh", "-n", ROOT / "run"], check=False).returncode == 0


def test_without_python_it_says_what_to_install(place: Path) -> None:
    """Exit code 2 and the line to type."""
    done = run(place, "demo")
    assert done.returncode == 2
    assert "Python 3.11 to 3.14 is needed" in done.stderr
    assert "sudo apt-get install python3 python3-venv" in done.stderr


def test_a_python_that_is_too_old_is_named(place: Path) -> None:
    """It says which one it found."""
    program(place, "python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    done = run(place, "demo")
    assert done.returncode == 2
    assert "found: Python 3.9.2" in done.stderr


def test_a_python_without_venv_is_explained(place: Path) -> None:
    """The package that brings it is named."""
    program(place, "python3", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = run(place, "test")
    assert done.returncode == 2
    assert "sudo apt-get install python3-venv" in done.stderr


def test_what_is_installed_is_not_installed_again(place: Path) -> None:
    """With the mark of this lock there, no Python but that of .venv is asked, and no network."""
    (place / ".venv" / "bin").mkdir(parents=True)
    python = place / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$@"\n', "utf-8")
    python.chmod(0o755)
    mark = subprocess.run(["cksum"], input=b"", capture_output=True, check=True).stdout
    (place / ".venv" / ".installed-run").write_bytes(mark)
    assert run(place, "validate", "a file.xml").stdout == "-m gateway validate a file.xml\n"
