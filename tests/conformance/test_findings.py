"""Broken documents and what is said of each: rule, place, WCO name, text and hint in three languages.

Every `tests/golden/schema/<name>.xml` has a `<name>.json` with the findings expected. `SWGW_UPDATE=1` writes them anew:
then read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gateway.refusal import finding_members
from gateway.schema import validate_bare
from tests.reference import REFERENCE
from tests.schemas import GOLDEN, customs_schemas

DOCUMENTS = sorted(GOLDEN.glob("*.xml"))
SAMPLES = REFERENCE / "wco" / "samples"
TRAPS = {
    "trap-bad-date-res-16-DMSEOG.xml": {"trap.no-namespace", "trap.java-date"},
    "trap-colons-stripped-TT_IM222a.xml": {"trap.colons-stripped"},
    "trap-no-namespace-res-03-DMSREJ.xml": {"trap.no-namespace"},
    "trap-no-namespace-res-05-DMSCTL.xml": {"trap.no-namespace"},
}


def told(path: Path) -> dict[str, object]:
    """What is said of a document, as the expected files hold it."""
    found = validate_bare(path.read_bytes(), customs_schemas())
    if isinstance(found, tuple):
        return {"findings": [finding_members(finding) for finding in found]}
    return {"document": found.type, "keys": [list(pair) for pair in found.keys]}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_document_is_explained_as_expected(path: Path) -> None:
    expected = path.with_suffix(".json")
    said = told(path)
    if os.environ.get("SWGW_UPDATE") == "1":
        expected.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert said == json.loads(expected.read_text(encoding="utf-8"))


def test_corpus_has_forty_broken_documents_and_most_rules() -> None:
    """Enough mistakes are shown: at least forty documents, at least twenty rules, and valid ones to compare with."""
    all_told = [told(path) for path in DOCUMENTS]
    broken = [said for said in all_told if "findings" in said]
    rules = {finding["rule"] for said in broken for finding in said["findings"]}  # type: ignore[attr-defined]
    assert len(broken) >= 40
    assert len(rules) >= 20
    assert len(all_told) > len(broken)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_finding_is_complete(path: Path) -> None:
    """A finding says where and what in every language, with no slot left open."""
    for finding in told(path).get("findings", ()):  # type: ignore[attr-defined]
        words = [finding["text"], finding["hint"], *finding["ru"].values(), *finding["kk"].values()]
        assert all(words)
        assert finding["line"] > 0
        assert finding["column"] > 0
        assert not [text for text in words if "{}" in text or "{value" in text or " ." in text]


@pytest.mark.parametrize(("name", "expected"), TRAPS.items(), ids=TRAPS)
def test_real_trap_is_named(name: str, expected: set[str]) -> None:
    """A document damaged in real life is refused, and the finding names what happened to it."""
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip("the reference samples are not on this machine")
    found = validate_bare(path.read_bytes(), customs_schemas())
    assert isinstance(found, tuple)
    assert {finding.rule for finding in found} == expected
    assert all(finding.line and finding.column for finding in found)


@pytest.mark.parametrize("name", ["dec-amend-TT_EX009a-step5", "dec-cancel-TT_EX010a", "dec-import-TT_IM006a-writeoff"])
def test_real_message_is_recognised(name: str) -> None:
    """Function and type together tell an amendment from a cancellation."""
    path = SAMPLES / f"{name}.xml"
    if not path.is_file():
        pytest.skip("the reference samples are not on this machine")
    found = validate_bare(path.read_bytes(), customs_schemas())
    assert not isinstance(found, tuple)
    assert found.type == {"amend": "DEC_AMENDED", "cancel": "DEC_WITHDRAWN", "import": "DEC_LODGED"}[name.split("-")[1]]
