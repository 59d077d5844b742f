"""The stories of AEO lists between the register and China: every document against its schema, every answer replayed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.aeo_registry_kz import ADAPTER as REGISTRY
from adapters.aeo_registry_kz.simulator import simulator as registry_simulator
from adapters.mra_cn import ADAPTER as CHINA
from adapters.mra_cn.simulator import Behaviour, simulator
from gateway.errors import MappingGap
from gateway.facts import read_facts
from gateway.facts.fact import FactTable
from gateway.mapping import Translation, compile_table, read_codes, read_table, translate
from gateway.model import Claims, Corridor, Document, DocumentType, MessageId, PartnerId
from gateway.schema import Schemas, validate_bare

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "adapters" / "mra_cn" / "fixtures"
CODES = ROOT / "mappings" / "mra_cn" / "codes"
CASES = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
DELIVERED = [case for case in CASES if (case / "out.xml").exists()]
GAPS = [case for case in CASES if 'expect = "mapping.gap"' in (case / "case.toml").read_text("utf-8")]
ANSWERED = [case for case in CASES if (case / "answer-in.xml").exists()]


def story(case: Path) -> dict[str, Any]:
    """What `case.toml` says."""
    return tomllib.loads((case / "case.toml").read_text("utf-8"))


@cache
def schemas() -> Schemas:
    return Schemas(
        [*REGISTRY.schemas, *CHINA.schemas],
        lambda path: (ROOT / path).read_bytes(),
        lambda schema: read_facts((ROOT / schema.path).with_suffix(".csv").read_text("utf-8")),
    )


def facts_of(document: str) -> FactTable:
    (path,) = {schema.path for schema in schemas() if schema.document == document}
    return read_facts((ROOT / path).with_suffix(".csv").read_text("utf-8"))


def translation_of(document: str) -> Translation:
    """The compiled table of the one corridor that takes a document type."""
    way = way_of(document)
    return compiled(way.mapping, way.takes, way.gives)


@cache
def compiled(mapping: str, takes: str, gives: str) -> Translation:
    codes = {file.stem: read_codes(file.read_text("utf-8"), file.stem) for file in CODES.glob("*.csv")}
    table = read_table((ROOT / mapping).read_text("utf-8"), mapping)
    assert (table.takes, table.gives) == (takes, gives)
    return compile_table(table, facts_of(takes), facts_of(gives), CHINA.converters, codes)


def faults(document: str, file: Path) -> list[str]:
    """The rules that a file breaks; `type` when it is valid but another document than told."""
    found = validate_bare(file.read_bytes(), schemas())
    if isinstance(found, Document):
        return [] if found.type == document else [f"type {found.type}"]
    return [finding.rule for finding in found]


def way_of(document: str) -> Corridor:
    """The one corridor that takes a document type."""
    (corridor,) = [corridor for corridor in CHINA.corridors if corridor.takes == document]
    return corridor


def plain(content: bytes) -> bytes:
    """Canonical octets without the line breaks between elements that make a file readable."""
    root = etree.fromstring(content, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(root, method="c14n", exclusive=True)


def claims_of(case: Path) -> Claims:
    return Claims(
        message_id=MessageId(story(case)["message_id"]),
        action="",
        to="",
        sender=PartnerId("gateway"),
        relates_to=MessageId(f"urn:list:{case.name}"),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_schema_says_of_what_comes_in_what_the_case_expects(case: Path) -> None:
    told = story(case)
    found = faults(told["type"], case / "in.xml")
    assert found == (told["findings"] if told["expect"] == "schema.violation" else [])
    assert (case in DELIVERED) == (told["expect"] == "delivered")
    assert bool(told["findings"]) == (told["expect"] != "delivered")


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_what_leaves_and_what_comes_back_is_valid(case: Path) -> None:
    way = way_of(story(case)["type"])
    assert faults(way.gives, case / "out.xml") == []
    if case in ANSWERED:
        answer = DocumentType("CN_AEO_CHECK_RESULT" if way.gives == "CN_AEO_CHECK" else "CN_AEO_RESULT")
        assert faults(answer, case / "answer-in.xml") == []
        assert faults(way_of(answer).gives, case / "answer-out.xml") == []
        assert way_of(answer).gives == story(case)["answer"]["type"]


def test_an_operator_is_found_by_its_number_in_every_list() -> None:
    found = validate_bare((FIXTURES / "51-delta-new-changed-revoked" / "out.xml").read_bytes(), schemas())
    assert isinstance(found, Document)
    assert ("aeo-list", "KZ-CN-2026-0002") in found.keys
    assert len([value for scheme, value in found.keys if scheme == "aeo-code"]) == 3


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_reason_in_words_and_withheld_operators_never_leave(case: Path) -> None:
    """Held against the documents themselves: nothing of the secret text, kind 3 only, agreed roles only."""
    incoming, outgoing = etree.parse(case / "in.xml").getroot(), etree.parse(case / "out.xml").getroot()
    said = "".join(outgoing.itertext())
    for reason in incoming.iterfind(".//{*}Reason/{*}Text"):
        assert reason.text
        assert reason.text not in said
    assert {code.text for code in outgoing.iterfind(".//{*}certClass")} <= {"3"}
    assert {role.text for role in outgoing.iterfind(".//{*}bizType")} <= {"01", "02", "03"}


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_the_table_gives_what_must_leave(case: Path) -> None:
    """The expected documents were written without the tables."""
    told = story(case)
    out = translate((case / "in.xml").read_bytes(), translation_of(told["type"]), context_of(told))
    assert plain(out) == plain((case / "out.xml").read_bytes())


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_the_table_gives_what_must_come_back(case: Path) -> None:
    told = story(case)
    answer = "CN_AEO_CHECK_RESULT" if told["type"] == "AEO_RECONCILE" else "CN_AEO_RESULT"
    out = translate((case / "answer-in.xml").read_bytes(), translation_of(answer), context_of(told))
    assert plain(out) == plain((case / "answer-out.xml").read_bytes())


@pytest.mark.parametrize("case", GAPS, ids=lambda case: case.name)
def test_what_must_not_leave_is_refused_by_the_row_that_says_so(case: Path) -> None:
    told = story(case)
    with pytest.raises(MappingGap) as refusal:
        translate((case / "in.xml").read_bytes(), translation_of(told["type"]), context_of(told))
    assert [finding.rule for finding in refusal.value.findings] == told["findings"]


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_silence_is_told_as_silence_and_never_as_acceptance(case: Path) -> None:
    told = story(case)
    silence = way_of(told["type"]).silence
    assert silence is not None
    out = translate(
        (case / "in.xml").read_bytes(), compiled(silence.mapping, told["type"], silence.gives), context_of(told)
    )
    found = validate_bare(out, schemas())
    assert isinstance(found, Document)
    assert found.type == silence.gives
    assert etree.fromstring(out).findtext("{*}DecisionCode") == "SILENT"


def context_of(told: dict[str, Any]) -> dict[str, str]:
    return {"message_id": told["message_id"], "now": told["now"].isoformat()}


def test_a_withdrawn_consent_leaves_as_a_deletion_without_name_or_address() -> None:
    out = etree.parse(FIXTURES / "59-consent-withdrawn" / "out.xml")
    record = out.getroot()[1]
    assert [etree.QName(child).localname for child in record] == ["aeoCode", "recordVer", "changeFlag", "changeDate"]
    assert record[2].text == "D"


def test_names_of_the_full_list_survive_to_the_last_character() -> None:
    out = (FIXTURES / "50-full-list" / "out.xml").read_text("utf-8")
    for piece in ("«Әділет &amp; Ұлан»", "Дала\u2028Желі", "Көкжиек\u200f", "𠮷田", "Әә Ғғ Ққ Ңң Өө Ұұ Үү Һһ Іі"):
        assert piece in out


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[bytes]]]:
    """All delivered cases played in their order against one receiver with one register."""
    behave = simulator(str(tmp_path_factory.mktemp("china")))
    yield {case.name: play(behave, case) for case in DELIVERED}


def play(behave: Behaviour, case: Path) -> list[bytes]:
    now: datetime = story(case)["now"]
    given = (case / "out.xml").read_bytes()
    return [reply.payload for reply in behave(way_of(story(case)["type"]).gives, given, claims_of(case), now)]


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_the_receiver_answers_as_the_case_tells(case: Path, played: dict[str, list[bytes]]) -> None:
    file = case / "answer-in.xml"
    expected = [plain(file.read_bytes())] if file.exists() else []
    assert [plain(answer) for answer in played[case.name]] == expected


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_the_asker_gets_the_values_the_case_tells_and_its_register_keeps_them(case: Path, tmp_path: Path) -> None:
    told = story(case)
    root = etree.parse(case / "answer-out.xml").getroot()
    for path, value in told["answer"]["values"].items():
        steps = "/".join(f"{{*}}{step}" for step in path.split("/")[1:])
        assert root.findtext(steps) == value, path
    keep = registry_simulator(str(tmp_path))
    answer = (case / "answer-out.xml").read_bytes()
    assert keep(DocumentType(told["answer"]["type"]), answer, claims_of(case), told["now"]) == []
