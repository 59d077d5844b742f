"""A house for the tests of the console: shipped adapters, a real database, partners in memory, and one browser tab.

A `conftest.py` takes the fixtures by `from tests.operators import clock, house, page, rules`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import registry
from gateway.envelope.addressing import action_of
from gateway.errors import GatewayError
from gateway.model import Claims, PartnerId
from gateway.pipeline import forward
from gateway.reception import receive
from gateway.replay.fixture import read_fixture
from gateway.setup import Setup
from gateway.shell.config import Settings
from gateway.shell.console import make_console
from gateway.shell.ledger import PostgresLedger
from gateway.shell.queries import messages
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store
from gateway.testing import ADDRESSES, FrozenClock, LoopCourier, Trust, counting_ids, make_trust, send_as
from tests.builders import AEO, CHINA, CUSTOMS, HEALTH, NOW, some_corridors

NAMES = {CUSTOMS: "Customs, declarations", HEALTH: "Ministry of Health", AEO: "AEO register", CHINA: "China"}
FIXTURES = Path(__file__).parents[1] / "adapters"


@dataclass(frozen=True)
class House:
    """What the console is made over, and the other side of the line."""

    settings: Settings
    store: Store
    ledger: PostgresLedger
    setup: Setup
    trust: Trust
    courier: LoopCourier
    clock: FrozenClock

    def play(self, name: str) -> UUID:
        """The message of a fixture comes in through reception; the gateway's id of it."""
        fixture = read_fixture(FIXTURES / name)
        claims = Claims(
            message_id=fixture.message_id, action=action_of(fixture.type), to="", sender=fixture.sender,
            receiver=fixture.receiver, conversation_id=fixture.conversation_id,
        )  # fmt: skip
        nonce = f"{fixture.message_id}"
        _, wire = send_as(self.trust, fixture.payload, claims, fixture.style, at=self.clock(), nonce=nonce)
        receive(wire, fixture.style, self.setup)
        found = messages(self.store, search=fixture.message_id).lines
        return found[0].id if found else UUID(int=0)

    def work(self) -> None:
        """Every queued delivery is tried once."""
        for row in self.store.fetch("select * from delivery_way where state = 'queued' order by seq"):
            delivery = delivery_of(row)
            try:
                forward(delivery, self.setup)
            except GatewayError as error:
                self.ledger.postpone(delivery, code=error.code, detail=error.detail)


class Tab:
    """A browser tab as far as the console cares: cookies, and the headers of forms sent from its own pages."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for a page."""
        return self.client.get(path, base_url="http://127.0.0.1:8080", headers=headers, buffered=True)

    def text(self, path: str) -> str:
        """A page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    def post(
        self, path: str, *, site: str | None = "same-origin", token: str | None = None, **form: str
    ) -> TestResponse:
        """Send a form with the token of a page of ours."""
        found = re.search(r'name="token" value="([0-9a-f]+)"', self.text("/lanes"))
        assert found is not None
        headers = {} if site is None else {"Sec-Fetch-Site": site}
        form["token"] = found[1] if token is None else token
        return self.client.post(path, base_url="http://127.0.0.1:8080", data=form, headers=headers)


@pytest.fixture(scope="session")
def rules() -> registry.Registry:
    """The shipped adapters, compiled once."""
    return registry.load()


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands."""
    return FrozenClock(NOW)


@pytest.fixture
def house(rules: registry.Registry, store: Store, clock: FrozenClock, tmp_path: Path) -> House:
    """A gateway over this test's database, with partners in memory; the register collects for itself."""
    trust = make_trust({name: "rest-gw-1" if name in {AEO, CHINA} else "soap-gw-1" for name in NAMES})
    partners = {
        name: replace(one, name={"en": NAMES[PartnerId(name)]}, endpoint="" if name == AEO else one.endpoint)
        for name, one in trust.partners.items()
    }
    corridors = [*rules.corridors.values(), *some_corridors()]
    ledger = PostgresLedger(store, corridors, clock=clock, ids=counting_ids("ledger"))
    courier = LoopCourier(trust, clock=clock, ids=counting_ids("partners"))
    setup = Setup(
        partners=partners, schemas=rules.schemas, corridors=rules.corridors, translations=rules.translations,
        keyring=trust.keyring, ledger=ledger, courier=courier, clock=clock, ids=counting_ids("house"),
        addresses=ADDRESSES,
    )  # fmt: skip
    settings = Settings(state_dir=tmp_path, database_url=store.dsn)
    return House(settings, store, ledger, setup, trust, courier, clock)


@pytest.fixture
def page(house: House) -> Tab:
    """The console in a tab."""
    return Tab(make_console(house).test_client())
