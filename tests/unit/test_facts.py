"""Schema tables are read into facts, and everything wrong with them is said at once."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError
from gateway.facts import facts_from_xsd, read_facts

HEAD = """# title: Permit query
# namespace: urn:test:permit:1
# prefix: p
# ns o=urn:test:other:1
# ns w=urn:test:wco:1
# dates w=urn:test:wco-dates:1
# style w=wco
# root: Query
# version: 1.0
# status: profile, not official
path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note
"""
ROWS = """Query,1,1,class,KZ001,Query,,,,,
Query/ID,1,1,id,D005,Document number,1004,an..70,,,
Query/Item,0,*,class,68A,Goods item,,,,,
Query/Item/Amount,1,1,quantity,502,Quantity,6060,"n..16,6",,,
Query/Item/Amount/@unitCode,1,1,token,KZ002,Unit,,an..5,one of: KGM | NAR,,
Query/Answer,0,1,class,KZ003,Answer,,,,,
Query/o:Answer,0,1,class,KZ004,Other answer,,,,,
Query/o:Answer/Text,0,1,text,225,Text,4440,an..512,,,
Query/w:Party,0,1,class,17B,Submitter,,,,,
Query/Party/ID,0,1,id,R059,Submitter,3039,an..17,,,
Query/w:Party/IssueDateTime,0,1,datetimestring,D011,Date,2380,an..35,,,
Query/?how,1,1,choice,,,,,,,
Query/?how/Қағаз,1,1,string,KZ005,Paper,,an..10,,,
Query/?how/Wire,1,1,string,KZ006,Wire,,an..10,,,
"""


def problems(text: str) -> list[tuple[str, int | None]]:
    """The rules and lines of everything wrong with a table."""
    with pytest.raises(ConfigurationError) as refusal:
        read_facts(text, file="permit.csv")
    assert {finding.params["file"] for finding in refusal.value.findings} == {"permit.csv"}
    return [(finding.rule, finding.line) for finding in refusal.value.findings]


def test_a_table_becomes_facts_in_document_order() -> None:
    """Headers, occurrences, ids and formats are read as written."""
    table = read_facts(HEAD + ROWS)
    assert (table.namespace, table.root, table.version, table.official) == ("urn:test:permit:1", "Query", "1.0", False)
    assert next(iter(table.facts)) == "Query"
    item = table.facts["Query/Item"]
    assert (item.min, item.max, item.type, item.wco_id, item.namespace) == (0, None, "class", "68A", table.namespace)
    assert table.facts["Query/ID"].format == "an..70"


def test_children_are_elements_then_attributes() -> None:
    """The empty path gives the root; groups are no part of a path."""
    table = read_facts(HEAD + ROWS)
    assert [fact.path for fact in table.children("")] == ["Query"]
    names = [fact.path.removeprefix("Query/") for fact in table.children("Query")]
    assert names == ["ID", "Item", "Answer", "o:Answer", "Party", "Қағаз", "Wire"]
    assert [fact.path for fact in table.children("Query/Item/Amount")] == ["Query/Item/Amount/@unitCode"]


def test_members_of_a_choice_may_stay_away() -> None:
    """Whatever their own rows say."""
    facts = read_facts(HEAD + ROWS).facts
    assert (facts["Query/Қағаз"].min, facts["Query/Wire"].min) == (0, 0)


def test_a_shared_local_name_keeps_its_prefix() -> None:
    """Two siblings of one local name in two namespaces stay two facts, with all below them."""
    facts = read_facts(HEAD + ROWS).facts
    assert facts["Query/Answer"].namespace == "urn:test:permit:1"
    assert facts["Query/o:Answer/Text"].namespace == "urn:test:other:1"


def test_a_written_attribute_takes_the_place_of_an_implied_one() -> None:
    """`unitCode` of a quantity is optional unless its own row says more."""
    unit = read_facts(HEAD + ROWS).facts["Query/Item/Amount/@unitCode"]
    assert (unit.attribute, unit.namespace, unit.min, unit.choices) == (True, "", 1, ("KGM", "NAR"))


def test_wco_style_brings_attributes_and_date_strings() -> None:
    """Supplementary attributes only where the style says so; DateTimeString in the dates' namespace."""
    facts = read_facts(HEAD + ROWS).facts
    assert "Query/Party/ID/@schemeID" in facts
    assert "Query/ID/@schemeID" not in facts
    assert facts["Query/Party/IssueDateTime/DateTimeString"].namespace == "urn:test:wco-dates:1"
    assert facts["Query/Party/IssueDateTime/DateTimeString/@formatCode"].min == 1


