"""The story of the medicine permit: every document against its schema, every table, every answer of the ministry."""

from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from adapters.customs_kz import ADAPTER as CUSTOMS
from adapters.customs_kz.simulator import simulator as customs_simulator
from adapters.health_kz import ADAPTER as HEALTH
from adapters.health_kz.simulator import simulator
from gateway.errors import MappingGap
from gateway.facts import read_facts
from gateway.facts.fact import FactTable
from gateway.mapping import Translation, compile_table, read_codes, read_table, translate
from gateway.model import Claims, Corridor, Document, MessageId, PartnerId
from gateway.schema import Schemas, validate_bare
from gateway.simulation import Reply

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "adapters" / "health_kz" / "fixtures"
CODES = ROOT / "mappings" / "health_kz" / "codes"
CASES = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
SILENCE = "mappings/health_kz/silence.csv"


@cache
def story(case: Path) -> dict[str, Any]:
    """What `case.toml` says."""
    return tomllib.loads((case / "case.toml").read_text("utf-8"))


def cases(**wanted: object) -> list[Path]:
    return [case for case in CASES if all(story(case).get(key) == value for key, value in wanted.items())]


DELIVERED = cases(expect="delivered")
ANSWERED = [case for case in DELIVERED if (case / "answer-in.xml").exists()]
SILENT = cases(silent=True)
GAPS = cases(expect="mapping.gap")


@cache
def schemas() -> Schemas:
    return Schemas(
        [*CUSTOMS.schemas, *HEALTH.schemas],
        lambda path: (ROOT / path).read_bytes(),
        lambda schema: read_facts((ROOT / schema.path).with_suffix(".csv").read_text("utf-8")),
    )


@cache
def facts_of(document: str) -> FactTable:
    (path,) = {schema.path for schema in schemas() if schema.document == document}
    return read_facts((ROOT / path).with_suffix(".csv").read_text("utf-8"))


@cache
def compiled(mapping: str, takes: str, gives: str) -> Translation:
    codes = {file.stem: read_codes(file.read_text("utf-8"), file.stem) for file in CODES.glob("*.csv")}
    table = read_table((ROOT / mapping).read_text("utf-8"), mapping)
    return compile_table(table, facts_of(takes), facts_of(gives), HEALTH.converters, codes)


def way_of(document: str) -> Corridor:
    """The one corridor that takes a document type."""
    (corridor,) = [corridor for corridor in HEALTH.corridors if corridor.takes == document]
    return corridor


def now_of(case: Path) -> str:
    return f"{story(case)['now']:%Y-%m-%dT%H:%M:%SZ}"


def translated(payload: bytes, document: str, case: Path) -> bytes:
    way, now = way_of(document), now_of(case)
    context = {"message_id": story(case)["message_id"], "now": now, "received_at": now}
    return translate(payload, compiled(way.mapping, way.takes, way.gives), context)


def faults(document: str, payload: bytes) -> list[str]:
    """The rules that a document breaks; `type` when it is valid but another document than told."""
    found = validate_bare(payload, schemas())
    if isinstance(found, Document):
        return [] if found.type == document else [f"type {found.type}"]
    return [finding.rule for finding in found]


