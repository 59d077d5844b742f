"""A gateway whose partners exchange long lists, for all tests of long messages; one megabyte fits into its memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.kit.make import make_kit
from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.model import PartnerId
from gateway.shell.client import wear
from tests.bulk import PUSHED, SENDER, SOAP, Receiver, bulk_tree, receiving
from tests.running import Running, free_port, running_gateway
from tests.services.clients import Clients
from tests.services.long.soaping import SoapSender


@pytest.fixture(scope="package")
def port() -> int:
    """Where the receiver listens."""
    return free_port()


@pytest.fixture(scope="package")
def bulk(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Running]:
    """Doors, database, demo trust; no worker (`working`)."""
    tmp = tmp_path_factory.mktemp("bulk")
    tree = bulk_tree(tmp / "tree", f"http://127.0.0.1:{port}/api/v1/messages")
    with running_gateway(tmp, roots=[tree], largest_message=1_000_000, largest_spooled=120_000_000) as running:
        yield running


@pytest.fixture(scope="package")
def clients(bulk: Running, tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Clients of both."""
    folder = tmp_path_factory.mktemp("kits")
    for partner in (SENDER, PUSHED):
        make_kit(bulk.house.settings, partner, folder / partner)
    return Clients({partner: folder / partner for partner in (SENDER, PUSHED)})


@pytest.fixture(scope="package")
def sender(clients: Clients) -> GatewayRest:
    """Who sends lists."""
    return clients.rest(SENDER)


@pytest.fixture(scope="package")
def soap(bulk: Running) -> SoapSender:
    """Who sends them over SOAP."""
    return SoapSender(wear(PartnerId(SOAP), [bulk.partner_keys[SOAP]["ec"]], bulk.house.settings.trust_dir, bulk.url))


@pytest.fixture(scope="package")
def listening(bulk: Running, port: int) -> Iterator[Receiver]:
    """Who gets them."""
    hat, soap = (
        wear(PartnerId(one), [bulk.partner_keys[one]["ec"]], bulk.house.settings.trust_dir, bulk.url, "ecdsa-sha256")
        for one in (PUSHED, SOAP)
    )
    with receiving(Receiver(hat, soap=soap), port) as found:
        yield found


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    """The same, with nothing in hand."""
    listening.arrived.clear()
    return listening
