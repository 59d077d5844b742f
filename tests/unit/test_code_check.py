"""Codes are right on the day of the document, numbers prove themselves, and real documents pass."""

from __future__ import annotations

import csv
import re
from datetime import date
from functools import cache

import pytest

from gateway.codes.check import Desk, business_day, check_codes
from gateway.codes.lists import CodeLists, read_code_lists
from gateway.codes.numbers import CHECKS, check_uscc
from gateway.errors import ConfigurationError, Finding
from gateway.facts import read_facts
from gateway.model import LANGUAGES
from gateway.words import say
from tests.schemas import ROOT
from tests.twins import Sample, facts_of, fixtures, known

CODES = ROOT / "xsd" / "codes"
FILES = {file.name: file.read_text("utf-8") for file in sorted(CODES.glob("*.csv"))}
LISTS = read_code_lists(FILES)
DAY = date(2026, 11, 23)
LODGED = next(sample for sample in fixtures() if sample.name == "24-declaration-lodged/in")
QUERY = next(sample for sample in fixtures() if sample.name == "10-query-ok/in")
ROW = "code,name_en,name_ru,name_kk,valid_from,valid_to,source\n"


@cache
def desk(document: str) -> Desk:
    return Desk(facts_of(document), LISTS)


def spoilt(sample: Sample, old: str, new: str, day: date = DAY) -> tuple[Finding, ...]:
    payload = sample.payload.decode()
    assert old in payload
    return desk(sample.record.document).check(payload.replace(old, new, 1).encode(), day)


def lists(index: str, **books: str) -> CodeLists:
    return read_code_lists({"index": index, **{name: ROW + text for name, text in books.items()}})


@pytest.mark.parametrize("sample", [s for s in fixtures() if s.case["expect"] == "delivered"], ids=lambda s: s.name)
def test_every_delivered_document_keeps_to_its_lists(sample: Sample) -> None:
    """The corridor of health permits and of declarations (C01) and that of operators (C03), both sides of each."""
    assert (
        desk(sample.record.document).check(sample.payload, business_day(sample.payload, sample.facts, LISTS) or DAY)
        == ()
    )


def test_the_declaration_is_really_looked_at() -> None:
    """What the lodged declaration of C01 is held to: twenty and more of its values, by list and by check."""
    bound = desk("DEC_LODGED").bound
    seen = {path: binding.book or binding.check for path, binding in bound.items()}
    item = "MetaData/Declaration/GoodsShipment/GovernmentAgencyGoodsItem"
    assert seen["MetaData/Declaration/InvoiceAmount/@currencyID"] == "iso-4217"
    assert seen["MetaData/Declaration/BorderTransportMeans/ModeCode"] == "rec-19"
    assert seen[f"{item}/Packaging/TypeCode"] == "rec-21"
    assert seen[f"{item}/AdditionalDocument/TypeCode"] == "eaeu-documents"
    assert seen[f"{item}/Commodity/GoodsMeasure/GrossMassMeasure/@unitCode"] == "rec-20"
    assert seen["MetaData/Declaration/GoodsShipment/Consignment/TransportEquipment/ID"] == "container"
    assert seen["MetaData/Declaration/GoodsShipment/Importer/ID"] == "operator"
    assert "MetaData/Response/FunctionCode" not in desk("DEC_RESPONSE").bound
    assert len(bound) > 80


@pytest.mark.parametrize(
    ("old", "new", "rule", "place"),
    [
        ('currencyID="CNY"', 'currencyID="ABC"', "code.unknown", "/MetaData/Declaration/InvoiceAmount/@currencyID"),
        ('currencyID="CNY"', 'currencyID="BGN"', "code.expired", "/MetaData/Declaration/InvoiceAmount/@currencyID"),
        ("<ModeCode>3<", "<ModeCode>M<", "code.unknown", "/MetaData/Declaration/BorderTransportMeans/ModeCode"),
        ("<CountryCode>CN<", "<CountryCode>AN<", "code.expired", "/MetaData/Declaration/Exporter/Address/CountryCode"),
        ("<CountryCode>CN<", "<CountryCode>XX<", "code.unknown", "/MetaData/Declaration/Exporter/Address/CountryCode"),
        ("KZ991240999802", "KZ991240999803", "id.check-digit", "/MetaData/Declaration/Declarant/ID"),
        ("KZ991240999802", "99124099980", "", ""),
        ("KZ991240999802", "KZ99124099980", "id.form", "/MetaData/Declaration/Declarant/ID"),
        ("TSTU9990010", "TSTU9990011", "id.check-digit",
         "/MetaData/Declaration/GoodsShipment/Consignment/TransportEquipment[1]/ID"),
        ("57505/191126/0000123", "57505/310926/0000123", "id.date", "/MetaData/Declaration/ID"),
    ],
)  # fmt: skip
def test_a_wrong_code_or_number_is_found_with_its_place(old: str, new: str, rule: str, place: str) -> None:
    found = spoilt(LODGED, old, new)
    assert [(finding.rule, finding.path) for finding in found] == ([(rule, place)] if rule else [])
    for finding in found:
        assert (finding.line and finding.value and finding.wco_id) or "@" in place
        for language in LANGUAGES:
            words = say(finding.rule, finding.params, language)
            assert finding.value[:5] in words.text and "{" not in words.text + words.hint


