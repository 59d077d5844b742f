"""The page for customs officers is typed as it stands, and says what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mapping.md"
BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```$", re.S | re.M)
ENDS = re.compile(r" \(ends with ([0-9])\)$")
EDITED = "mine/mappings/health_kz/query.csv"


def test_every_command_and_every_change_of_the_page(tmp_path: Path) -> None:
    """In the order of the page, in an empty folder that has only the tree of the gateway."""
    for name in ("adapters", "mappings"):
        (tmp_path / name).symlink_to(ROOT / name)
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) >= 10
    for kind, text in blocks:
        if kind == "diff":
            change(tmp_path / EDITED, text)
        else:
            play(tmp_path, text)


def change(file: Path, text: str) -> None:
    """One row of the table becomes another, or goes."""
    lines = text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line.startswith("-"))
    new = "".join(line[1:] for line in lines if line.startswith("+"))
    table = file.read_text("utf-8")
    assert table.count(old) == 1, old
    file.write_text(table.replace(old, new), "utf-8")


def play(folder: Path, text: str) -> None:
    """Each command, and the pieces of what it says, in their order on either output."""
    for block in text.split("$ ")[1:]:
        command, *expected = block.splitlines()
        ends = ENDS.search(command)
        done = said(folder, ENDS.sub("", command))
        assert done.returncode == (int(ends[1]) if ends else 0), done.stdout + done.stderr
        told = " ".join((done.stdout + done.stderr).split())
        for piece in expected:
            assert piece in told, f"{command}\n{piece}\n{done.stdout}{done.stderr}"


def said(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env={**os.environ, "PATH": here}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_the_rows_it_shows_are_those_of_the_table() -> None:
    """Rule, source, target and convert stand in the shipped table as the page prints them."""
    shown = re.findall(r"^\| (Q[0-9]+) \| `([^`]+)` \| `([^`]+)` \| `([^`]+)`", PAGE.read_text("utf-8"), re.M)
    table = (ROOT / "mappings/health_kz/query.csv").read_text("utf-8")
    assert len(shown) == 3
    for rule, source, target, convert in shown:
        assert f"\n{rule},{source},{target},{convert.replace(chr(92), '')}," in table
