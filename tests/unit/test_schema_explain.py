"""Complaints of libxml2 become findings: which of them, where, and by which name, with and without facts."""

from __future__ import annotations

import pytest

from gateway.facts import FactTable, read_facts
from gateway.model import DocumentType, Schema
from gateway.refusal import finding_members
from gateway.schema import Schemas, validate_bare
from gateway.schema.rules import Complaint, read_complaint

HEAD = """# title: Two answers
# namespace: urn:test:a
# prefix: a
# ns o=urn:test:o
# root: Letter
# version: 1
# status: profile, not official
path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note
Letter,1,1,class,KZ1,Letter,,,,,
Letter/Мекенжай,1,1,text,KZ2,Address,,an..10,,,
Letter/Answer,0,1,class,KZ3,Our answer,,,,,
Letter/Answer/Code,1,1,code,KZ4,Our code,,a2,,,
Letter/o:Answer,0,1,class,KZ5,Other answer,,,,,
Letter/o:Answer/Code,1,1,code,KZ6,Other code,,a2,,,
"""
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:a="urn:test:a" targetNamespace="urn:test:a"
  xmlns:o="urn:test:o" elementFormDefault="qualified"><xs:import namespace="urn:test:o" schemaLocation="o.xsd"/>
  <xs:element name="Letter"><xs:complexType><xs:sequence>
    <xs:element name="Мекенжай"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="10"/>
      </xs:restriction></xs:simpleType></xs:element>
    <xs:element name="Answer" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="Code">
      <xs:simpleType><xs:restriction base="xs:token"><xs:pattern value="[A-Z]{2}"/></xs:restriction></xs:simpleType>
      </xs:element></xs:sequence></xs:complexType></xs:element>
    <xs:element ref="o:Answer" minOccurs="0"/>
  </xs:sequence><xs:attribute name="kind" fixed="x"/></xs:complexType></xs:element></xs:schema>"""
OTHER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:test:o"
  elementFormDefault="qualified"><xs:element name="Answer"><xs:complexType><xs:sequence>
    <xs:element name="Code"><xs:simpleType><xs:restriction base="xs:token"><xs:pattern value="[A-Z]{2}"/>
    </xs:restriction></xs:simpleType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>"""
RECORD = Schema(document=DocumentType("LETTER"), namespace="urn:test:a", root="Letter", path="a.xsd", version="1")


def findings(inner: str, facts: FactTable | None, attributes: str = "") -> list[dict[str, object]]:
    schemas = Schemas([RECORD], {"a.xsd": XSD.encode(), "o.xsd": OTHER.encode()}.__getitem__, lambda _record: facts)
    document = f"<Letter xmlns='urn:test:a' xmlns:o='urn:test:o' {attributes}>{inner}</Letter>"
    found = validate_bare(document.encode(), schemas)
    assert isinstance(found, tuple), "the document is valid"
    return [finding_members(finding) for finding in found]


FACTS = read_facts(HEAD)
ADDRESS = "<Мекенжай>Қорғас</Мекенжай>"


def test_namesakes_in_two_namespaces_keep_their_own_facts() -> None:
    both = "<Answer><Code>x</Code></Answer><o:Answer><o:Code>y</o:Code></o:Answer>"
    found = findings(ADDRESS + both, FACTS)
    assert [finding["wcoId"] for finding in found] == ["KZ4", "KZ6"]
    assert [finding["value"] for finding in found] == ["x", "y"]


def test_element_names_of_any_script_are_read() -> None:
    (finding,) = findings("<Мекенжай>Қорғас ауылы, 1</Мекенжай>", FACTS)
    assert (finding["rule"], finding["path"]) == ("xsd.length", "/Letter/Мекенжай")


@pytest.mark.parametrize("facts", [FACTS, None], ids=["facts", "xsd only"])
@pytest.mark.parametrize(
    ("inner", "rule"),
    [
        ("", "xsd.missing"),
        (f"{ADDRESS}<Unknown/>", "xsd.unexpected"),
        (f"{ADDRESS}<Answer><o:Code>AB</o:Code></Answer>", "xsd.namespace"),
        (f"{ADDRESS}<Answer><Code>{'x' * 500}</Code></Answer>", "xsd.pattern"),
        (f"{ADDRESS}<Answer>no<Code>AB</Code></Answer>", "xsd.text"),
        (f"{ADDRESS}<Answer><Code><B/></Code></Answer>", "xsd.children"),
    ],
)
def test_rules_without_facts_are_the_same(inner: str, rule: str, facts: FactTable | None) -> None:
    (finding,) = findings(inner, facts)
    assert finding["rule"] == rule
    assert len(str(finding.get("value", ""))) <= 200


def test_without_facts_order_is_told_as_unexpected() -> None:
    """Only the facts know the order; the XSD's complaint alone says what would have been expected."""
    swapped = f"<Answer><Code>AB</Code></Answer>{ADDRESS}"
    assert findings(swapped, FACTS)[0]["rule"] == "xsd.order"
    (finding,) = findings(swapped, None)
    assert finding["rule"] == "xsd.unexpected"
    assert "Мекенжай" in str(finding["hint"])


def test_attribute_is_part_of_the_path() -> None:
    (finding,) = findings(ADDRESS, FACTS, "kind='y'")
    assert (finding["rule"], finding["path"], finding["value"]) == ("xsd.fixed", "/Letter/@kind", "y")


def test_prefix_on_the_wire_does_not_hide_the_place() -> None:
    """libxml2 writes prefixed steps by name, others as `*`; both lead to the element."""
    document = (
        "<_1:Letter xmlns:_1='urn:test:a' xmlns='urn:test:o'>\n<_1:Мекенжай>A</_1:Мекенжай>\n"
        "<Answer><Code>x</Code></Answer></_1:Letter>"
    )
    schemas = Schemas([RECORD], {"a.xsd": XSD.encode(), "o.xsd": OTHER.encode()}.__getitem__, lambda _record: FACTS)
    found = validate_bare(document.encode(), schemas)
    assert isinstance(found, tuple)
    assert [(f.path, f.line, f.column) for f in found] == [("/Letter/Answer/Code", 3, 9)]


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("Element 'A': The element is not 'nillable'.", "xsd.nil"),
        ("Element 'A': Duplicate key-sequence ['1'] in unique identity-constraint 'k'.", "xsd.unique"),
        ("Element 'A': No match found for key-sequence ['1'] of keyref 'k'.", "xsd.reference"),
        (
            "Element 'A': [facet 'minInclusive'] The value '0' is less than the minimum value allowed ('1').",
            "xsd.value",
        ),
        ("Element 'A': [facet 'maxExclusive'] The value '9' must be less than '9' ('9').", "xsd.value"),
        ("Element 'A': [facet 'totalDigits'] The value '123' has more digits than are allowed ('2').", "xsd.decimal"),
        ("Element 'A': The type definition is abstract.", "xsd.other"),
        ("something new", "xsd.other"),
    ],
)
def test_other_complaints_are_read(message: str, rule: str) -> None:
    reading = read_complaint(Complaint(kind="", path="/", message=message))
    assert reading.rule == rule
    assert reading.params or rule == "xsd.nil"