def test_an_element_like_another_tables_brings_all_below_it() -> None:
    """`like:` grafts the facts of the named table; without that table the row stands alone."""
    text = HEAD + "Query,1,1,class,,,,,,,\nQuery/o:Permit,0,1,like:permit.csv,,,,,,,\n"
    other = HEAD.replace("permit:1", "other:1").replace("root: Query", "root: Permit")
    other += "Permit,1,1,class,,,,,,,\nPermit/ID,1,1,id,D005,Number,,an..35,,,\n"
    assert read_facts(text, {"permit.csv": other}).facts["Query/Permit/ID"].wco_id == "D005"
    assert "Query/Permit/ID" not in read_facts(text).facts


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("Query/Nowhere/ID,1,1,id,,,,,,,", "facts.parent"),
        ("Query/ID/Below,1,1,id,,,,,,,", "facts.parent"),
        ("Query/ID,1,1,id,,,,,,,", "facts.duplicate"),
        ("Query/x:New,1,1,id,,,,,,,", "facts.prefix"),
        ("Query/New,1,1,string30,,,,,,,", "facts.type"),
        ("Query/New,2,1,id,,,,,,,", "facts.occurs"),
        ("Query/New,one,1,id,,,,,,,", "facts.occurs"),
        ("Query/New,1,1,id,,,,varchar,,,", "facts.format"),
        ('Query/New,1,1,id,,,,"n..16,6",,,', "facts.format"),
        (r"Query/New,1,1,id,,,,,,\d{3},", "facts.pattern"),
        ("Query/New,1,1,id,,", "facts.columns"),
        ("Query/,1,1,id,,,,,,,", "facts.path"),
        ("Other,1,1,class,,,,,,,", "facts.root"),
    ],
)
def test_each_mistake_has_its_rule_and_line(row: str, rule: str) -> None:
    """Lines count from 1 in the file."""
    text = HEAD + "Query,1,1,class,,,,,,,\nQuery/ID,1,1,id,,,,,,,\n" + row + "\n"
    assert problems(text) == [(rule, 14)]


def test_all_mistakes_are_said_at_once() -> None:
    """A table with three mistakes gives three findings."""
    text = (
        HEAD.replace("# version: 1.0\n", "") + "Query,1,1,class,,,,,,,\nQuery/A,1,1,bad,,,,,,,\nQuery/B,3,2,id,,,,,,,\n"
    )
    assert [rule for rule, _ in problems(text)] == ["facts.header", "facts.type", "facts.occurs"]


def test_a_spreadsheet_may_add_a_mark_and_empty_cells() -> None:
    """Byte order mark, CRLF and trailing commas of header lines are what spreadsheets write."""
    text = "\ufeff" + (HEAD + ROWS).replace("# version: 1.0\n", "# version: 1.0,,,,\n").replace("\n", "\r\n")
    assert read_facts(text).version == "1.0"


XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:test:own:1" xmlns="urn:test:own:1"
  elementFormDefault="qualified" version="3">
  <xs:element name="Own"><xs:complexType><xs:sequence>
    <xs:element name="Number" type="xs:token"><xs:annotation><xs:documentation><WCOID>D005</WCOID>
      <WCOName>Document number</WCOName></xs:documentation></xs:annotation></xs:element>
    <xs:choice><xs:element name="Mass" maxOccurs="unbounded"><xs:complexType><xs:simpleContent>
      <xs:extension base="xs:decimal"><xs:attribute name="unit" use="required" type="xs:string"/></xs:extension>
    </xs:simpleContent></xs:complexType></xs:element><xs:element ref="Own"/></xs:choice>
  </xs:sequence></xs:complexType></xs:element></xs:schema>"""


def test_an_xsd_alone_gives_facts_too() -> None:
    """Names, occurrences, attributes, type words and WCO annotations; a class in itself is followed once."""
    table = facts_from_xsd(XSD, "Own")
    assert list(table.facts) == ["Own", "Own/Number", "Own/Mass", "Own/Mass/@unit", "Own/Own"]
    number, mass = table.facts["Own/Number"], table.facts["Own/Mass"]
    assert (number.wco_id, number.wco_name, number.type, number.min) == ("D005", "Document number", "token", 1)
    assert (mass.type, mass.min, mass.max) == ("decimal", 0, None)
    assert (table.version, table.namespace, table.facts["Own/Mass/@unit"].min) == ("3", "urn:test:own:1", 1)


@pytest.mark.parametrize("xsd", [b"<no-schema/>", b"not xml", XSD.replace(b'"Own"', b'"Other"', 1)])
def test_a_useless_xsd_is_refused(xsd: bytes) -> None:
    """Not a schema, not XML, no such root."""
    with pytest.raises(ConfigurationError) as refusal:
        facts_from_xsd(xsd, "Own")
    assert refusal.value.findings[0].rule == "facts.xsd"
