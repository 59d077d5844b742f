"""Two versions of one message are live at once: each partner sends and gets the one its corridor names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from lxml import etree

from gateway.kit.make import make_kit
from gateway.schema.generate import build
from tests.running import ROOT, Running, new_id, running_gateway, working
from tests.services.clients import Clients

HEAD = (
    "# namespace: urn:test:gate:1\n# prefix: g\n# root: GatePass\n# status: profile, not official\n# title: Gate pass\n"
)
COLUMNS = "path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\n"
FILES = {
    "xsd/gate/pass_1.csv": HEAD + "# version: 1\n" + COLUMNS
    + "GatePass,1,1,class,KZ900,Gate pass,,,,,\nGatePass/@version,1,1,token,KZ901,Version,,,one of: 1,,\n"
    + "GatePass/Number,1,1,token-id,KZ902,Number,,an..35,,,\nGatePass/Truck,1,1,token-id,KZ903,Truck,,an..35,,,\n",
    "xsd/gate/pass_2.csv": HEAD + "# version: 2\n" + COLUMNS
    + "GatePass,1,1,class,KZ900,Gate pass,,,,,\nGatePass/@version,1,1,token,KZ901,Version,,,one of: 2,,\n"
    + "GatePass/Number,1,1,token-id,KZ902,Number,,an..35,,,\n"
    + "GatePass/Vehicle,1,1,class,KZ904,Vehicle,,,,,\nGatePass/Vehicle/Plate,1,1,token-id,KZ905,Plate,,an..35,,,\n",
    "mappings/gate/up.csv": "# takes: GATE_PASS\n# gives: GATE_PASS\n# version: 1\n"
    "rule,source,target,convert,required,when,note\n"
    "U01,,GatePass/@version,const:2,yes,,\nU02,GatePass/Number,GatePass/Number,,yes,,\n"
    "U03,GatePass/Truck,GatePass/Vehicle/Plate,,yes,,\n",
    "mappings/gate/down.csv": "# takes: GATE_PASS\n# gives: GATE_PASS\n# version: 1\n"
    "rule,source,target,convert,required,when,note\n"
    "D01,,GatePass/@version,const:1,yes,,\nD02,GatePass/Number,GatePass/Number,,yes,,\n"
    "D03,GatePass/Vehicle/Plate,GatePass/Truck,,yes,,\n",
    "adapters/gate/__init__.py": '''"""Gate passes, in two versions."""

from gateway.model import Adapter, Corridor, CorridorId, DocumentType, PartnerId, Schema

PASS = DocumentType("GATE_PASS")
SCHEMAS = tuple(
    Schema(document=PASS, namespace="urn:test:gate:1", root="GatePass", path=f"xsd/gate/pass_{version}.xsd",
           version=version, when={"@version": frozenset({version})})
    for version in ("1", "2")
)
OLD, NEW, THIRD = PartnerId("aeo_registry_kz"), PartnerId("customs_kz"), PartnerId("health_kz")
ADAPTER = Adapter(
    agency=PartnerId("gate"),
    schemas=SCHEMAS,
    corridors=(
        Corridor(id=CorridorId("gate-up"), sender=OLD, receiver=THIRD, takes=PASS, takes_version="1", gives=PASS,
                 gives_version="2", mapping="mappings/gate/up.csv"),
        Corridor(id=CorridorId("gate-on"), sender=NEW, receiver=THIRD, takes=PASS, takes_version="2", gives=PASS,
                 gives_version="2"),
        Corridor(id=CorridorId("gate-down"), sender=NEW, receiver=OLD, takes=PASS, takes_version="2", gives=PASS,
                 gives_version="1", mapping="mappings/gate/down.csv"),
    ),
)
''',
}  # fmt: skip
FIRST = b'<GatePass xmlns="urn:test:gate:1" version="1"><Number>%s</Number><Truck>777 ABA 02</Truck></GatePass>'
SECOND = (
    b'<GatePass xmlns="urn:test:gate:1" version="2"><Number>%s</Number><Vehicle><Plate>777 ABA 02</Plate></Vehicle>'
    b"</GatePass>"
)


def write_tree(root: Path) -> Path:
    """An agency in a folder of its own, and partners that may send its message; health pulls."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    build([root / "xsd"])
    partners = root / "certs" / "partners"
    partners.mkdir(parents=True)
    for partner in ("customs_kz", "aeo_registry_kz", "health_kz"):
        record = (
            (ROOT / f"certs/partners/{partner}.toml").read_text("utf-8").replace("sends = [", 'sends = ["GATE_*", ')
        )
        if partner == "health_kz":
            record = "\n".join('endpoint = ""' if line.startswith("endpoint") else line for line in record.splitlines())
        (partners / f"{partner}.toml").write_text(record + "\n", "utf-8")
    return root


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Clients]]:
    tmp = tmp_path_factory.mktemp("gate")
    with running_gateway(tmp, roots=[write_tree(tmp / "tree")]) as running:
        kits = {one: tmp / "kits" / one for one in ("customs_kz", "aeo_registry_kz", "health_kz")}
        for partner, folder in kits.items():
            make_kit(running.house.settings, partner, folder)
        yield running, Clients(kits)


