"""The reference pages are what the code says; when they are not, `gateway config reference --write docs` mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.reference import render_commands, render_settings
from gateway.shell.config import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("page", "render"), [("configuration.md", render_settings), ("cli.md", render_commands)])
def test_a_page_is_what_the_code_says(page: str, render: object) -> None:
    """Neither page was edited, nor the code without it."""
    assert callable(render)
    assert (DOCS / page).read_text("utf-8") == render()


def test_every_setting_is_explained() -> None:
    """A setting without a sentence is not a setting."""
    assert all(field.description for field in Settings.model_fields.values())


def test_every_option_is_explained() -> None:
    """So is an option without one."""
    empty = [line for line in render_commands().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert empty == []
