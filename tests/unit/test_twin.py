"""The JSON twin keeps everything of a document, and takes nothing that could mean two things."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.errors import EnvelopeMalformed, Finding, GatewayError, SchemaViolation
from gateway.facts import FactTable, facts_from_xsd, read_facts
from gateway.facts.ecma_pattern import ecma
from gateway.model import LANGUAGES, Document
from gateway.schema import validate_bare
from gateway.twin import from_json, to_json, twin_of
from gateway.twin.json_schema import json_schema
from gateway.words import say
from gateway.xml import canonical, parse
from tests.json_schema import complaints
from tests.schemas import GOLDEN
from tests.twins import Sample, facts_of, fixtures, plain, registry

QUERY = facts_of("LPCO_QUERY")
DELIVERED = tuple(
    sample for sample in fixtures() if isinstance(validate_bare(sample.payload, registry().schemas), Document)
)
HEADER = "path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\n"
SMALL = read_facts(
    "# title: Small\n# namespace: urn:a\n# prefix: a\n# root: R\n# version: 1\n# status: official\n# ns b=urn:b\n"
    + HEADER
    + "R,1,1,class,,,,,,,\nR/@v,0,1,token,,,,,,,\nR/Id,0,1,string,D014,Number,,,,[\\s\\S]*,\n"
    + "R/Qty,0,1,quantity,,,,,,,\nR/Note,0,*,text,225,Text,,,,[\\s\\S]*,\nR/Note/@xml:lang,0,1,token,,,,,,,\n"
    + "R/Box,0,1,class,,,,,,,\nR/Box/Id,0,9,string,,,,,,,\nR/b:Box,0,1,class,,,,,,,\nR/b:Box/Id,0,1,string,,,,,,,\n"
)  # fmt: skip


def xml(body: str) -> bytes:
    return f'<R xmlns="urn:a">{body}</R>'.encode()


def twin(body: str) -> Any:
    return json.loads(to_json(xml(body), SMALL))["R"]


def findings(value: Any, facts: FactTable = SMALL) -> tuple[Finding, ...]:
    with pytest.raises(SchemaViolation) as caught:
        from_json(value if isinstance(value, bytes) else json.dumps(value).encode(), facts)
    return caught.value.findings


@pytest.mark.parametrize("sample", DELIVERED, ids=lambda sample: sample.name)
def test_every_fixture_comes_back_and_is_judged_alike(sample: Sample) -> None:
    """XML to JSON to XML: the same names, attributes and values, valid again, and the twin keeps to its schema."""
    there = to_json(sample.payload, sample.facts)
    back = from_json(there, sample.facts)
    assert plain(back) == plain(sample.payload)
    assert canonical(parse(back)) == back
    assert to_json(back, sample.facts) == there
    found = validate_bare(back, registry().schemas)
    assert isinstance(found, Document) and found.type == sample.record.document
    assert complaints(json.loads(there), json_schema(sample.facts)) == []


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.xml")), ids=lambda file: file.stem)
def test_whatever_is_wrong_is_kept_wrong_or_refused(file: Any) -> None:
    """A twin never mends: a document that is not valid comes back as it was, or has no twin."""
    payload = file.read_bytes()
    facts = QUERY if b"LPCOQuery" in payload else facts_of("DEC_RESPONSE" if b"Response" in payload else "DEC_LODGED")
    try:
        back = from_json(to_json(payload, facts), facts)
    except GatewayError:
        return
    assert plain(back) == plain(payload)


def test_one_of_one_is_an_array_and_values_are_strings() -> None:
    assert twin('<Id>007</Id><Qty unitCode="KGM">0012.500</Qty><Note>x</Note><Box/>') == {
        "Id": "007", "Qty": {"@unitCode": "KGM", "#": "0012.500"}, "Note": ["x"], "Box": {},
    }  # fmt: skip


def test_a_namesake_of_another_namespace_keeps_its_prefix() -> None:
    body = '<Box><Id>1</Id></Box><p:Box xmlns:p="urn:b"><p:Id>2</p:Id></p:Box>'
    assert twin(body) == {"Box": {"Id": ["1"]}, "b:Box": {"Id": "2"}}
    assert plain(from_json(to_json(xml(body), SMALL), SMALL)) == plain(xml(body))


def test_empty_elements_line_ends_and_languages_survive() -> None:
    body = '<Id></Id><Note xml:lang="kk">a&#13;\n\tb</Note><Note xml:lang="ru"/>'
    assert twin(body) == {"Id": "", "Note": [{"@lang": "kk", "#": "a\r\n\tb"}, {"@lang": "ru", "#": ""}]}
    assert plain(from_json(to_json(xml(body), SMALL), SMALL)) == plain(xml(body))


def test_the_schema_gives_the_order_back() -> None:
    """Members may stand in any order; elements may not."""
    mixed = {"R": {"Note": ["n"], "Qty": {"#": "1", "@unitCode": "KGM"}, "Id": "1", "@v": "2"}}
    made = from_json(json.dumps(mixed).encode(), SMALL)
    assert made == b'<R xmlns="urn:a" v="2"><Id>1</Id><Qty unitCode="KGM">1</Qty><Note>n</Note></R>'


def test_elements_without_namespace_below_one_with() -> None:
    """An XSD with unqualified local elements: prefixes instead of default namespaces."""
    xsd = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:u"><xs:element name="R">
      <xs:complexType><xs:sequence><xs:element name="A" type="xs:string"/></xs:sequence></xs:complexType>
      </xs:element></xs:schema>"""
    facts = facts_from_xsd(xsd, "R")
    document = b'<n1:R xmlns:n1="urn:u"><A>1</A></n1:R>'
    assert to_json(document, facts) == b'{"R":{"A":"1"}}'
    assert from_json(to_json(document, facts), facts) == document


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<Other/>", "xsd.unexpected"), ('<Id x="1"/>', "xsd.attribute"), ("<Id><Id/></Id>", "xsd.children"),
        ("<Qty>1</Qty><Id/>", "xsd.order"), ("<Id/><Id/>", "xsd.too-many"), ("<Box>text</Box>", "xsd.text"),
    ],
)  # fmt: skip
def test_what_a_twin_cannot_say_is_refused(body: str, rule: str) -> None:
    with pytest.raises(SchemaViolation) as caught:
        to_json(xml(body), SMALL)
    assert caught.value.findings[0].rule == rule
    assert caught.value.findings[0].line == 1