def plain(content: bytes) -> bytes:
    """Canonical octets without the line breaks between elements that make a file readable."""
    root = etree.fromstring(content, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(root, method="c14n", exclusive=True)


def claims_of(case: Path) -> Claims:
    return Claims(message_id=MessageId(story(case)["message_id"]), action="", to="", sender=PartnerId("gateway"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_schema_says_of_what_comes_in_what_the_case_expects(case: Path) -> None:
    told = story(case)
    found = faults(told["type"], (case / "in.xml").read_bytes())
    assert found == (told["findings"] if told["expect"].startswith("schema.") else [])
    assert (case / "out.xml").exists() == (told["expect"] == "delivered")
    assert bool(told["findings"]) == (told["expect"] != "delivered")


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_the_table_gives_what_must_reach_the_ministry(case: Path) -> None:
    """The expected documents were written in the ministry's words without the tables."""
    document = story(case)["type"]
    expected = (case / "out.xml").read_bytes()
    assert faults(way_of(document).gives, expected) == []
    assert plain(translated((case / "in.xml").read_bytes(), document, case)) == plain(expected)


@pytest.mark.parametrize("case", GAPS, ids=lambda case: case.name)
def test_what_cannot_be_said_in_the_ministrys_words_is_refused(case: Path) -> None:
    with pytest.raises(MappingGap) as refusal:
        translated((case / "in.xml").read_bytes(), story(case)["type"], case)
    assert [finding.rule for finding in refusal.value.findings] == story(case)["findings"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Reply]]:
    """All delivered cases in their order against one ministry with one ledger."""
    behave = simulator(str(tmp_path_factory.mktemp("ministry")))
    return {
        case.name: behave(
            way_of(story(case)["type"]).gives, (case / "out.xml").read_bytes(), claims_of(case), story(case)["now"]
        )
        for case in DELIVERED
    }


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_the_ministry_answers_as_the_case_tells(case: Path, played: dict[str, list[Reply]]) -> None:
    replies = played[case.name]
    assert len(replies) == (0 if case in SILENT else 1)
    for reply in replies:
        assert faults(reply.type, reply.payload) == []
        assert plain(reply.payload) == plain((case / "answer-in.xml").read_bytes())


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_the_table_gives_what_must_come_back(case: Path, played: dict[str, list[Reply]]) -> None:
    (reply,) = played[case.name]
    back = translated((case / "answer-in.xml").read_bytes(), reply.type, case)
    assert plain(back) == plain((case / "answer-out.xml").read_bytes())


@pytest.mark.parametrize("case", SILENT, ids=lambda case: case.name)
def test_silence_is_told_as_manual_never_as_approved(case: Path) -> None:
    way = way_of(story(case)["type"])
    assert way.silence is not None
    assert (way.silence.means, way.silence.after.total_seconds()) == ("manual", 4 * 3600)
    table = compiled(way.silence.mapping, way.takes, way.silence.gives)
    due = f"{story(case)['now'] + way.silence.after:%Y-%m-%dT%H:%M:%SZ}"
    told = translate((case / "in.xml").read_bytes(), table, {"now": due})
    assert plain(told) == plain((case / "answer-out.xml").read_bytes())


@pytest.mark.parametrize("case", DELIVERED, ids=lambda case: case.name)
def test_customs_gets_the_values_the_case_tells_and_keeps_them_once(case: Path, tmp_path: Path) -> None:
    told = story(case)["answer"]
    payload = (case / "answer-out.xml").read_bytes()
    assert faults(told["type"], payload) == []
    root = etree.fromstring(payload)
    for path, value in told["values"].items():
        where, _, attribute = path.partition("/@")
        node = root.find("/".join(f"{{*}}{step}" for step in where.split("/")[1:]))
        assert node is not None, path
        assert (node.get(attribute) if attribute else node.text) == value, path
    keep = customs_simulator(str(tmp_path))
    assert [keep(told["type"], payload, claims_of(case), story(case)["now"]) for _ in range(2)] == [[], []]
    with closing(sqlite3.connect(tmp_path / "customs_kz.sqlite")) as book:
        assert book.execute("select type, payload from received").fetchall() == [(told["type"], payload)]


def test_a_permit_and_a_business_are_found_in_a_declaration_and_in_its_notice() -> None:
    case = FIXTURES / "24-declaration-lodged"
    for file in ("in.xml", "out.xml"):
        found = validate_bare((case / file).read_bytes(), schemas())
        assert isinstance(found, Document)
        keys = set(found.keys)
        assert {("permit", "KZ11VTS00000001"), ("declaration", "57505/191126/0000123")} <= keys
        assert {("container", "TSTU9990010"), ("container", "TSTU9990026"), ("lrn", "СФИ-2026-000118")} <= keys


def test_only_the_ministrys_documents_reach_the_ministry() -> None:
    """The invoice and the registration certificate of the declaration stay with customs."""
    sent = (FIXTURES / "24-declaration-lodged" / "out.xml").read_text("utf-8")
    assert "HTP-2026-118" not in sent
    assert "霍尔果斯" not in sent


def test_function_and_type_together_tell_amended_from_withdrawn() -> None:
    """An amendment whose type becomes INV is not taken for one, nor a lodged declaration with an unknown function."""
    amended = (FIXTURES / "26-declaration-amended" / "in.xml").read_bytes()
    assert faults("DEC_AMENDED", amended) == []
    assert "type DEC_AMENDED" not in faults("DEC_WITHDRAWN", amended.replace(b">COR<", b">INV<"))
    assert faults("DEC_AMENDED", amended.replace(b">COR<", b">XXX<")) == ["schema.unknown-function"]
