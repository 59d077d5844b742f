"""One running gateway for all tests of the services; in it the ministry has no endpoint and pulls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.kit.make import make_kit
from gateway.kit.templates.gateway_rest import GatewayRest
from tests.running import PARTNERS, ROOT, Running, running_gateway
from tests.services.clients import Clients


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Doors, database and demo trust."""
    tmp = tmp_path_factory.mktemp("gateway")
    record = (ROOT / "certs/partners/health_kz.toml").read_text("utf-8")
    overlay = tmp / "tree" / "certs" / "partners"
    overlay.mkdir(parents=True)
    lines = ['endpoint = ""' if line.startswith("endpoint") else line for line in record.splitlines()]
    (overlay / "health_kz.toml").write_text("\n".join(lines) + "\n", "utf-8")
    with running_gateway(tmp, roots=[tmp / "tree"]) as running:
        yield running


@pytest.fixture(scope="session")
def kits(gateway: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The kit of every partner, by partner id."""
    folder = tmp_path_factory.mktemp("kits")
    for partner in PARTNERS:
        make_kit(gateway.house.settings, partner, folder / partner)
    return {partner: folder / partner for partner in PARTNERS}


@pytest.fixture
def clients(kits: dict[str, Path]) -> Clients:
    """Clients of the partners, made from their kits."""
    return Clients(kits)


@pytest.fixture
def registry_client(clients: Clients) -> GatewayRest:
    """The REST client of the operators' register."""
    return clients.rest("aeo_registry_kz")
