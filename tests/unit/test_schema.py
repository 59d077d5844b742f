"""Documents are recognised by QName and codes, judged by libxml2, and never make us read what they name."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from random import Random
from time import process_time

import pytest

from gateway.errors import (
    ConfigurationError,
    EnvelopeMalformed,
    GatewayError,
    MappingInvalid,
    SchemaUnknown,
    SchemaViolation,
)
from gateway.model import SOAP12, Document, DocumentType, Schema, Verified
from gateway.schema import Schemas, check, validate, validate_bare
from gateway.schema.guard import without_locations
from gateway.xml import canonical, parse
from tests.builders import a_verified, a_wire, some_claims
from tests.schemas import customs_schemas, golden

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:test:a" targetNamespace="urn:test:a"
  xmlns:b="urn:test:b" elementFormDefault="qualified">
  <xs:import namespace="urn:test:b" schemaLocation="{import}"/>
  <xs:element name="Note"><xs:complexType><xs:sequence>
    <xs:element name="Kind" type="xs:token"/>
    <xs:element name="Key" type="xs:token" minOccurs="0" maxOccurs="3"/>
    <xs:element ref="b:Extra" minOccurs="0"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
OTHER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:test:b">
  <xs:element name="Extra" type="xs:decimal"/></xs:schema>"""
NOTE = "<Note xmlns='urn:test:a'><Kind>{kind}</Kind><Key> K 1 </Key><Key>K2</Key><Key>K2</Key></Note>"


def schemas_of(*records: Schema, imported: str = "b.xsd") -> Schemas:
    """Schemas over a bundle of two files in memory."""
    files = {"x/a.xsd": XSD.replace("{import}", imported).encode(), "x/b.xsd": OTHER.encode()}
    return Schemas(records or (a_record(),), files.__getitem__)


def a_record(document: str = "NOTE", kind: str = "", **given: object) -> Schema:
    when = {"Kind": frozenset(kind.split("|"))} if kind else {}
    keys = given.pop("keys", {"key": "Key"})
    return Schema(
        document=DocumentType(document), namespace="urn:test:a", root="Note", path="x/a.xsd", version="1",
        when=when, keys=keys,  # type: ignore[arg-type]
    )  # fmt: skip


def judged(document: str, schemas: Schemas) -> Document:
    found = validate_bare(document.encode(), schemas)
    assert isinstance(found, Document), found
    return found


def in_envelope(payload: bytes, lead: bytes = b"") -> Verified:
    """The payload as a SOAP Body carries it, and as a seal hands it on: canonical, without comments."""
    body = b"<env:Envelope xmlns:env='" + SOAP12.encode() + b"'><env:Header/>\n" + lead + b"<env:Body>\n  "
    whole = body + payload.partition(b"?>\n")[2] + b"</env:Body></env:Envelope>"
    element = next(parse(whole)[1].iterchildren("{*}*"))
    verified = a_verified(some_claims("urn:uuid:1"), canonical(element), wire=a_wire(whole))
    return replace(verified, payload_at=(1, 0))


def test_record_with_most_conditions_that_hold_is_taken() -> None:
    schemas = schemas_of(a_record("ANY"), a_record("FIRST", "1|2"), a_record("OTHER", "3"))
    assert judged(NOTE.format(kind="2"), schemas).type == "FIRST"
    assert judged(NOTE.format(kind="\n 3 "), schemas).type == "OTHER"
    assert judged(NOTE.format(kind="9"), schemas).type == "ANY"


def test_recognise_gives_the_record_of_a_document() -> None:
    assert schemas_of().recognise(parse(NOTE.format(kind="1").encode())).document == "NOTE"


def test_recognise_names_the_trap_without_a_line() -> None:
    with pytest.raises(SchemaUnknown) as refused:
        schemas_of().recognise(parse(b"<Note/>"))
    assert [(f.rule, f.line) for f in refused.value.findings] == [("trap.no-namespace", None)]


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ("<Note><Kind>1</Kind></Note>", "trap.no-namespace"),
        ("<Note xmlns='urn:test:old'/>", "trap.wrong-namespace"),
        ("<aNote xmlnsa='urntesta'/>", "trap.colons-stripped"),
        ("<Note xmlns='urntesta'/>", "trap.colons-stripped"),
        ("<mdNote/>", "trap.colons-stripped"),
        ("<Letter xmlns='urn:test:a'/>", "schema.unknown-root"),
        (NOTE.format(kind="9"), "schema.unknown-function"),
    ],
)  # fmt: skip
def test_unknown_document_names_the_trap(document: str, rule: str) -> None:
    found = validate_bare(document.encode(), schemas_of(a_record("FIRST", "1")))
    assert isinstance(found, tuple)
    assert [finding.rule for finding in found] == [rule]