def test_as_of_is_the_day_of_the_document() -> None:
    """The Bulgarian lev ended with 2025: right in a declaration of its last day, wrong the day after."""
    old, new = 'currencyID="CNY"', 'currencyID="BGN"'
    assert spoilt(LODGED, old, new, date(2025, 12, 31)) == ()
    [found] = spoilt(LODGED, old, new, date(2026, 1, 1))
    assert found.params["until"] == "2025-12-31"
    [early] = spoilt(LODGED, old, 'currencyID="XCG"', date(2025, 3, 30))
    assert (early.rule, early.params["since"]) == ("code.not-yet", "2025-03-31")


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("cny", {"hint": "lower-case", "try": "CNY"}), ("СNY", {"hint": "mixed-alphabet"}),
        ("ＣＮＹ", {"hint": "full-width", "try": "CNY"}), ("CNYY", {"near": "CNY"}),
    ],
)  # fmt: skip
def test_what_was_meant_is_told_never_applied(text: str, params: dict[str, str]) -> None:
    [found] = spoilt(LODGED, 'currencyID="CNY"', f'currencyID="{text}"')
    assert found.rule == "code.unknown"
    assert {key: found.params[key] for key in params} == params


def test_white_space_around_a_code_is_not_a_finding() -> None:
    assert spoilt(LODGED, "<CountryCode>CN<", "<CountryCode> CN\n<") == ()


def test_an_unknown_code_of_a_list_in_part_passes() -> None:
    assert spoilt(LODGED, "<TypeCode>CT<", "<TypeCode>QX<") == ()
    assert spoilt(LODGED, 'unitCode="KGM"', 'unitCode="KGM#G"') == ()


def test_category_and_type_are_one_code() -> None:
    index = "root,path,remark,list,join,also,note\n*,*/AdditionalDocument/TypeCode,*,docs,CategoryCode,,\n"
    known = lists(index, docs="01081,a,b,c,,2026-11-22,\n")
    [found, *rest] = check_codes(LODGED.payload, LODGED.facts, known, DAY)
    assert (found.rule, found.value) == ("code.expired", "01081")
    assert check_codes(LODGED.payload, LODGED.facts, known, date(2026, 11, 22)) == ()
    assert [finding.value for finding in rest] == ["01081"]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("24-declaration-lodged/in", date(2026, 11, 19)),  # accepted, although issued at another time
        ("10-query-ok/in", date(2026, 11, 19)), ("10-query-ok/out", date(2026, 11, 19)),
        ("27-declaration-released/in", date(2026, 11, 23)), ("51-delta-new-changed-revoked/in", date(2026, 11, 24)),
        ("51-delta-new-changed-revoked/out", date(2026, 11, 24)), ("33-declaration-withdrawn/in", None),
    ],
)  # fmt: skip
def test_the_business_day_is_read_in_every_format(name: str, day: date | None) -> None:
    sample = next(sample for sample in fixtures() if sample.name == name)
    assert business_day(sample.payload, sample.facts, LISTS) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-21T18:59:00Z", date(2026, 11, 21)), ("2026-11-21T19:00:00Z", date(2026, 11, 22)),
        ("2026-11-21T23:59:00+05:00", date(2026, 11, 21)), ("20261121190000Z", date(2026, 11, 22)),
        ("20261121235900+05", date(2026, 11, 21)), ("20261121", date(2026, 11, 21)),
        ("21.11.2026 23:59:59", date(2026, 11, 21)), ("2026-02-30", None),
        ("0001-01-01T00:00:00+14:00", None), ("x", None),
    ],
)  # fmt: skip
def test_the_business_day_is_that_of_astana(text: str, day: date | None) -> None:
    facts = read_facts(
        "# title: T\n# namespace: urn:t\n# prefix: t\n# root: R\n# version: 1\n# status: official\n"
        "path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\nR,1,1,class,,,,,,,\nR/D,1,1,string,D011,,,,,,\n"
    )
    assert business_day(f'<R xmlns="urn:t"><D>{text}</D></R>'.encode(), facts, LISTS) == day


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        ("bin", ["991240999802", "991240999911", "991240990700", "999944999910", "991240999812"],
         ["991240999803", "99124099980", "９９１２４０９９９８０２", "991240990190", "99124099980О"]),
        ("tin", ["KZ991240999802", "KR9998799994", "TR9999999943", "RU9999999998", "RU500100732259",
                 "DE999999999999999",
                 "CN6501999999", "UZ999999901"],
         ["KZ991240999803", "KR9998799993", "TR9999999944", "RU9999999997", "RU500100732250", "DE9999999999999999",
          "kz991240999802", "991240999802", "КZ991240999802"]),
        ("aeo-code", ["AEOKZ991240999911", "AEOCN6501999999"],
         ["AEO KZ991240999911", "АЕОKZ991240999911", "AEOKZ991240999912"]),
        ("container", ["TSTU9990010", "TSTU9990026", "TSTU9990140", "CSQU3054383", "AKE12345AB", "999AAA02"],
         ["TSTU9990011", "CSQU3054384"]),
        ("declaration", ["57505/010203/0000001", "18GB1234567890", "10009999/201126/0000042", "57505/290224/0000001"],
         ["57505/310926/0000123", "57505/290223/0000001", "57505/001126/0000001"]),
        ("operator", ["KZ991240999802", "991240999802", "GB123456789000", "霍尔果斯"],
         ["KZ991240999803", "991240999803"]),
    ],
)  # fmt: skip
def test_numbers_prove_themselves(check: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if CHECKS[check](text)] == []
    assert [text for text in bad if not CHECKS[check](text)] == []


