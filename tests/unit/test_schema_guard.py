"""What a document may not do whatever its schema says: the quick searches must miss nothing that the walks find."""

from __future__ import annotations

import pytest

from gateway.schema.guard import split_values, typed_elements, without_locations
from gateway.xml import parse

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SPELLINGS = (XSI, XSI.replace("i", "&#105;"), XSI.replace("X", "&#x58;"), XSI.replace("-", "&#45;"))


@pytest.mark.parametrize("namespace", SPELLINGS)
@pytest.mark.parametrize("prefix", ["xsi", "x", "қ"])
def test_a_type_is_found_however_its_namespace_is_written(namespace: str, prefix: str) -> None:
    """Character references in the namespace hide nothing."""
    payload = f'<a xmlns:{prefix}="{namespace}"><b {prefix}:type="t">1</b></a>'.encode()
    assert [element.tag for element in typed_elements(parse(payload), payload)] == ["b"]


@pytest.mark.parametrize("namespace", SPELLINGS)
@pytest.mark.parametrize("name", ["schemaLocation", "noNamespaceSchemaLocation"])
def test_a_location_goes_however_its_namespace_is_written(namespace: str, name: str) -> None:
    """No hint where a schema might lie is left."""
    payload = f'<a xmlns:x="{namespace}"><b x:{name}="u v">1</b></a>'.encode()
    root = without_locations(parse(payload), payload)
    assert [dict(element.attrib) for element in root] == [{}]


def test_other_attributes_called_type_are_left_alone() -> None:
    """Only the name in the one namespace counts."""
    payload = f'<a xmlns:x="urn:x" xmlns:y="{XSI}" x:type="t" type="u" y:nil="true"/>'.encode()
    assert typed_elements(parse(payload), payload) == []


@pytest.mark.parametrize("what", ["<!-- c -->", "<![CDATA[3]]>", "<?p i?>"])
def test_a_split_value_is_found_among_harmless_marks(what: str) -> None:
    """Exclamation and question marks in text change nothing."""
    octets = f'<?xml version="1.0"?><a><b>Is it 1 < 2? Yes!</b><c>1{what}2</c></a>'.replace(
        "1 < 2", "1 &lt; 2"
    ).encode()
    assert [split.index for split in split_values(octets)] == [(1,)]


def test_marks_in_text_split_nothing() -> None:
    """A question in a text is a text."""
    assert split_values("<a><b>Иә! Неге?</b></a>".encode()) == []
