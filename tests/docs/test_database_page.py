"""The page on the database names commands, settings and words that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import typer

from gateway.cli.database import app
from gateway.shell.config import Database, Retention

PAGE = (Path(__file__).parents[2] / "docs" / "database.md").read_text("utf-8")


def test_every_command_and_option_exists() -> None:
    """And every command is on the page."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = re.findall(r"`gateway db ([a-z]+)([^`]*)`", PAGE)
    assert {name for name, _ in named} == set(commands)
    for name, words in named:
        options = {option for word in commands[name].params for option in word.opts}
        assert set(re.findall(r"--[a-z-]+", words)) <= options


def test_every_setting_can_be_read() -> None:
    """As it stands on the page."""
    for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.S | re.M):
        Retention.model_validate(tomllib.loads(block)["retention"])
    assert set(re.findall(r"`\[database\] ([a-z_]+) =", PAGE)) == set(Database.model_fields)
