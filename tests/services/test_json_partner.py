"""A partner whose record says JSON: its kit, what it sends and pulls over HTTP, and what the database keeps."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gateway.kit.make import make_kit
from gateway.kit.templates.gateway_rest import GatewayRest, _receipt
from gateway.model import DocumentType
from gateway.twin import from_json, to_json
from tests.json_schema import complaints
from tests.running import ROOT, Running, new_id, running_gateway
from tests.services.clients import Clients
from tests.services.test_kit import run

REGISTRY, HEALTH = "aeo_registry_kz", "health_kz"
FULL = "AEO_MASTER_FULL"
JSON, XML = "application/json", "application/xml"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A running gateway and the kit of the register, which agreed on JSON; so did the ministry, which pulls."""
    tmp = tmp_path_factory.mktemp("json")
    records = tmp / "tree" / "certs" / "partners"
    records.mkdir(parents=True)
    for partner in (REGISTRY, HEALTH):
        record = (ROOT / f"certs/partners/{partner}.toml").read_text("utf-8")
        lines = [line for line in record.splitlines() if not line.startswith(("endpoint", "profile", "format"))]
        agreed = ['profile = "rest-gw-1"', 'endpoint = ""', 'format = "json"']
        (records / f"{partner}.toml").write_text("\n".join([*agreed, *lines, ""]), "utf-8")
    with running_gateway(tmp, roots=[tmp / "tree"]) as running:
        for partner in (REGISTRY, HEALTH, "customs_kz"):
            make_kit(running.house.settings, partner, tmp / partner)
        yield running, tmp / REGISTRY


@pytest.fixture
def running(place: tuple[Running, Path]) -> Running:
    return place[0]


@pytest.fixture
def kit(place: tuple[Running, Path]) -> Path:
    return place[1]


@pytest.fixture
def client(kit: Path) -> GatewayRest:
    return GatewayRest.from_kit(str(kit / "kit.json"))


def sample(kit: Path, kind: str = FULL) -> bytes:
    return (kit / "samples" / f"{kind}.json").read_bytes()


def test_the_kit_sends_its_samples_in_json(kit: Path) -> None:
    """Every sample is there in both forms; the examples send the JSON and keep a receipt in JSON."""
    samples = sorted((kit / "samples").glob("*.json"))
    assert {file.stem for file in samples} == {file.stem for file in (kit / "samples").glob("*.xml")} >= {FULL}
    for file in samples:
        done = run(kit, "send_rest.py", f"samples/{file.name}")
        assert done.returncode == 0, done.stdout + done.stderr
    receipts = list((kit / "receipts").glob("*.json"))
    assert len(receipts) == len(samples)
    assert all("Receipt" in json.loads(file.read_bytes()) for file in receipts)


def test_the_kit_describes_json(kit: Path) -> None:
    """JSON Schemas as files that take the samples, and in its OpenAPI document; its README names them."""
    for file in (kit / "samples").glob("*.json"):
        assert complaints(json.loads(file.read_bytes()), json.loads((kit / "schemas" / file.name).read_bytes())) == []
    document = json.loads((kit / "openapi.json").read_bytes())
    refs = document["paths"]["/api/v1/messages"]["post"]["requestBody"]["content"][JSON]["schema"]["oneOf"]
    assert {"$ref": f"#/components/schemas/Twin.{FULL}"} in refs
    assert "`schemas/`" in (kit / "README.md").read_text("utf-8")


def test_the_served_openapi_holds_together_with_twins(running: Running) -> None:
    """Every reference leads somewhere, those inside a JSON Schema too."""
    document = requests.get(f"{running.url}/openapi.json", timeout=20).json()
    todo, seen = [document], 0
    while todo:
        node = todo.pop()
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            seen, found = seen + 1, document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
        todo += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    assert seen > 100
    pulled = document["paths"]["/api/v1/inbox"]["get"]["responses"]["200"]["content"]
    assert {XML, JSON} == set(pulled)


def test_the_json_octets_are_what_is_kept(running: Running, kit: Path, client: GatewayRest) -> None:
    """The database keeps the signed JSON and the XML that was judged; the digest is that of the JSON."""
    octets = json.dumps(json.loads(sample(kit)), indent=4).encode()
    message_id = new_id()
    answer = client.send(octets, FULL, message_id=message_id)
    (row,) = running.store.fetch("select wire, payload from message where message_id = %s", [message_id])
    facts = running.house.registry.facts(running.house.registry.records[DocumentType(FULL)])
    assert bytes(row["wire"]) == octets
    assert bytes(row["payload"]) == from_json(octets, facts)
    assert json.loads(answer.content)["Receipt"]["MessageDigest"] == hashlib.sha256(octets).hexdigest()
    assert client.send(octets, FULL, message_id=message_id).content == answer.content


