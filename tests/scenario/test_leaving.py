"""SIGTERM: first others are told, then what is in hand is finished, then the doors close. Nobody is cut off."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from gateway.cli.demo_town import HOST
from gateway.envelope.addressing import action_of
from gateway.errors import DeliveryFailed
from gateway.model import Claims, DocumentType, MessageId, PartnerId, Sealed
from gateway.seal.profiles import seal
from gateway.shell.courier import HttpCourier
from gateway.shell.presence import live_instances
from gateway.shell.processes import is_free
from gateway.shell.store import Store
from gateway.xml import canonical, parse
from tests.database import wait_until
from tests.running import ROOT, new_id
from tests.towns import Machine, SpreadTown

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
CUSTOMS, MINISTRY = PartnerId("customs_kz"), PartnerId("health_kz")
QUESTION = canonical(parse((ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_bytes()))


class Town(SpreadTown):
    """A gateway and a worker, which will leave."""

    def sealed(self) -> Sealed:
        """A question of customs in its envelope."""
        hat = self.hat(CUSTOMS)
        door = hat.gateway_for("soap-gw-1")
        kind, name = DocumentType("LPCO_QUERY"), MessageId(new_id())
        claims = Claims(message_id=name, action=action_of(kind), to=door.endpoint, sender=CUSTOMS, receiver=MINISTRY)
        return seal(QUESTION, claims, door, hat.keyring, now=datetime.now(UTC), nonce=str(uuid4()))

    def log_of(self, partner: PartnerId) -> dict[str, Any]:
        """What a partner received."""
        found: dict[str, Any] = requests.get(f"{self.residents[partner].log_url}?bare", timeout=10).json()
        return found

    def states(self) -> dict[str, tuple[str, int]]:
        """State and attempts of every delivery, by message id."""
        query = "select m.message_id, d.state, d.attempts from message m join delivery d on d.entry = m.id"
        with Store(self.dsn, largest=1) as store:
            return {row["message_id"]: (row["state"], row["attempts"]) for row in store.fetch(query)}

    def alive(self) -> list[str]:
        """Programs that have not signed off."""
        with Store(self.dsn, largest=1) as store:
            return [one.name for one in store.run(live_instances)]


class Sender(Thread):
    """Sends to one gateway, one message after the other over a kept connection, until told to stop."""

    def __init__(self, town: Town, machine: str, stop: Event) -> None:
        super().__init__(daemon=True)
        self._town, self._door, self._told = town, f"{town.url_of(machine)}/soap", stop
        self.answered: list[str] = []
        self.troubles: list[str] = []
        self.start()

    def run(self) -> None:
        """As long as nothing goes wrong."""
        courier = HttpCourier(20)
        while not self._told.is_set() and not self.troubles:
            sealed = self._town.sealed()
            try:
                answer = courier.deliver(self._door, sealed)
            except DeliveryFailed as error:
                self.troubles.append(error.detail)
                return
            if answer.status == HTTPStatus.OK:
                self.answered.append(sealed.message_id)
            else:
                self.troubles.append(f"{answer.status} {answer.body!r}")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Everything runs; the gateway leaves for a minute, or until it is told once more."""
    words = {"leave_seconds": 60.0, "delivery_timeout": 20.0}
    programs = [Machine(name="gateway-1")], [Machine(name="worker-1")]
    with Town(tmp_path_factory.mktemp("town"), *programs, words) as running:
        yield running


def test_a_worker_finishes_the_message_in_hand(town: Town) -> None:
    """Its receiver is slow; the worker waits for the receipt, keeps it, and is gone."""
    requests.post(f"http://{HOST}:{town.residents[MINISTRY].port}/fault?kind=stall&seconds=2", timeout=10)
    sealed = town.sealed()
    assert HttpCourier(20).deliver(f"{town.url_of('gateway-1')}/soap", sealed).status == HTTPStatus.OK
    wait_until(lambda: town.crew.check() or town.log_of(MINISTRY)["received"])
    assert town.states()[sealed.message_id] == ("queued", 0)
    os.kill(town.crew.pid("worker-1"), signal.SIGTERM)
    wait_until(lambda: town.crew.has_ended("worker-1"))
    assert town.states()[sealed.message_id] == ("delivered", 1)
    assert len(town.log_of(MINISTRY)["received"]) == 1


def test_a_gateway_says_that_it_leaves_and_cuts_nobody_off(town: Town) -> None:
    """While it leaves it answers everything; what has begun when its doors close is answered too."""
    url = town.url_of("gateway-1")
    stop, kept = Event(), town.states()
    senders = [Sender(town, "gateway-1", stop) for _ in range(3)]
    wait_until(lambda: all(one.answered or one.troubles for one in senders))
    os.kill(town.crew.pid("gateway-1"), signal.SIGTERM)
    wait_until(lambda: requests.get(f"{url}/ready", timeout=10).status_code == 503)
    counts = [len(one.answered) for one in senders]
    wait_until(
        lambda: all(one.troubles or len(one.answered) > before + 1 for one, before in zip(senders, counts, strict=True))
    )
    assert [one.troubles for one in senders] == [[], [], []]
    health = requests.get(f"{url}/health", timeout=10)
    assert (health.json()["leaving"], health.headers["connection"]) == (True, "close")
    slow = _Slow(url, town.sealed())
    stop.set()
    for one in senders:
        one.join(20)
    os.kill(town.crew.pid("gateway-1"), signal.SIGTERM)
    wait_until(lambda: is_free(*slow.place))
    answer = slow.finish()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    wait_until(lambda: town.crew.has_ended("gateway-1"))
    assert [one.troubles for one in senders] == [[], [], []]
    sent = {name for one in senders for name in one.answered} | {slow.sealed.message_id}
    assert set(town.states()) - set(kept) == sent
    assert not list(town.machines.glob("*/leaving"))
    assert town.alive() == []


class _Slow:
    """A request of which half was sent."""

    def __init__(self, url: str, sealed: Sealed) -> None:
        found = urlsplit(url)
        self.place = str(found.hostname), int(found.port or 0)
        self.sealed = sealed
        head = f"POST /soap HTTP/1.1\r\nHost: {found.netloc}\r\nContent-Type: {sealed.content_type}\r\n"
        head += f"Content-Length: {len(sealed.body)}\r\n\r\n"
        self._line = socket.create_connection(self.place, 20)
        self._line.sendall(head.encode() + sealed.body[:1000])

    def finish(self) -> bytes:
        """Send the rest; all of the answer."""
        answer = bytearray()
        with self._line as line:
            line.sendall(self.sealed.body[1000:])
            while piece := line.recv(65536):
                answer += piece
        return bytes(answer)
