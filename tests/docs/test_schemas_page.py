"""The page about schemas, codes, twins and pointers is typed as it stands, and says what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gateway.cli.program import run
from tests.docs.test_mapping_page import BLOCK, ENDS, ROOT, said

PAGE = ROOT / "docs" / "schemas.md"


def test_every_command_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the page, in an empty folder that has only the tree of the gateway."""
    monkeypatch.chdir(tmp_path)
    for name in ("adapters", "mappings", "xsd"):
        (tmp_path / name).symlink_to(ROOT / name)
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) >= 6
    for _, text in blocks:
        for block in text.split("$ ")[1:]:
            line, *expected = block.splitlines()
            command, ends = ENDS.sub("", line), ENDS.search(line)
            code, told = typed(tmp_path, command, capsys)
            assert code == (int(ends[1]) if ends else 0), told
            for piece in expected:
                assert piece in told, f"{command}\n{piece}\n{told}"


def typed(folder: Path, command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and both outputs; what needs no shell runs here, which spares the start of a process."""
    if re.search("[|<>]", command):
        done = said(folder, command)
        return done.returncode, " ".join((done.stdout + done.stderr).split())
    code = run(shlex.split(command)[1:])
    caught = capsys.readouterr()
    return code, " ".join((caught.out + caught.err).split())
