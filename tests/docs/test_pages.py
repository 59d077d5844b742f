"""The pages name only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PATH = re.compile(r"`((?:gateway|adapters|mappings|xsd|certs|tests|docs|bench)/[^`\s:]*)`")
NAMED = re.compile(r"`([a-z_A-Z]+)` in `(gateway/[\w/]+\.py)`")
LINK = re.compile(r"\]\(([^)#h][^)#]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_exists(page: Path) -> None:
    for name in PATH.findall(page.read_text("utf-8")):
        pattern = re.sub(r"<\w+>", "*", name)
        assert list(ROOT.glob(pattern.rstrip("/"))), f"{page.name} names {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for name in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / name).exists(), f"{page.name} links to {name}"


def test_every_name_stands_in_its_file() -> None:
    page = (ROOT / "docs/one-message.md").read_text("utf-8")
    found = NAMED.findall(page)
    assert len(found) >= 8
    for name, file in found:
        assert re.search(rf"\b(def|class) {name}\b", (ROOT / file).read_text("utf-8")), f"{name} is not in {file}"
