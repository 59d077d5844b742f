"""The pages of messages hold every fact, a real document of each, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from lxml import etree, html

from gateway.codes.lists import CodeLists
from gateway.model import DocumentType
from gateway.schema import Schemas
from gateway.schema.pages import Described, describe, schema_page, schema_pages, write_pages
from gateway.schema.shelf import all_records, called, every_record
from gateway.twin import to_json
from tests.twins import registry

DOCUMENTS = sorted(all_records(registry()))


@cache
def described() -> tuple[tuple[Described, ...], CodeLists]:
    return describe(registry())


@cache
def site() -> dict[str, str]:
    return schema_pages(*described())


def message(document: str) -> Described:
    return next(one for one in described()[0] if one.schema.document == document)


def page(document: str) -> html.HtmlElement:
    return html.document_fromstring(site()[f"{document}.html"])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_fact_is_on_its_page_with_what_is_known_of_it(document: str) -> None:
    tree = page(document)
    rows = {row.get("data-path"): " ".join(row.itertext()) for row in tree.iterfind(".//tr[@data-path]")}
    beside = {code.get("data-path") for code in tree.iterfind(".//code[@data-path]")}
    facts = message(document).facts.facts
    assert set(facts) == set(rows) | beside
    for path, fact in facts.items():
        if path in rows:
            most = "*" if fact.max is None else str(fact.max)
            wanted = (f"{fact.min}..{most}", fact.wco_id, fact.wco_name, fact.format, fact.pattern, *fact.choices)
            assert not [text for text in wanted if text not in rows[path]], path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_page_stands_alone(document: str) -> None:
    """No script, no address outside the folder, every link leads to a file or a place that is there."""
    tree = page(document)
    assert not tree.findall(".//script") and not tree.findall(".//img")
    for element in tree.iter("a", "link"):
        target, _, place = element.get("href").partition("#")
        assert target in site()
        assert not place or f'id="{place}"' in site()[target]
    ids = [element.get("id") for element in tree.iterfind(".//*[@id]")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_json_schema_lies_beside_the_page(document: str) -> None:
    assert json.loads(site()[f"{document}.schema.json"])["title"] == message(document).facts.title


def test_a_page_shows_a_document_its_twin_and_values_of_others() -> None:
    tree = page("LPCO_QUERY")
    xml, twin = (pre.text_content() for pre in tree.iterfind(".//pre"))
    name, payload = next(iter(message("LPCO_QUERY").samples.items()))
    assert xml == payload.decode().strip() and name in tree.text_content()
    assert json.loads(twin) == json.loads(to_json(payload, message("LPCO_QUERY").facts))
    [row] = tree.xpath("//tr[@id='LPCOQuery/AdditionalDocument/ID']")
    assert len(row.findall(".//q")) == 3
    assert "EX" in tree.xpath("string(//tr[@id='LPCOQuery/DirectionCode'])")
    [unit] = tree.xpath("//tr[@id='LPCOQuery/GovernmentAgencyGoodsItem/WriteOffQuantity/@unitCode']")
    assert "NMP" in unit.text_content()


def test_code_lists_are_named_and_linked() -> None:
    tree = page("DEC_LODGED")
    [row] = tree.xpath("//tr[@id='MetaData/Declaration/BorderTransportMeans/ModeCode']")
    assert row.find(".//a").get("href") == "codes.html#rec-19"
    codes = html.document_fromstring(site()["codes.html"])
    assert len(codes.xpath("//h2[@id='iso-4217']")) == 1
    assert "Болгария леві" in codes.text_content() and "2025-12-31" in codes.text_content()


def test_messages_that_share_a_root_say_how_they_are_told_apart() -> None:
    assert "FunctionCode" in page("DEC_LODGED").find(".//dl").text_content()
    assert set(re.findall(r'href="([A-Z0-9_]+)\.html"', site()["index.html"])) == set(DOCUMENTS)


def test_text_of_documents_is_never_markup() -> None:
    """A value that looks like markup is shown, not obeyed."""
    query = message("LPCO_QUERY")
    bad = next(iter(query.samples.values())).replace(b"KZ11VTS00000001", b"&lt;script&gt;alert(1)&lt;/script&gt;")
    text = schema_page(Described(schema=query.schema, facts=query.facts, samples={"<b>x": bad}), {}, None)
    tree = html.document_fromstring(text)
    assert not tree.findall(".//script") and not tree.findall(".//b")
    assert "<script>alert(1)</script>" in tree.text_content()


def test_the_site_is_written_to_a_folder(tmp_path: Path) -> None:
    written = write_pages(registry(), tmp_path / "schemas")
    assert {file.name for file in written} == set(site())
    assert all(
        etree.fromstring(file.read_bytes(), etree.HTMLParser()) is not None
        for file in written
        if file.suffix == ".html"
    )


def test_a_second_version_has_a_page_of_its_own() -> None:
    """Beside the one that stands for the message."""
    known = registry()
    record = replace(known.records[DocumentType("LPCO_QUERY")], version="2.0")
    both = replace(known, schemas=Schemas([*known.schemas, record], known.tree.read))
    assert called(both, record) == "LPCO_QUERY@2.0"
    assert record in every_record(both)
    files = schema_pages([one for one in describe(both)[0] if one.schema.document == "LPCO_QUERY"])
    assert {"LPCO_QUERY.html", "LPCO_QUERY-2.0.html", "LPCO_QUERY-2.0.schema.json"} <= files.keys()
    assert "LPCO_QUERY-2.0.html" in files["index.html"]