def test_prefixes_do_not_matter() -> None:
    document = NOTE.format(kind="1").replace("<Note xmlns=", "<_2:Note xmlns:_2=").replace("</Note>", "</_2:Note>")
    document = document.replace("<K", "<_2:K").replace("</K", "</_2:K")
    assert judged(document, schemas_of(a_record("FIRST", "1"))).type == "FIRST"


def test_two_function_codes_cannot_smuggle_a_meaning() -> None:
    """A condition holds only when every occurrence has a selecting value."""
    document = NOTE.format(kind="1").replace("<Kind>1</Kind>", "<Kind>1</Kind><Kind>2</Kind>")
    found = validate_bare(document.encode(), schemas_of(a_record("FIRST", "1")))
    assert isinstance(found, tuple)
    assert found[0].rule == "schema.unknown-function"


def test_keys_are_collapsed_and_told_once() -> None:
    schemas = schemas_of(a_record(keys={"key": "Key", "also": "Note/Key", "none": "Extra"}))
    found = judged(NOTE.format(kind="1"), schemas)
    assert found.keys == (("key", "K 1"), ("key", "K2"), ("also", "K 1"), ("also", "K2"))


def test_label_changes_with_an_imported_file() -> None:
    def label(other: str) -> str:
        files = {"x/a.xsd": XSD.replace("{import}", "b.xsd").encode(), "x/b.xsd": other.encode()}
        return judged(NOTE.format(kind="1"), Schemas([a_record()], files.__getitem__)).schema

    assert label(OTHER).startswith("x/a.xsd@")
    assert label(OTHER) == label(OTHER) != label(OTHER + "<!-- -->")


@pytest.mark.threat("U1")
@pytest.mark.parametrize(
    "outside", ["c.xsd", "../../b.xsd", "/etc/hostname", "file:///etc/hostname", "http://127.0.0.1:9/b.xsd"]
)
def test_import_outside_the_bundle_stops_the_start(outside: str) -> None:
    with pytest.raises(ConfigurationError, match=r"x/a\.xsd"):
        schemas_of(imported=outside)


@pytest.mark.threat("U1")
@pytest.mark.parametrize("outside", ["/etc/hostname", "file:///etc/hostname", "http://127.0.0.1:9/b.xsd"])
def test_loader_is_never_asked_for_what_lies_outside(outside: str) -> None:
    """A loader that would give anything is not even asked."""
    asked: list[str] = []

    def open_handed(path: str) -> bytes:
        asked.append(path)
        return (XSD.replace("{import}", outside) if path == "x/a.xsd" else OTHER).encode()

    with pytest.raises(ConfigurationError):
        Schemas([a_record()], open_handed)
    assert asked == ["x/a.xsd"]


@pytest.mark.threat("U1")
def test_schema_locations_are_taken_off_the_copy_that_is_judged() -> None:
    xsi = "xmlns:x='http://www.w3.org/2001/XMLSchema-instance'"
    payload = f"<a {xsi} x:schemaLocation='u v' x:nil='true'><b x:noNamespaceSchemaLocation='w'/></a>".encode()
    root = without_locations(parse(payload), payload)
    assert [len(element.attrib) for element in root.iter("{*}*")] == [1, 0]


def test_absent_schema_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match=r"x/none\.xsd"):
        Schemas([replace(a_record(), path="x/none.xsd")], {}.__getitem__)


@pytest.mark.threat("U1")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["schemaLocation", "noNamespaceSchemaLocation"])
def test_schema_location_is_never_followed(name: str, tmp_path: Path) -> None:
    """Opening the pipe would wait for ever; a connection would be seen by the listener."""
    pipe = tmp_path / "probe.xsd"
    os.mkfifo(pipe)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        places = f"urn:test:a {pipe.as_uri()} urn:test:b http://127.0.0.1:{listener.getsockname()[1]}/b.xsd"
        spelt = places if name == "schemaLocation" else places.split()[1]
        hint = f"<Note xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:{name}='{spelt}' "
        assert judged(NOTE.format(kind="1").replace("<Note ", hint), schemas_of()).type == "NOTE"
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.threat("S6")
def test_own_type_is_refused() -> None:
    document = golden("48-own-type")
    with pytest.raises(EnvelopeMalformed) as refused:
        validate(in_envelope(document), customs_schemas())
    assert refused.value.threat == "S6"


@pytest.mark.threat("X9")
@pytest.mark.parametrize("split", ["<!-- -->", "<![CDATA[0]]>"])
def test_split_value_is_refused_though_the_canonical_payload_hides_it(split: str) -> None:
    document = golden("51-nothing-wrong-query").replace(b">12000<", f">120{split}00<".encode())
    verified = in_envelope(document)
    assert split.encode() not in verified.payload
    with pytest.raises(EnvelopeMalformed) as refused:
        validate(verified, customs_schemas())
    finding = refused.value.findings[0]
    assert (refused.value.threat, finding.path) == ("X9", "/LPCOQuery/GovernmentAgencyGoodsItem/WriteOffQuantity")


