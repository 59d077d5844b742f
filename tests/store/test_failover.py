"""The database dies and its standby takes over: what was acknowledged is there, once, and the evidence is whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from gateway.errors import Busy
from gateway.model import Sealed
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, a_sealed, a_verified, an_entry, some_claims, some_corridors
from tests.database import wait_until
from tests.store.standby import Standby

SENDERS = 3
BEFORE, AFTER = 40, 20
"""Acknowledged messages of each sender before the first server dies, and after."""


class Sender:
    """Sends one message after another and repeats each under its id until it is acknowledged, as partners must."""

    def __init__(self, number: int, ledger: PostgresLedger, stop: Event) -> None:
        self._number = number
        self._ids = CountedIds(number * 1_000_000)
        self._ledger = ledger
        self._stop = stop
        self.acknowledged: dict[str, Sealed] = {}
        self.thread = Thread(target=self._work)
        self.thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            entry_id = self._ids()
            name = f"urn:uuid:{entry_id}"
            answer = a_sealed(f"<Receipt>{entry_id}</Receipt>".encode(), name)
            claims = some_claims(name)
            while not self._stop.is_set():
                try:
                    kept = self._ledger.enter(an_entry(entry_id, claims), a_verified(claims), answer, {})
                except Busy:
                    continue
                self.acknowledged[name] = kept
                break


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Postgres]:
    """The server that will die."""
    with Postgres(tmp_path / "first") as running:
        apply_schema(running.dsn, NOW)
        yield running


@pytest.fixture
def standby(first: Postgres, tmp_path: Path) -> Iterator[Standby]:
    """The server that follows it, synchronously."""
    following = Standby(first, tmp_path / "standby")
    try:
        yield following.follow()
    finally:
        following.stop()


def test_a_failover_to_a_synchronous_standby_loses_nothing(first: Postgres, standby: Standby) -> None:
    stop = Event()
    with Store(standby.either, patience=1.0) as store:
        ledger = PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds())
        senders = [Sender(number, ledger, stop) for number in range(1, SENDERS + 1)]
        try:
            wait_until(lambda: all(len(one.acknowledged) >= BEFORE for one in senders))
            pid = first.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            counts = [len(one.acknowledged) for one in senders]
            standby.take_over()
            enough = [count + AFTER for count in counts]
            wait_until(lambda: all(len(one.acknowledged) >= e for one, e in zip(senders, enough, strict=True)))
        finally:
            stop.set()
            for one in senders:
                one.thread.join()
        acknowledged = {name: answer for one in senders for name, answer in one.acknowledged.items()}
        _every_one_is_there_once(store, ledger, acknowledged)


def _every_one_is_there_once(store: Store, ledger: PostgresLedger, acknowledged: dict[str, Sealed]) -> None:
    query = "select message_id, count(*) as times from message group by message_id"
    times = {row["message_id"]: row["times"] for row in store.fetch(query)}
    assert not set(acknowledged) - set(times)
    assert set(times.values()) == {1}
    for name, answer in acknowledged.items():
        found = ledger.recall(some_claims(name).sender, some_claims(name).message_id)
        assert found is not None
        assert found[1] == answer
    assert verify_chains(store).broken is None
