"""Style and types are part of the suite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ("gateway", "adapters", "tests", "bench")


@pytest.mark.parametrize(
    "words",
    [("ruff", "check", *PYTHON), ("ruff", "format", "--check", *PYTHON), ("mypy",)],
    ids=["ruff", "format", "mypy"],
)
def test_the_tree_is_clean(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