def pulled(clients: Clients, partner: str) -> bytes:
    """What waits for a partner, acknowledged."""
    client = clients.rest(partner)
    message = client.pull(wait=5)
    assert message is not None
    client.acknowledge(message)
    return message.content


def test_who_sends_the_first_version_reaches_who_takes_the_second(gate: tuple[Running, Clients]) -> None:
    """REST in, translated by the table between the versions, pulled by the ministry."""
    _, clients = gate
    answer = clients.rest("aeo_registry_kz").send(FIRST % b"G-1", "GATE_PASS", receiver="health_kz")
    assert answer.status_code == 202
    assert pulled(clients, "health_kz") == SECOND % b"G-1"


def test_one_message_of_the_second_version_leaves_in_both(gate: tuple[Running, Clients]) -> None:
    """SOAP in; the ministry gets it as it is, the register in the version it knows."""
    _, clients = gate
    clients.send_soap("customs_kz", "GATE_PASS", SECOND % b"G-2")
    assert pulled(clients, "health_kz") == SECOND % b"G-2"
    assert pulled(clients, "aeo_registry_kz") == FIRST % b"G-2"


def test_a_version_that_was_not_agreed_is_refused(gate: tuple[Running, Clients]) -> None:
    """Valid by its schema, but no corridor takes that version from this partner."""
    _, clients = gate
    with pytest.raises(requests.HTTPError) as caught:
        clients.rest("aeo_registry_kz").send(SECOND % b"G-3", "GATE_PASS", message_id=new_id())
    assert caught.value.response is not None
    assert caught.value.response.json()["code"] == "route.none"


def test_a_version_is_held_to_its_own_schema(gate: tuple[Running, Clients]) -> None:
    """What the second version says is no excuse in the first; an unknown version names those there are."""
    _, clients = gate
    for document, rule in (
        ((SECOND % b"G-4").replace(b'version="2"', b'version="1"'), "xsd.unexpected"),
        ((FIRST % b"G-5").replace(b'version="1"', b'version="3"'), "schema.unknown-function"),
    ):
        with pytest.raises(requests.HTTPError) as caught:
            clients.rest("aeo_registry_kz").send(document, "GATE_PASS", message_id=new_id())
        assert caught.value.response is not None
        assert rule in {one["rule"] for one in caught.value.response.json()["findings"]}


def test_each_partner_is_given_its_own_version(gate: tuple[Running, Clients]) -> None:
    """The kit and the WSDL of a partner hold the XSD of the version it exchanges, and not the other."""
    running, clients = gate
    for partner, mine, other in (("aeo_registry_kz", "pass_1", "pass_2"), ("customs_kz", "pass_2", "pass_1")):
        files = {file.stem for file in clients.kits[partner].rglob("*.xsd")}
        assert mine in files
        assert other not in files
        wsdl = requests.get(f"{running.url}/soap?wsdl&partner={partner}", timeout=20).content
        etree.fromstring(wsdl)
        assert (b"Vehicle" in wsdl, b"Truck" in wsdl) == (mine == "pass_2", mine == "pass_1")


def test_a_worker_says_nothing_else(gate: tuple[Running, Clients]) -> None:
    """Nothing is left queued or failed once all was pulled."""
    running, _ = gate
    with working(running):
        rows = running.store.fetch("select state, count(*) as n from delivery group by state")
    assert {row["state"] for row in rows} == {"delivered"}
