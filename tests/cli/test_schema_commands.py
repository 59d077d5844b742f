"""`gateway schema`, `gateway codes` and `gateway twin` as people type them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.program import run
from gateway.xml import canonical, parse

ROOT = Path(__file__).resolve().parents[2]
HEALTH = ROOT / "adapters" / "health_kz" / "fixtures"
QUERY = HEALTH / "10-query-ok" / "in.xml"
BAD = HEALTH / "38-bin-with-a-cyrillic-letter" / "in.xml"
REJECTED = (
    '<MetaData xmlns="urn:wco:datamodel:WCO:DocumentMetaData-DMS:2"><Response xmlns="urn:wco:datamodel:WCO:RES-DMS:2">'
    "<FunctionCode>03</FunctionCode><Error><Description>no such holder</Description><ValidationCode>X1</ValidationCode>"
    "<Pointer><DocumentSectionCode>42A</DocumentSectionCode></Pointer><Pointer><SequenceNumeric>2</SequenceNumeric>"
    "<DocumentSectionCode>17C</DocumentSectionCode><TagID>{tag}</TagID></Pointer></Error></Response></MetaData>"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = run([str(word) for word in words])
    caught = capsys.readouterr()
    return code, caught.out, caught.err


def as_json(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, object]:
    code, out, err = told(capsys, *words, "--json")
    assert not err or "reading" in err
    return code, json.loads(out)


# --- schema -----------------------------------------------------------------------------------------------------------
def test_all_messages_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are exchanged and the formats that are known only."""
    code, found = as_json(capsys, "schema", "list")
    assert code == 0 and isinstance(found, list)
    by_name = {one["message"]: one for one in found}
    assert by_name["LPCO_QUERY"]["exchanged"] and not by_name["NCTS_CC015C"]["exchanged"]
    assert by_name["DEC_AMENDED"]["when"]["Declaration/TypeCode"] == ["COR", "GPR"]
    assert "SPS_CERTIFICATE" in told(capsys, "schema", "list")[1]


