"""The WSDL, the OpenAPI document and their pages, as partners load them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import xmlschema
import zeep
from lxml import etree

from gateway.contract.wsdl_types import Types
from gateway.errors import ConfigurationError
from gateway.model import XS
from gateway.shell.wsdl_door import receivable, sendable, wsdl_of
from tests.running import PARTNERS, Running
from tests.services.clients import Clients

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
LINK = re.compile(r"""(?:src|href|url|action)\s*[=:(]\s*["']?\s*(?:[a-z]+:)?//""", re.IGNORECASE)


def fetched(gateway: Running, query: str) -> etree._Element:
    answer = requests.get(f"{gateway.url}/soap?{query}", timeout=30)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    return etree.fromstring(answer.content)


def operations(root: etree._Element) -> set[str]:
    return {one.get("name", "") for one in root.findall(f"{WSDL}portType/{WSDL}operation")}


def unfolded(root: etree._Element, folder: Path) -> list[Path]:
    """The schemas of a WSDL as files that import one another."""
    schemas = root.findall(f"{WSDL}types/{{{XS}}}schema")
    names = {schema.get("targetNamespace"): f"{number}.xsd" for number, schema in enumerate(schemas)}
    for schema in schemas:
        copy = etree.fromstring(etree.tostring(schema, encoding="UTF-8"))
        for found in copy.findall(f"{{{XS}}}import"):
            assert found.get("schemaLocation") is None
            found.set("schemaLocation", names[found.get("namespace")])
        (folder / names[schema.get("targetNamespace")]).write_bytes(etree.tostring(copy, encoding="UTF-8"))
    return [folder / name for name in names.values()]


def test_the_wsdl_is_the_same_by_all_its_names(gateway: Running) -> None:
    """`?wsdl`, `?WSDL`, `?singleWsdl`."""
    texts = {etree.tostring(fetched(gateway, query)) for query in ("wsdl", "WSDL", "singleWsdl", "singlewsdl")}
    assert len(texts) == 1


def test_the_wsdl_lists_what_every_partner_may_send(gateway: Running) -> None:
    """One operation per message, both SOAP versions, soapAction as wsa:Action."""
    root = fetched(gateway, "wsdl")
    house = gateway.house
    wanted = {one for partner in house.setup.partners.values() for one in sendable(house.registry, partner)}
    assert operations(root) == wanted
    assert {"DEC_LODGED", "LPCO_QUERY", "HEALTH_PERMIT_ANSWER", "AEO_MASTER_DELTA", "CN_AEO_RESULT"} <= wanted
    actions = {one.get("soapAction") for one in root.iter("{*}operation") if one.get("soapAction")}
    assert actions == {f"urn:swgw:action:{name}" for name in wanted}
    places = [one.get("location") for one in root.iter("{*}address")]
    assert places == [f"{gateway.url}/soap"] * 2


@pytest.mark.parametrize("partner", PARTNERS)
def test_a_partners_wsdl_lists_only_its_own(gateway: Running, partner: str) -> None:
    """`&partner=` and nothing of others."""
    record = gateway.house.setup.partners[partner]  # type: ignore[index]
    assert operations(fetched(gateway, f"wsdl&partner={partner}")) == set(sendable(gateway.house.registry, record))


def test_a_strangers_wsdl_is_not_found(gateway: Running) -> None:
    """404."""
    assert requests.get(f"{gateway.url}/soap?wsdl&partner=nobody", timeout=10).status_code == 404


def test_all_types_compile_in_two_processors(gateway: Running, tmp_path: Path) -> None:
    """libxml2 and the xmlschema package take the flattened types."""
    for file in unfolded(fetched(gateway, "wsdl"), tmp_path):
        etree.XMLSchema(etree.parse(str(file)))
        xmlschema.XMLSchema(str(file))


def test_samples_are_valid_by_the_flattened_types(gateway: Running, clients: Clients, tmp_path: Path) -> None:
    """Merging many XSDs into one changed no meaning: every sample is still valid, and a broken one is not."""
    files = unfolded(fetched(gateway, "wsdl"), tmp_path)
    known = {etree.parse(str(file)).getroot().get("targetNamespace"): etree.XMLSchema(file=str(file)) for file in files}
    seen = 0
    for kit in clients.kits.values():
        for sample in (kit / "samples").glob("*.xml"):
            root = etree.parse(str(sample)).getroot()
            known[etree.QName(root).namespace].assertValid(root)
            seen += 1
            etree.SubElement(root, f"{{{etree.QName(root).namespace}}}Unknown")
            assert not known[etree.QName(root).namespace].validate(root)
    assert seen == 17


@pytest.mark.parametrize("partner", ["", *PARTNERS])
def test_zeep_loads_it_without_a_network(gateway: Running, tmp_path: Path, partner: str) -> None:
    """A transport that refuses to fetch anything."""

    class Offline(zeep.Transport):
        def load(self, url: str) -> bytes:
            assert Path(url).is_file(), f"wants {url}"
            return Path(url).read_bytes()

    chosen = [one for one in gateway.house.setup.partners.values() if partner in ("", one.id)]
    file = tmp_path / "gateway.wsdl"
    file.write_bytes(wsdl_of(gateway.house.registry, chosen, "http://gateway.example/soap"))
    client = zeep.Client(str(file), transport=Offline())
    assert set(client.wsdl.services["Gateway"].ports) == {"GatewaySoap12", "GatewaySoap11"}


def test_names_that_mean_two_things_are_kept_apart() -> None:
    """A type of the same name gets its file's name; the same element with two meanings stays open."""
    files = {
        "x/a.xsd": _xsd('<xs:element name="A" type="t:Code"/>', "2"),
        "x/b.xsd": _xsd('<xs:element name="B" type="t:Code"/>', "3"),
        "x/c.xsd": _xsd('<xs:element name="C" type="t:Code"/>', "2"),
    }
    (schema,) = Types([("x/a.xsd", "A"), ("x/b.xsd", "B"), ("x/c.xsd", "C")], files.__getitem__).schemas()
    types = {one.get("name"): one.get("type") for one in schema.findall(f"{{{XS}}}element")}
    assert types == {"A": "t:Code", "B": "t:Code-b", "C": "t:Code"}
    etree.XMLSchema(etree.fromstring(etree.tostring(schema)))


def test_a_missing_import_is_said_at_start() -> None:
    """ConfigurationError names the file."""
    broken = _xsd('<xs:element name="A" type="u:Code" xmlns:u="urn:u"/>', "2")
    with pytest.raises(ConfigurationError, match=r"x/a\.xsd"):
        Types([("x/a.xsd", "A")], {"x/a.xsd": broken}.__getitem__)


def _xsd(element: str, length: str) -> bytes:
    return (
        f'<xs:schema xmlns:xs="{XS}" xmlns:t="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">{element}'
        f'<xs:simpleType name="Code"><xs:restriction base="xs:string"><xs:length value="{length}"/></xs:restriction>'
        "</xs:simpleType></xs:schema>"
    ).encode()


def test_receivable_names_answers_and_notices(gateway: Running) -> None:
    """What the kit's XSDs must cover."""
    house = gateway.house
    customs = house.setup.partners["customs_kz"]  # type: ignore[index]
    assert {"LPCO_STATUS", "LPCO_LEDGER", "DEC_RESPONSE", "NOTICE"} == set(receivable(house.registry, customs))


# --- OpenAPI ---------------------------------------------------------------------------------------------------------
def walk(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def test_the_openapi_document_holds_together(gateway: Running) -> None:
    """3.1, every reference resolves, every operation has an id, words, parameters that fit its path, and answers."""
    document = requests.get(f"{gateway.url}/openapi.json", timeout=10).json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": gateway.url}]
    for key, value in walk(document):
        if key == "$ref":
            found: Any = document
            for step in value.removeprefix("#/").split("/"):
                found = found[step]
    ids = []
    for path, item in document["paths"].items():
        for operation in item.values():
            ids.append(operation["operationId"])
            named = {one["$ref"].rpartition("/")[2] for one in operation.get("parameters", ())}
            assert set(re.findall(r"{(\w+)}", path)) <= named
            assert operation["summary"]
            assert all(answer["description"] for answer in operation["responses"].values())
    assert len(ids) == len(set(ids)) == 6


def test_the_openapi_paths_are_the_ones_served(gateway: Running) -> None:
    """Each path and method of the document answers with something else than `no such resource`."""
    document = requests.get(f"{gateway.url}/openapi.json", timeout=10).json()
    for path, item in document["paths"].items():
        for method in item:
            answer = requests.request(method, gateway.url + re.sub(r"{\w+}", "x", path), timeout=10)
            assert answer.status_code not in (404, 405), (method, path)


def test_the_openapi_document_lists_the_refusals(gateway: Running) -> None:
    """The table of codes is there, with what to do."""
    said = requests.get(f"{gateway.url}/openapi.json", timeout=10).json()["info"]["description"]
    for code in ("schema.violation", "message.conflict", "seal.broken", "receipt.refused", "busy"):
        assert f"| `{code}` |" in said
    assert "configuration" not in said


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/assets/css/swagger-ui.css"])
def test_pages_name_no_other_host(gateway: Running, path: str) -> None:
    """No link, script, style, font or image of another host; the page's policy forbids them too."""
    answer = requests.get(gateway.url + path, timeout=10)
    assert answer.status_code == 200
    assert not LINK.search(answer.text), LINK.search(answer.text)
    if path == "/docs":
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_what_the_page_needs_is_served(gateway: Running) -> None:
    """Every address in the page answers."""
    page = requests.get(f"{gateway.url}/docs", timeout=10).text
    for place in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert place.startswith("/")
        assert requests.get(gateway.url + place, timeout=10).status_code == 200, place
