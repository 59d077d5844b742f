"""Two gateways and four workers, each on a machine of its own; two are cut off in mid-traffic, and come back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from gateway.cli.chaos import look_back, mixed
from gateway.cli.demo_town import HOST
from gateway.cli.traffic import Traffic
from gateway.model import PartnerId
from gateway.shell.postgres import Postgres
from gateway.shell.processes import is_free
from tests.database import wait_until
from tests.network import Network, network, why_not
from tests.towns import SpreadTown

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]
GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = ("worker-1", "worker-2", "worker-3", "worker-4")
MINISTRY = PartnerId("health_kz")
QUICK = {
    "retry_seconds": [1], "pilot_seconds": 1.0, "delivery_timeout": 4.0, "stalled_seconds": 3.0, "leave_seconds": 0.0,
}  # fmt: skip
ASK = "import sys, requests; print(requests.get(sys.argv[1], timeout=8).status_code)"
HOLDER = """
select host(a.client_addr) from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(%s, 0)
"""
REACHED = "select count(*) from delivery where lane = %s and state = 'delivered' and received_at > %s"


class ManyTown(SpreadTown):
    """A town on a network of its own; the database listens there."""

    def __init__(self, state: Path, net: Network) -> None:
        gateways, workers = ([net.machines[name] for name in names] for names in (GATEWAYS, WORKERS))
        super().__init__(state, gateways, workers, QUICK, reach=net.bridge)
        rules = state / "database" / "hba.conf"
        rules.parent.mkdir(mode=0o700)
        rules.write_text(f"local all all scram-sha-256\nhost all all {net.subnet} scram-sha-256\n", "ascii")
        settings = {"listen_addresses": net.bridge, "hba_file": str(rules)}
        self.database = Postgres(state / "database", settings=settings)

    def renew(self) -> None:
        """Nothing has ended: to be cut off is no reason to."""
        self.check()

    def queued(self) -> int:
        """Deliveries that are on their way."""
        return int(self.one("select count(*) from delivery where state = 'queued'"))

    def holder(self, lane: str) -> str:
        """The address of the machine that holds a lane now; empty = nobody."""
        return str(self.one(HOLDER, lane) or "")

    def one(self, query: str, *words: object) -> object:
        """The first value of a query's answer."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(query.encode(), words).fetchone()
        return row[0] if row else None


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Six machines."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with network([*GATEWAYS, *WORKERS]) as made:
        if not is_free(made.bridge, 5432):
            pytest.skip("port 5432 is taken on every address")
        yield made


@pytest.fixture
def town(net: Network, tmp_path: Path) -> Iterator[ManyTown]:
    """Everything runs."""
    with ManyTown(tmp_path, net) as running:
        yield running


def status(net: Network, machine: str, url: str) -> str:
    """What a door says to somebody on its own machine; empty when it does not answer."""
    command = [*net.machines[machine].prefix, sys.executable, "-c", ASK, url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()


def test_nothing_is_lost_when_machines_are_cut_off_and_come_back(town: ManyTown, net: Network) -> None:
    """What the cut worker held goes to another; the cut gateway says that it is not ready until it is back."""
    ready = f"{town.url_of('gateway-1')}/ready"
    traffic = Traffic(town, mixed(), seed=1, lines=4, rate=8)
    traffic.start()
    try:
        wait_until(lambda: len(traffic.acknowledged) > 10)
        stall = f"http://{HOST}:{town.residents[MINISTRY].port}/fault?kind=stall&times=2&seconds=3"
        requests.post(stall, timeout=10)
        wait_until(lambda: town.holder(f"lane {MINISTRY}"))
        host = town.holder(f"lane {MINISTRY}")
        worker = next(name for name, machine in net.machines.items() if machine.host == host)
        net.cut(worker, "gateway-1")
        since = town.one("select clock_timestamp()")
        try:
            wait_until(lambda: town.holder(f"lane {MINISTRY}") not in {"", host})
            wait_until(lambda: town.one(REACHED, MINISTRY, since))
            assert status(net, "gateway-1", ready) == "503"
            assert requests.get(f"{town.url_of('gateway-2')}/ready", timeout=10).status_code == 200
        finally:
            net.mend(worker, "gateway-1")
        wait_until(lambda: requests.get(ready, timeout=30).status_code == 200)
        enough = len(traffic.acknowledged) + 10
        wait_until(lambda: len(traffic.acknowledged) > enough)
    finally:
        traffic.stop()
    verdict = look_back(town, traffic, lambda _text: None, patience=60)
    assert worker in WORKERS
    assert (verdict.lost, verdict.doubled, verdict.disordered, traffic.changed) == ([], [], [], [])
    assert verdict.acknowledged > 20