def test_another_root_is_refused() -> None:
    with pytest.raises(SchemaViolation):
        twin_of(b"<S/>", SMALL)


@pytest.mark.parametrize(
    ("value", "rule", "path"),
    [
        ({"R": {"Id": 5}}, "json.type", "/R/Id"),
        ({"R": {"Id": None}}, "json.type", "/R/Id"),
        ({"R": {"Id": True}}, "json.type", "/R/Id"),
        ({"R": {"Id": ["1"]}}, "json.type", "/R/Id"),
        ({"R": {"Id": {"#": "1"}}}, "json.type", "/R/Id"),
        ({"R": {"Qty": {"#": 1.5, "@unitCode": "KGM"}}}, "json.type", "/R/Qty/#"),
        ({"R": {"Qty": {"#": "1"}}}, "json.type", "/R/Qty"),
        ({"R": {"Qty": {"@unitCode": "KGM"}}}, "json.missing", "/R/Qty"),
        ({"R": {"Note": "x"}}, "json.type", "/R/Note"),
        ({"R": {"Note": []}}, "json.empty", "/R/Note"),
        ({"R": {"Note": ["x", 1]}}, "json.type", "/R/Note/1"),
        ({"R": {"Box": "x"}}, "json.type", "/R/Box"),
        ({"R": {"Boks": {}}}, "json.unknown", "/R/Boks"),
        ({"R": {"a/b~c": ""}}, "json.unknown", "/R/a~1b~0c"),
        ({"R": {"Id": "a\u0000b"}}, "json.character", "/R/Id"),
        ({"R": {"Id": "\ud800"}}, "json.character", "/R/Id"),
        ({"R": {"\udfff": ""}}, "json.unknown", "/R/\\udfff"),
        ({"S": {}}, "json.root", ""), ({}, "json.root", ""), ([], "json.root", ""), ("R", "json.root", ""),
        ({"R": {}, "S": {}}, "json.root", ""),
    ],
)  # fmt: skip
def test_json_of_the_wrong_shape_is_refused_with_its_place(value: Any, rule: str, path: str) -> None:
    found = findings(value)
    assert (found[0].rule, found[0].path) == (rule, path)
    assert not any("{" in say(rule, found[0].params, language).text for language in LANGUAGES)


def test_a_near_name_is_suggested() -> None:
    assert findings({"R": {"Boxx": {}}})[0].params["near"] == "Box"