def test_a_message_and_a_part_of_it_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "schema", "show", "LPCO_QUERY")
    assert code == 0
    assert "one of: IM | EX | TR" in out and "Writing-off quantity" in out
    for path in (
        "GovernmentAgencyGoodsItem[2]/WriteOffQuantity",
        "/LPCOQuery/GovernmentAgencyGoodsItem/WriteOffQuantity",
    ):
        _, found = as_json(capsys, "schema", "show", "LPCO_QUERY", path)
        assert isinstance(found, dict)
        assert [fact["name"] for fact in found["facts"]] == ["WriteOffQuantity", "unitCode"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("schema", "show", "LPCO_QUERI"), "Did you mean LPCO_QUERY"),
        (("schema", "show", "LPCO_QUERY", "Importr"), "Did you mean LPCOQuery/Importer"),
        (("schema", "diff", "LPCO_QUERI", "LPCO_QUERY"), "Did you mean LPCO_QUERY"),
        (("schema", "diff", "LPCO_QUERY", "LPCO_QUERY@9"), "Known: 1.0"),
        (("schema", "diff", "LPCO_QUERY", "nowhere.csv"), "there is no file nowhere.csv"),
        (("schema", "pointer", "nowhere.xml"), "there is no file of an answer"),
        (("codes", "iso-421"), "Did you mean iso-4217"),
        (("codes", "iso-4217", "EURO"), "Did you mean EUR"),
        (("codes", "iso-4217", "EUR", "--as-of", "2026-02-30"), "there is no day"),
        (("codes", "id", "1", "--kind", "bim"), "Did you mean bin"),
        (("twin", "schema", "LPCO_QUERI"), "Did you mean LPCO_QUERY"),
        (("twin", "to-xml", "nowhere.json"), "cannot be read"),
    ],
)
def test_wrong_words_end_with_2(words: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was probably meant."""
    code, _, err = told(capsys, *words)
    assert (code, meant in err) == (2, True), err


def test_a_new_version_names_what_it_breaks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The rule with its file and line, the fixtures, the corridor and both its partners."""
    text = (ROOT / "xsd/lpco/query.csv").read_text("utf-8").replace("Item/CommodityID,", "Item/ClassificationID,")
    (tmp_path / "query.csv").write_text(text, "utf-8")
    code, found = as_json(capsys, "schema", "diff", "LPCO_QUERY", "query.csv")
    assert code == 1 and isinstance(found, dict)
    [message] = found["messages"]
    [rule] = message["rules"]
    line = (ROOT / rule["table"]).read_text("utf-8").splitlines()[rule["line"] - 1]
    assert line.startswith(rule["rule"] + ",") and "CommodityID" in line
    assert "10-query-ok/in" in {one["name"] for one in message["fixtures"]}
    assert found["partners"] == ["customs_kz", "health_kz"]
    _, out, _ = told(capsys, "schema", "diff", ROOT / "xsd/lpco/query.csv", "query.csv")
    assert "mappings/health_kz/query.csv:" in out and "partners: customs_kz, health_kz" in out


def test_equal_versions_break_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A name and the schema made from the same table are one version."""
    assert told(capsys, "schema", "diff", "LPCO_QUERY", "LPCO_QUERY@1.0")[:2] == (0, "no difference\n")
    assert told(capsys, "schema", "diff", "LPCO_QUERY", ROOT / "xsd/lpco/query.xsd")[0] == 0


def test_an_xsd_alone_says_which_of_its_elements_is_meant(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Without a table beside it; several roots need a name."""
    xsd = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{}</xs:schema>'
    one, two = '<xs:element name="A" type="xs:string"/>', '<xs:element name="B" type="xs:string"/>'
    (tmp_path / "one.xsd").write_text(xsd.format(one), "utf-8")
    (tmp_path / "two.xsd").write_text(xsd.format(one + two), "utf-8")
    assert told(capsys, "schema", "diff", "one.xsd", "two.xsd#A")[:2] == (0, "no difference\n")
    code, _, err = told(capsys, "schema", "diff", "one.xsd", "two.xsd")
    assert code == 2 and "two.xsd#ROOT (A, B)" in err


def test_pages_are_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One for each message, also for formats that are known only."""
    code, out, _ = told(capsys, "schema", "pages", "site")
    assert code == 0 and "index.html" in out
    assert (tmp_path / "site" / "NCTS_CC015C.html").is_file()
    (tmp_path / "file").touch()
    assert told(capsys, "schema", "pages", "file")[0] == 2


# --- pointers ---------------------------------------------------------------------------------------------------------
def test_a_pointer_and_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    """There and back."""
    chain = "42A/67A/68A[2]/23A/21A[1]#145"
    _, there = as_json(capsys, "schema", "pointer", "DEC_LODGED", chain)
    assert isinstance(there, list)
    path = "/MetaData/Declaration/GoodsShipment/GovernmentAgencyGoodsItem[2]/Commodity/Classification[1]/ID"
    assert (there[0]["path"], there[0]["wco_id"]) == (path, "145")
    _, back = as_json(capsys, "schema", "pointer", "DEC_LODGED", path.removeprefix("/MetaData/"))
    assert isinstance(back, list) and back[0]["pointer"] == chain
    code, _, _ = told(capsys, "schema", "pointer", "DEC_LODGED", "42A/99Z")
    assert code == 1


def test_the_errors_of_an_answer_with_their_places(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer.xml"
    answer.write_text(REJECTED.format(tag="R144"), "utf-8")
    code, errors = as_json(capsys, "schema", "pointer", answer)
    assert code == 0 and isinstance(errors, list)
    [found] = errors
    assert (found["code"], found["text"]) == ("X1", "no such holder")
    assert found["path"] == "/MetaData/Declaration/AuthorisationHolder[2]/ID"
    answer.write_text(REJECTED.format(tag="R999"), "utf-8")
    code, errors = as_json(capsys, "schema", "pointer", answer)
    assert code == 1 and isinstance(errors, list)
    assert errors[0]["rest"] == "#R999"
    assert told(capsys, "schema", "pointer", QUERY)[:2] == (0, f"{QUERY} tells no error\n")


# --- codes ------------------------------------------------------------------------------------------------------------
def test_lists_and_codes_as_of_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    """BGN ended with the year 2025."""
    assert "iso-4217" in told(capsys, "codes")[1]
    _, found = as_json(capsys, "codes")
    assert isinstance(found, list) and {"list", "title", "version", "complete", "codes"} == set(found[0])
    assert told(capsys, "codes", "iso-4217", "BGN", "--as-of", "2025-12-31")[0] == 0
    code, out, _ = told(capsys, "codes", "iso-4217", "BGN", "--as-of", "2026-01-01")
    assert code == 1 and "expired" in out and "Болгария леві" in out
    code, whole = as_json(capsys, "codes", "show", "iso-4217")
    assert code == 0 and isinstance(whole, list) and len(whole) > 150
    _, standing = as_json(capsys, "codes", "iso-4217", "XQZ")
    assert isinstance(standing, dict) and standing["standing"] == "unknown"


def test_documents_are_held_to_the_lists_of_a_day(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file that cannot be read is one more line."""
    code, out, _ = told(capsys, "codes", "check", QUERY, tmp_path / "missing.xml", BAD)
    assert code == 1
    assert "valid LPCO_QUERY" in out and "file.unreadable" in out and "xsd.pattern" in out
    wrong = tmp_path / "wrong.xml"
    wrong.write_text(QUERY.read_text("utf-8").replace("991240999802", "991240999801"), "utf-8")
    code, found = as_json(capsys, "codes", "check", wrong, "--as-of", "2026-11-23")
    assert code == 1 and isinstance(found, dict)
    assert (found["valid"], found["day"]) == (False, "2026-11-23")
    assert {one["rule"] for one in found["findings"]} == {"id.check-digit"}


@pytest.mark.parametrize(
    ("text", "kind", "ends"),
    [
        ("991240999802", "bin", 0), ("991240999801", "bin", 1), ("12345", "bin", 1), ("KZ991240999802", "tin", 0),
        ("AEOKZ991240999911", "aeo-code", 0), ("57505/310226/0000123", "declaration", 1),
        ("CSQU3054383", "container", 0), ("CSQU3054384", "container", 1),
    ],
)  # fmt: skip
def test_numbers_prove_themselves(text: str, kind: str, ends: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The kind is guessed by the form."""
    code, found = as_json(capsys, "codes", "id", text)
    assert isinstance(found, dict)
    assert (code, found["kind"], found["valid"]) == (ends, kind, not ends)
    assert told(capsys, "codes", "id", text)[0] == ends


# --- twins ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["10-query-ok", "24-declaration-lodged", "27-declaration-released"])
def test_a_document_comes_back_from_its_twin(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The message is found by root, namespace, function and type, as for any document."""
    file = HEALTH / name / "in.xml"
    _, out, _ = told(capsys, "twin", "to-json", file, "--pretty")
    (tmp_path / "twin.json").write_text(out, "utf-8")
    code, found = as_json(capsys, "twin", "to-xml", "twin.json")
    assert code == 0 and isinstance(found, dict)
    bare = [(one.tag, (one.text or "").strip()) for one in parse(found["xml"].encode()).iter("{*}*")]
    assert bare == [
        (one.tag, (one.text or "").strip()) for one in parse(canonical(parse(file.read_bytes()))).iter("{*}*")
    ]
    assert as_json(capsys, "twin", "to-json", file)[1]["message"] == found["message"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "json.malformed"), ("[]", "json.root"), ('{"LPCOQueri":{}}', "schema.unknown-root"),
        ('{"LPCOQuery":{"X":"1"}}', "json.unknown"), ('{"LPCOQuery":{"Importer":{}}}', "xsd.missing"),
    ],
)  # fmt: skip
def test_a_twin_that_is_none_says_why(text: str, rule: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "twin.json").write_text(text, "utf-8")
    code, found = as_json(capsys, "twin", "to-xml", "twin.json")
    assert code == 1 and isinstance(found, dict)
    assert rule in {one["rule"] for one in found["findings"]}
    assert told(capsys, "twin", "to-xml", "twin.json")[0] == 1


def test_only_valid_documents_have_a_twin_here(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = told(capsys, "twin", "to-json", BAD)
    assert (code, out, "xsd.pattern" in err) == (1, "", True)
    assert told(capsys, "twin", "to-json", "missing.xml")[0] == 1


def test_the_json_schema_of_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "twin", "schema", "LPCO_QUERY")
    assert code == 0
    assert json.loads(out)["required"] == ["LPCOQuery"]