def test_the_social_credit_code_has_a_check_digit() -> None:
    """18 signs are too long for a TIN of 17; the check of the body stands for lists that carry it alone."""
    assert check_uscc("91650100MA99999X9B") is None
    assert check_uscc("91650100MA99999X9A") is not None


@pytest.mark.parametrize("name", sorted(LISTS.books))
def test_every_list_is_complete_in_three_languages(name: str) -> None:
    """Names in three languages that differ in script, a source for each row, codes in order."""
    rows = [row for found in LISTS.books[name].codes.values() for row in found]
    assert rows and all(row.source for row in rows)
    assert LISTS.books[name].version and LISTS.books[name].title
    codes = [
        row["code"] for row in csv.DictReader(line for line in FILES[f"{name}.csv"].splitlines() if line[0] != "#")
    ]
    assert codes == sorted(codes, key=lambda code: (not code.isdigit(), len(code) if code.isdigit() else 0, code))
    assert any(set("әғқңөұүһі") & set(row.names["kk"]) for row in rows)
    assert not [row.code for row in rows if not re.search("[А-яЁёәғқңөұүһіӘҒҚҢӨҰҮҺІ]", row.names["kk"])]
    assert not [row.names["ru"] for row in rows if set("әғқңөұүһ") & set(row.names["ru"])]


def test_every_binding_fits_something() -> None:
    """A row of the index that no message of the tree has is a row that nobody tests."""
    used = {id(binding) for document in known() for binding in desk(document).bound.values()}
    idle = [row.path + " " + row.remark for row in LISTS.bindings if (row.book or row.check) and id(row) not in used]
    assert idle == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a": "x\n"}, "the columns are code,name_en"),
        ({"a": ROW + "A,a,b\n"}, "3 cells instead of 7"),
        ({"a": ROW + "A,a,,c,,,\n"}, "three names"),
        ({"a": ROW + "A,a,b,c,2026-01-01,2025-01-01,\n"}, "valid_to is before"),
        ({"a": ROW + "A,a,b,c,01.01.2026,,\n"}, "not a day"),
        ({"a": ROW + "A,a,b,c,2026-02-30,,\n"}, "day is out of range"),
        ({"a": ROW + "A,a,b,c,,,\nA,a,b,c,,,\n"}, "stands twice"),
        ({"a": ROW + "A,a,b,c,,2025-01-01,\nA,a,b,c,2025-01-01,,\n"}, "stands twice"),
        ({"index": "root,path,remark,list,join,also,note\n*,*,*,nolist,,,\n"}, "no list nolist"),
        ({"index": "root,path,remark,list,join,also,note\n,*,*,,,,\n"}, "must not be empty"),
    ],
)  # fmt: skip
def test_a_list_with_a_mistake_is_refused_with_its_line(files: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_code_lists(files)
    assert reason in caught.value.findings[0].params["reason"]
    assert caught.value.findings[0].line


def test_a_check_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Desk(QUERY.facts, lists("root,path,remark,list,join,also,note\n*,*,*,check:magic,,,\n"))


def test_a_code_that_came_back_is_valid_again() -> None:
    book = lists("", a="A,a,b,c,,2020-12-31,\nA,a,b,c,2026-01-01,,\n").books["a"]
    assert [book.standing("A", date(year, 6, 1))[0] for year in (2020, 2023, 2026)] == ["valid", "expired", "valid"]
    assert [book.standing("A", day)[0] for day in (date(2020, 12, 31), date(2026, 1, 1))] == ["valid", "valid"]
    assert [book.standing("A", day)[0] for day in (date(2021, 1, 1), date(2025, 12, 31))] == ["expired", "expired"]