def test_comment_between_elements_is_harmless() -> None:
    document = golden("51-nothing-wrong-query").replace(b"<Importer>", b"<!-- who --><Importer><!-- he -->")
    assert validate(in_envelope(document), customs_schemas()).type == "LPCO_QUERY"


def test_position_is_that_of_the_message_as_received() -> None:
    """In an envelope every place moves with the envelope; path and column count from the document's own root."""
    document = golden("01-country-in-small-letters")
    bare = validate_bare(document, customs_schemas())
    assert isinstance(bare, tuple)
    with pytest.raises(SchemaViolation) as refused:
        validate(in_envelope(document, b"\n\n\n"), customs_schemas())
    (finding,) = refused.value.findings
    assert (finding.path, finding.wco_id, finding.value) == (bare[0].path, "063", "de")
    received = in_envelope(document, b"\n\n\n").wire.body.decode().splitlines()
    assert finding.line is not None
    assert finding.column is not None
    assert received[finding.line - 1][finding.column - 1 :].startswith("<OriginCountryCode>de")


def test_every_violation_is_told_and_each_place_once() -> None:
    found = validate_bare(golden("29-three-findings-in-one"), customs_schemas())
    assert isinstance(found, tuple)
    assert [finding.path.rsplit("/", 1)[-1] for finding in found] == [
        "DeclarationOfficeID", "OriginCountryCode", "ProcedureCode",
    ]  # fmt: skip


def test_document_names_schema_keys_and_bytes() -> None:
    payload = golden("52-nothing-wrong-declaration")
    found = validate_bare(payload, customs_schemas())
    assert isinstance(found, Document)
    assert found.payload is payload
    assert found.schema.startswith("xsd/wco/declaration.xsd@")
    assert ("permit", "KZ11VTS00000001") in found.keys


def test_own_translation_that_is_valid_passes() -> None:
    payload = golden("51-nothing-wrong-query")
    assert check(payload, DocumentType("LPCO_QUERY"), customs_schemas()).payload == payload


@pytest.mark.parametrize("name", ["01-country-in-small-letters", "42-unknown-root", "46-comment-splits-value"])
def test_own_translation_that_is_wrong_is_our_fault(name: str) -> None:
    with pytest.raises(MappingInvalid) as refused:
        check(golden(name), DocumentType("LPCO_QUERY"), customs_schemas())
    assert refused.value.findings


def test_own_translation_of_another_type_is_our_fault() -> None:
    with pytest.raises(MappingInvalid, match="reads as LPCO_QUERY"):
        check(golden("51-nothing-wrong-query"), DocumentType("LPCO_DEBIT"), customs_schemas())


@pytest.mark.parametrize(
    "octets", [b"", b"no", b"<a>", b"<a/><b/>", "<a/>".encode("utf-16"), b"\x00", b"<!DOCTYPE a><a/>"]
)
def test_what_is_no_document_is_told_not_raised(octets: bytes) -> None:
    found = validate_bare(octets, customs_schemas())
    assert isinstance(found, tuple)
    assert found[0].rule == ("xml.encoding" if b"\x00" in octets else "xml.malformed")


def test_five_megabytes_full_of_mistakes_are_explained_quickly() -> None:
    """A thousand wrong items in five megabytes; processor time, so that a busy machine does not matter."""
    item = (
        "<GovernmentAgencyGoodsItem><SequenceNumeric>{}</SequenceNumeric><Commodity><Description>" + "x" * 4900 +
        "</Description></Commodity><Origin><CountryCode>Germany</CountryCode></Origin><Extra/></GovernmentAgencyGoodsItem>"
    )  # fmt: skip
    head, _, rest = golden("52-nothing-wrong-declaration").decode().partition("<GoodsShipment>")
    tail = rest[rest.index("</GoodsShipment>") :]
    payload = (head + "<GoodsShipment>" + "".join(item.format(n) for n in range(1, 1000)) + tail).encode()
    started = process_time()
    found = validate_bare(payload, customs_schemas())
    spent = process_time() - started
    assert isinstance(found, tuple)
    assert (len(payload) > 4_900_000, len(found)) == (True, 3 * 999)
    assert spent < 5.0  # a guard against another order of growth, on any machine; the figure is the bench's business


def test_every_refusal_of_a_document_is_one_of_ours() -> None:
    """Random damage to a good document is refused in words, never by an unknown exception."""
    chance = Random(20261123)
    good = golden("51-nothing-wrong-query")
    for _ in range(300):
        at, cut = chance.randrange(len(good)), chance.randrange(1, 20)
        damaged = good[:at] + bytes(chance.choices(b"<>&;/=\"' aZ0\xd0", k=chance.randrange(4))) + good[at + cut :]
        try:
            validate_bare(damaged, customs_schemas())
        except GatewayError as refused:  # pragma: no cover - would be the failure
            pytest.fail(f"raised {refused!r}")
