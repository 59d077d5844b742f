"""Real declarations over HTTP: a running gateway, a simulated ministry, and customs that gets its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import requests
from lxml import etree

from gateway.model import PartnerId, Profile
from gateway.shell.client import Client, Hat, Letter, wear
from gateway.shell.partner_host import PartnerHost, Role
from tests.real import AEO, AMEND, CANCEL, IMPORT, ITINERARY, NEEDS_SAMPLES, SAMPLES, TYPES, Sample, text
from tests.real_line import CUSTOMS, HEALTH, STYLES
from tests.running import ROOT, Running, free_port, running_gateway, working

pytestmark = NEEDS_SAMPLES
FUNCTIONS = {IMPORT: "06", AEO: "02", ITINERARY: "02", AMEND: "06", CANCEL: "11"}
PATIENCE = 60.0


@dataclass(frozen=True)
class Town:
    """A running gateway, and the doors of customs and of the ministry."""

    running: Running
    doors: dict[PartnerId, str]

    def hat(self, partner: PartnerId) -> Hat:
        """A partner that takes the gateway's RSA in both forms: in XML signatures, and as PSS in HTTP signatures."""
        state = self.running.state
        hat = wear(partner, sorted((state / "demo" / partner).glob("*.pem")), state / "trust", self.running.url)
        algorithms = hat.gateway.algorithms | {"rsa-pss-sha512"}
        return replace(hat, gateway=replace(hat.gateway, algorithms=algorithms))

    def received(self, partner: PartnerId, **wanted: str) -> list[dict[str, Any]]:
        """What a partner's host got, with these values in its log."""
        with closing(requests.get(f"{self.doors[partner]}/log", timeout=10)) as answer:
            rows: list[dict[str, Any]] = answer.json()["received"]
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _overlay(tree: Path, doors: dict[PartnerId, str]) -> Path:
    """The shipped partner records with other endpoints."""
    folder = tree / "certs" / "partners"
    folder.mkdir(parents=True)
    for partner, door in doors.items():
        record = (ROOT / "certs" / "partners" / f"{partner}.toml").read_text("utf-8").splitlines()
        lines = [f'endpoint = "{door}/soap"' if line.startswith("endpoint") else line for line in record]
        (folder / f"{partner}.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return tree


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Everything runs until the last test of this module is done."""
    tmp = tmp_path_factory.mktemp("town")
    ports = {partner: free_port() for partner in (CUSTOMS, HEALTH)}
    doors = {partner: f"http://127.0.0.1:{port}" for partner, port in ports.items()}
    with ExitStack() as open_now:
        running = open_now.enter_context(running_gateway(tmp, roots=[_overlay(tmp / "tree", doors)]))
        built = Town(running, doors)
        for partner, port in ports.items():
            host = PartnerHost(Role(hat=built.hat(partner), profile="soap-gw-1", folder=tmp / partner))
            host.start("127.0.0.1", port)
            open_now.callback(host.stop)
        open_now.enter_context(working(running))
        yield built


def awaited(look: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    """The first row that is there before patience ends."""
    pause, end = Event(), monotonic() + PATIENCE
    while monotonic() < end:
        found = look()
        if found:
            return found[0]
        pause.wait(0.1)
    raise AssertionError("nothing came")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TYPES)
def test_a_real_declaration_goes_to_the_ministry_and_its_answer_comes_back(
    town: Town, name: str, style: Profile
) -> None:
    """The receipt at the door, the notice at the ministry, and the ministry's word at customs, all sealed."""
    sample, talk = Sample(name), f"real-{uuid4()}"
    letter = Letter(payload=sample.payload, type=sample.type, receiver=HEALTH, conversation_id=talk)
    outcome = Client(town.hat(CUSTOMS)).send(letter, style)
    assert (outcome.code, outcome.proven) == ("", True), outcome
    notice = awaited(lambda: town.received(HEALTH, conversation=talk))
    told = etree.fromstring(notice["payload"].encode())
    assert notice["type"] == "HEALTH_DEC_NOTICE"
    assert text(told, "Декларация/Ссылка") == sample.reference
    assert text(told, "Декларация/ИнойНомер") == sample.number
    answer = awaited(lambda: town.received(CUSTOMS, conversation=talk))
    assert (answer["type"], answer["relates_to"]) == ("DEC_RESPONSE", letter.message_id)
    response = etree.fromstring(answer["payload"].encode()).find("{*}Response")
    assert response is not None
    assert text(response, "FunctionCode") == FUNCTIONS[name]
    assert text(response, "Declaration/FunctionalReferenceID") == sample.reference
    assert text(response, "Declaration/ID") == sample.number
    documents = [one for item in told.iterchildren("{*}Тауар") for one in item.iterchildren("{*}Документ")]
    refused = [one for one in response.iterchildren("{*}Error") if text(one, "ValidationCode") == "HM15"]
    assert len(refused) == len(documents)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("trap-no-*")))
@pytest.mark.parametrize("style", STYLES)
def test_a_trap_is_refused_at_the_door_by_its_name(town: Town, name: str, style: Profile) -> None:
    talk = f"trap-{uuid4()}"
    payload = (SAMPLES / f"{name}.xml").read_bytes()
    letter = Letter(payload=payload, type=Sample(AMEND).type, receiver=HEALTH, conversation_id=talk)
    outcome = Client(town.hat(CUSTOMS)).send(letter, style)
    assert (outcome.code, outcome.proven) == ("schema.unknown", True)
    assert "trap.no-namespace" in [finding.get("rule") for finding in outcome.findings]
    assert town.received(HEALTH, conversation=talk) == []
