"""A town behind PgBouncer: gateways in transaction mode, workers in session mode, on few connections of the server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from gateway.shell.courier import HttpCourier
from gateway.shell.evidence import verify_chains
from gateway.shell.processes import Troupe
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.database import wait_until
from tests.pooler import needs_pgbouncer, pooled
from tests.scenario.test_leaving import MINISTRY, Town
from tests.towns import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), needs_pgbouncer]
MESSAGES = 60
LEFT = """
select count(*) as n from pg_locks where locktype = 'advisory' and objsubid = 1
  and (classid::bigint << 32) | objid::bigint = hashtextextended('gateway schema', 0)
"""
"""The lock of a start, which its connection would keep if it were not ours alone."""


class PooledTown(Town):
    """Two poolers stand before the database."""

    def start_gateway(self, troupe: Troupe) -> None:
        """The tables stand before the gateways start: behind their pooler nobody could make them."""
        apply_schema(self.dsn, datetime.now(UTC))
        self._poolers = ExitStack()
        place = self._state / "poolers"
        place.mkdir()
        self._ways = {
            "gateway": self._poolers.enter_context(pooled(self.dsn, place / "doors", "transaction", size=4)),
            "worker": self._poolers.enter_context(pooled(self.dsn, place / "workers", "session")),
        }
        super().start_gateway(troupe)

    def stop(self) -> None:
        """The poolers last."""
        super().stop()
        self._poolers.close()

    def _environment(self, machine: Machine) -> dict[str, str]:
        way = self._ways[machine.name.partition("-")[0]]
        return super()._environment(machine) | {"GATEWAY_DATABASE_URL": way}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PooledTown]:
    """Two gateways and two workers."""
    gateways = [Machine(name="gateway-1"), Machine(name="gateway-2")]
    workers = [Machine(name="worker-1"), Machine(name="worker-2")]
    with PooledTown(tmp_path_factory.mktemp("town"), gateways, workers, {"leave_seconds": 0.0}) as running:
        yield running


def test_gateways_share_connections_and_workers_keep_theirs(town: PooledTown) -> None:
    """What was acknowledged is delivered, once; the evidence is whole, and no lock is left on a shared connection."""

    def send(number: int) -> str:
        sealed = town.sealed()
        answer = HttpCourier(20).deliver(f"{town.url_of(f'gateway-{number % 2 + 1}')}/soap", sealed)
        assert answer.status == HTTPStatus.OK, answer.body
        return sealed.message_id

    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(send, range(MESSAGES)))
    wait_until(lambda: town.crew.check() or all(town.states()[one][0] == "delivered" for one in sent))
    received = [one["message_id"] for one in town.log_of(MINISTRY)["received"]]
    assert len(received) == len(set(received)) == MESSAGES
    with Store(town.dsn) as store:
        assert verify_chains(store).broken is None
        assert store.fetch(LEFT)[0]["n"] == 0