@pytest.mark.threat("J5")
@pytest.mark.parametrize(
    ("octets", "rule"),
    [
        (b'{"R":{"Id":"1","Id":"2"}}', "json.duplicate"),
        (b'{"R":{},"R":{}}', "json.duplicate"),
        (b'{"R":{"Id":"1","\\u0049d":"2"}}', "json.duplicate"),
        (b'{"R":{"Id":NaN}}', "json.number"),
        (b'{"R":{"Id":-Infinity}}', "json.number"),
        (b'{"R":{"Id":1e400}}', "json.number"),
        (b'{"R":{"Id":' + b"9" * 100_000 + b"}}", "json.number"),
        (b'{"R":{"Id":9007199254740993}}', "json.number"),
        (b"[" * 100_000, "json.depth"),
        (b'{"R":' * 51 + b"{}" + b"}" * 51, "json.depth"),
        (b'{"R":{"Id":"1",}}', "json.malformed"),
        (b'{"R":{"Id":"a\nb"}}', "json.malformed"),
        (b'{"R":{"Id":"\xff"}}', "json.malformed"),
        (b'{"R":{"Id":"\xed\xa0\x80"}}', "json.malformed"),
        (b'\xef\xbb\xbf{"R":{}}', "json.malformed"),
        (b'{"R":{}} {}', "json.malformed"),
        ('{"R":{}}'.encode("utf-16"), "json.malformed"),
        (b"", "json.malformed"), (b"<R/>", "json.malformed"), (b'"' + b'\\"' * 200_000, "json.malformed"),
    ],
    ids=range(20),
)  # fmt: skip
def test_json_that_can_mean_two_things_is_refused(octets: bytes, rule: str) -> None:
    with pytest.raises(EnvelopeMalformed) as caught:
        from_json(octets, SMALL)
    assert caught.value.threat == "J5"
    assert caught.value.findings[0].rule == rule


def test_depth_inside_strings_does_not_count() -> None:
    assert from_json(json.dumps({"R": {"Id": "[" * 200 + '\\"{'}}).encode(), SMALL)


def test_the_json_schema_says_names_ids_forms_and_codes() -> None:
    schema = json_schema(QUERY)
    item = schema["properties"]["LPCOQuery"]["properties"]["GovernmentAgencyGoodsItem"]
    assert (item["minItems"], item["maxItems"]) == (1, 999)
    commodity = item["items"]["properties"]["CommodityID"]
    assert (commodity["title"], commodity["x-wco-id"], commodity["x-format"]) == (
        "Commodity Classification",
        "145",
        "an..18",
    )
    direction = schema["properties"]["LPCOQuery"]["properties"]["DirectionCode"]
    assert schema["$defs"][direction["$ref"].removeprefix("#/$defs/")]["enum"] == ["IM", "EX", "TR"]
    assert "unitCode" in "".join(item["items"]["properties"]["WriteOffQuantity"]["required"])


@pytest.mark.parametrize("document", sorted(registry().records))
def test_every_message_has_a_json_schema(document: str) -> None:
    """Plain JSON, every fact in it once, every reference defined."""
    facts = facts_of(document)
    schema = json_schema(facts)
    text = json.dumps(schema)
    assert text.count('"x-wco-id"') >= len({fact.wco_id for fact in facts.facts.values()} - {""})
    assert complaints({facts.root: []}, schema)


def test_the_json_schema_refuses_what_the_xsd_refuses() -> None:
    """The golden corpus of broken queries: the schema sees each, but for days and for comments, which no twin has."""
    unseen = []
    for file in sorted(GOLDEN.glob("*.xml")):
        payload = file.read_bytes()
        if b"<LPCOQuery" not in payload or isinstance(validate_bare(payload, registry().schemas), Document):
            continue
        try:
            found = complaints(json.loads(to_json(payload, QUERY)), json_schema(QUERY))
        except GatewayError:
            continue
        if not found:
            unseen.append(file.stem)
    assert unseen == ["15-thirtieth-of-february", "46-comment-splits-value", "47-cdata-in-value"]


@pytest.mark.parametrize(
    ("xsd", "said"),
    [
        ("[0-9]{2}|[0-9]{5}", "[0-9]{2}|[0-9]{5}"),
        (r".*\S.*", r"[^\n\r]*[^ \t\n\r][^\n\r]*"),
        ("[^\\s]", r"[^ \t\n\r]"),
        (r"\p{IsCyrillic}+", r"[\u0400-\u04FF]+"), (r"[\p{IsCyrillic}a]", r"[\u0400-\u04FFa]"),
        ("a^b$", r"a\^b\$"),
        (r"[\s\S]*", r"[\s\S]*"), (r"\.\-[a\-z]", r"\.\-[a\-z]"), (r"\i\c*", ""), ("[a-z-[aeiou]]", ""),
        (r"\p{L}", ""),
        (r"\d", ""),
    ],
)  # fmt: skip
def test_patterns_are_said_in_ecma_words(xsd: str, said: str) -> None:
    assert ecma(xsd) == said
