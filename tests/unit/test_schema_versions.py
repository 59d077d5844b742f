"""Versions of one message: found by name, told apart, and every corridor that does not say enough is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import MappingInvalid, NoCorridor
from gateway.model import Claims, Corridor, CorridorId, Document, DocumentType, MessageId, PartnerId, Schema
from gateway.route import route
from gateway.schema import Schemas, check
from gateway.schema.versions import check_versions, versions_of

PASS = DocumentType("PASS")
A, B = PartnerId("a"), PartnerId("b")


def schema(version: str, **more: object) -> Schema:
    when = {"@version": frozenset({version})}
    return replace(
        Schema(document=PASS, namespace="urn:p", root="Pass", path=f"p{version}.xsd", version=version, when=when),
        **more,  # type: ignore[arg-type]
    )


def corridor(takes: str = "", gives: str = "", mapping: str = "", name: str = "c") -> Corridor:
    return Corridor(
        id=CorridorId(name), sender=A, receiver=B, takes=PASS, gives=PASS, takes_version=takes, gives_version=gives,
        mapping=mapping,
    )  # fmt: skip


def reasons(schemas: list[Schema], *corridors: Corridor) -> list[str]:
    return [finding.params["reason"] for finding in check_versions(versions_of(schemas), corridors)]


def test_the_latest_is_the_last_declared() -> None:
    versions = versions_of([schema("9"), schema("10")])
    assert versions.latest()[PASS].version == versions.find(PASS).version == "10"
    assert versions.find(PASS, "9").path == "p9.xsd"
    for document, version in ((PASS, "11"), (DocumentType("NONE"), "")):
        with pytest.raises(LookupError):
            versions.find(document, version)


def test_a_partner_exchanges_what_its_corridors_say() -> None:
    versions = versions_of([schema("1"), schema("2")])
    ways = [corridor("1", "2", "t.csv")]
    assert versions.of_partner(PASS, A, ways).version == "1"
    assert versions.of_partner(PASS, B, ways).version == "2"
    assert versions.of_partner(PASS, PartnerId("c"), ways).version == "2"


def test_with_one_version_nothing_need_be_said() -> None:
    assert reasons([schema("1")], corridor(), corridor("1", "1", name="d")) == []


@pytest.mark.parametrize(
    ("schemas", "way", "told"),
    [
        ([schema("1"), schema("2")], corridor("1"), "gives PASS: say which version: 1, 2"),
        ([schema("1"), schema("2")], corridor("3", "2", "t.csv"), "takes PASS 3; there is 1, 2"),
        ([schema("1"), schema("2")], corridor("1", "2"), "leaves in the version it came in"),
        ([schema("1"), schema("1", when={})], corridor(), "cannot be told apart"),
        ([schema("1"), schema("2", when=schema("1").when)], corridor("1", "1"), "cannot be told apart"),
    ],
)
def test_what_is_left_open_is_named_at_start(schemas: list[Schema], way: Corridor, told: str) -> None:
    assert told in " | ".join(reasons(schemas, way))


def test_one_table_cannot_be_of_two_versions() -> None:
    schemas = [schema("1"), schema("2")]
    ways = corridor("1", "2", "t.csv"), corridor("2", "1", "t.csv", name="d")
    assert reasons(schemas, *ways) == ["t.csv is a table of other versions in another corridor"]


def test_a_corridor_takes_its_version_only() -> None:
    ways = [corridor("1", "1", name="one"), corridor("2", "2", name="two")]
    document = Document(type=PASS, version="2", payload=b"", schema="")
    claims = Claims(message_id=MessageId("m"), action="", to="", sender=A)
    assert [way.id for way in route(document, claims, ways)] == ["two"]
    with pytest.raises(NoCorridor, match="PASS 3"):
        route(replace(document, version="3"), claims, ways)


XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:p" elementFormDefault="qualified">
<xs:element name="Pass"><xs:complexType><xs:attribute name="version" type="xs:token"/></xs:complexType></xs:element>
</xs:schema>"""


def test_our_own_words_must_be_of_the_version_that_was_promised() -> None:
    schemas = Schemas([schema("1"), schema("2")], lambda _path: XSD.encode())
    payload = b'<Pass xmlns="urn:p" version="2"/>'
    assert check(payload, PASS, schemas, "2").version == check(payload, PASS, schemas).version == "2"
    with pytest.raises(MappingInvalid, match="reads as version 2"):
        check(payload, PASS, schemas, "1")
