"""Broken documents and what is said of each: rule, place, WCO name, text and hint in three languages.

Every `tests/golden/schema/<name>.xml` has a `<name>.json` with the findings expected, of its schema and of its code
lists on a fixed day. `SWGW_UPDATE=1 pytest tests/conformance/test_findings.py` writes them anew: then read the
difference before it is committed. `tests/golden/traps.csv` says which trap is kept where.
"""

from __future__ import annotations

import csv
import json
import os
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gateway.codes.desks import CodeDesks, code_desks
from gateway.model import Document
from gateway.refusal import CAP, finding_members
from gateway.schema import validate_bare
from gateway.schema.explain import Received
from gateway.schema.shelf import all_schemas
from tests.reference import REFERENCE
from tests.schemas import GOLDEN, ROOT, customs_schemas
from tests.twins import facts_of, known, registry

DOCUMENTS = sorted(GOLDEN.glob("*.xml"))
SAMPLES = REFERENCE / "wco" / "samples"
DAY = date(2026, 11, 23)
TRAPS = {
    "trap-bad-date-res-16-DMSEOG.xml": {"trap.no-namespace", "trap.java-date"},
    "trap-colons-stripped-TT_IM222a.xml": {"trap.colons-stripped"},
    "trap-no-namespace-res-03-DMSREJ.xml": {"trap.no-namespace"},
    "trap-no-namespace-res-05-DMSCTL.xml": {"trap.no-namespace"},
}
ALL_TRAPS = {f"WCO-{number:02}" for number in range(1, 18)} | {f"ID-{number:02}" for number in range(1, 16)}


@cache
def everything() -> tuple[Any, CodeDesks]:
    """The schemas of all formats we know, and what their codes are held to."""
    desks = code_desks(known().values(), registry().lists, lambda record: facts_of(record.document))
    return all_schemas(registry()), desks


def told(path: Path) -> dict[str, object]:
    """What is said of a document, as the expected files hold it: as many findings as are shown, and their number."""
    payload = path.read_bytes()
    schemas, desks = everything()
    found = validate_bare(payload, schemas)
    if isinstance(found, Document):
        listed = desks.findings(found, Received(octets=payload), DAY)
        if not listed:
            return {"document": found.type, "keys": [list(pair) for pair in found.keys]}
        found = listed
    total = {"findingsTotal": len(found)} if len(found) > CAP else {}
    return {"findings": [finding_members(finding) for finding in found[:CAP]], **total}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_document_is_explained_as_expected(path: Path) -> None:
    expected = path.with_suffix(".json")
    said = told(path)
    if os.environ.get("SWGW_UPDATE") == "1":
        expected.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert said == json.loads(expected.read_text(encoding="utf-8"))


def test_corpus_has_ninety_broken_documents_and_most_rules() -> None:
    """Enough mistakes are shown: ninety documents, thirty rules, eight families, and valid ones to compare with."""
    all_told = [told(path) for path in DOCUMENTS]
    broken = [said for said in all_told if "findings" in said]
    rules = {finding["rule"] for said in broken for finding in said["findings"]}  # type: ignore[attr-defined]
    assert len(broken) >= 90
    assert len(rules) >= 30
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


def traps() -> dict[str, list[str]]:
    """Where each trap is kept."""
    lines = [line for line in (GOLDEN.parent / "traps.csv").read_text("utf-8").splitlines() if not line.startswith("#")]
    return {row["trap"]: row["cases"].split() for row in csv.DictReader(lines)}


def test_every_trap_is_kept_somewhere() -> None:
    """Each of the traps has a document, a fixture or a test, and all of them are there."""
    assert set(traps()) == ALL_TRAPS
    for trap, cases in traps().items():
        assert cases, f"{trap} has no case"
        for case in cases:
            file, _, name = case.partition("::")
            if name:
                assert f"def {name}(" in (ROOT / file).read_text("utf-8"), case
            else:
                assert (GOLDEN / f"{case}.xml").is_file() or (ROOT / case / "case.toml").is_file(), case


def test_what_is_not_shown_is_counted() -> None:
    """Thirty findings: twenty-five are shown, and the number of all of them is told."""
    said = told(GOLDEN / "92-thirty-findings.xml")
    assert said["findingsTotal"] == 30
    assert len(said["findings"]) == CAP  # type: ignore[arg-type]


def test_most_findings_say_how_it_would_be_right() -> None:
    """Of what stands in a value, nearly every hint ends with an example, a suggestion or the codes allowed."""
    hints = [
        str(finding["hint"])
        for path in DOCUMENTS
        for finding in told(path).get("findings", ())  # type: ignore[attr-defined]
        if finding["rule"] in ("xsd.pattern", "xsd.length", "xsd.decimal", "xsd.date", "xsd.enumeration", "xsd.blank")
    ]
    helped = [hint for hint in hints if re.search("For example|Try|Allowed|like|capital|point", hint)]
    assert len(helped) >= len(hints) * 0.9, sorted(set(hints) - set(helped))


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