def test_refusals_are_problems_with_pointers(kit: Path, client: GatewayRest) -> None:
    """A value of the wrong kind, hostile JSON, another media type, an Accept that takes nothing."""
    document = json.loads(sample(kit))
    document["AEOMasterFull"]["SequenceNumeric"] = 7
    for body, status, rule in (
        (json.dumps(document).encode(), 422, "json.type"),
        (b'{"AEOMasterFull":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "json.depth"),
        (b'{"AEOMasterFull":{},"AEOMasterFull":{}}', 400, "json.duplicate"),
    ):
        with pytest.raises(requests.HTTPError) as caught:
            client.send(body, FULL)
        assert caught.value.response is not None
        told = caught.value.response.json()
        assert (told["status"], told["findings"][0]["rule"]) == (status, rule)
        if rule == "json.type":
            assert told["findings"][0]["pointer"] == "/AEOMasterFull/SequenceNumeric"
    request = client.prepare("POST", "/api/v1/messages", sample(kit), new_id(), {"gw-action": FULL})
    request.headers["Accept"] = "text/html"
    refused = requests.Session().send(request, timeout=30)
    assert (refused.status_code, refused.json()["code"]) == (406, "http.not-acceptable")


def test_a_message_is_pulled_in_json_and_acknowledged(running: Running, kit: Path) -> None:
    """What customs asks by SOAP, in the ministry's words as JSON: the same bytes on every pull, and no other form."""
    folder = kit.parent / HEALTH
    Clients({"customs_kz": kit.parent / "customs_kz"}).send_soap("customs_kz", "LPCO_QUERY")
    client = GatewayRest.from_kit(str(folder / "kit.json"))
    pulled, again = client.pull(), client.pull()
    assert pulled is not None
    assert again is not None
    assert pulled.headers["content-type"].startswith(JSON)
    assert pulled.content == again.content
    registry = running.house.registry
    facts = registry.facts(registry.records[DocumentType("HEALTH_PERMIT_QUERY")])
    assert from_json(pulled.content, facts).startswith(b"<")
    request = client.prepare("GET", "/api/v1/inbox?after=0&wait=0")
    request.headers["Accept"] = XML
    assert requests.Session().send(request, timeout=30).status_code == 406
    done = run(folder, "pull_rest.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [json.loads(file.read_bytes()) for file in (folder / "inbox").glob("*.json")] == [pulled.json()]
    assert client.pull() is None


def test_a_receipt_may_be_written_in_json_too(running: Running, kit: Path) -> None:
    """The word that a message was pulled; one that says what no receipt says is refused with its place."""
    folder = kit.parent / HEALTH
    Clients({"customs_kz": kit.parent / "customs_kz"}).send_soap("customs_kz", "LPCO_QUERY")
    client = GatewayRest.from_kit(str(folder / "kit.json"))
    pulled = client.pull()
    assert pulled is not None
    registry = running.house.registry
    receipt = to_json(
        _receipt(pulled.headers["gw-message-id"], pulled.content),
        registry.facts(registry.records[DocumentType("RECEIPT")]),
    )
    target = f"/api/v1/inbox/{pulled.headers['gw-message-id'].removeprefix('urn:uuid:')}/receipt"
    with pytest.raises(requests.HTTPError) as caught:
        client.ask("POST", target, receipt.replace(b'"RefersTo"', b'"Refers"'))
    assert caught.value.response is not None
    assert [one["pointer"] for one in caught.value.response.json()["findings"]] == ["/Receipt/Refers"]
    assert client.ask("POST", target, receipt).status_code == 204
    assert client.pull() is None


def test_with_accept_a_message_is_handed_out_as_xml(kit: Path) -> None:
    """The record only says what is done where nothing else is asked for."""
    folder = kit.parent / HEALTH
    Clients({"customs_kz": kit.parent / "customs_kz"}).send_soap("customs_kz", "LPCO_QUERY")
    client = GatewayRest.from_kit(str(folder / "kit.json"))
    request = client.prepare("GET", "/api/v1/inbox?after=0&wait=0")
    request.headers["Accept"] = f"{XML}, {JSON};q=0.5"
    answer = requests.Session().send(request, timeout=30)
    assert answer.headers["content-type"] == XML
    client.prove(answer)
    client.acknowledge(answer)


def test_the_examples_need_nothing_of_ours(kit: Path) -> None:
    """The kit's code compiles on its own."""
    done = subprocess.run(
        [sys.executable, "-m", "compileall", "-q", str(kit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
