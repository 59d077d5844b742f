"""Where the shared reference vectors lie, if this machine has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"


def vectors(name: str) -> Any:
    """A JSON file of the vectors, or the whole test module is skipped."""
    path = REFERENCE / "vectors" / name
    if not path.is_file():
        pytest.skip(f"reference vectors are not on this machine: {name}", allow_module_level=True)
    return json.loads(path.read_text(encoding="utf-8"))


def vector_bytes(name: str) -> bytes:
    path = REFERENCE / "vectors" / name
    if not path.is_file():
        pytest.skip(f"reference vectors are not on this machine: {name}", allow_module_level=True)
    return path.read_bytes()
