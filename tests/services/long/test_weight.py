"""What the longest message weighs: the memory of doors and worker, and the patience of those who send short ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from gateway.kit.templates.gateway_rest import GatewayRest
from tests.bulk import NAME, PUSHED, SENDER, SOAP, Receiver, a_list
from tests.running import ROOT, Running, environment
from tests.services.clients import Clients
from tests.services.long.asking import doors_of, got, peak, until
from tests.services.long.soaping import SoapSender

LONGEST = 100
"""Megabytes of a message that is sent here."""
MOST = 10_000
"""Kilobytes that it may cost a process."""
SLOWEST = 5.0
"""Seconds that a short message may take meanwhile, on a busy machine."""


@contextmanager
def worker_of(bulk: Running) -> Iterator[int]:
    """A worker that is a process of its own; its id."""
    command = [sys.executable, "-m", "gateway", "worker"]
    with bulk.log.with_name("worker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(bulk.house.settings), stdout=log, stderr=log)
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(params=["REST to REST", "SOAP to REST", "REST to SOAP"])
def send(request: pytest.FixtureRequest, sender: GatewayRest, soap: SoapSender) -> Callable[[bytes], object]:
    """Sends a list by this door to one that is called like that."""
    if request.param == "SOAP to REST":
        return lambda document: soap.send(soap.sealed(document))
    return lambda document: sender.send(
        document, "BULK_LIST", receiver=SOAP if request.param == "REST to SOAP" else PUSHED
    )


@pytest.mark.timeout(180)
def test_the_longest_message_takes_little_memory_and_nobodys_turn(
    bulk: Running, send: Callable[[bytes], object], clients: Clients, receiver: Receiver
) -> None:
    """A hundred megabytes through doors and worker to its receiver; who sends short ones is answered meanwhile."""
    document, slowest, answers = a_list(LONGEST, name=f"{NAME} " * 5), 0.0, 0
    with worker_of(bulk) as worker:
        for megabytes in (0.005, 2):  # what is loaded once is loaded now
            warm = a_list(megabytes)
            send(warm)
            got(receiver, warm)
        pids = [*doors_of(bulk), worker]
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        before = {pid: peak(pid) for pid in pids}
        long = threading.Thread(target=send, args=(document,))
        long.start()
        while long.is_alive():
            began = monotonic()
            clients.rest(SENDER).send(a_list(0.005), "BULK_LIST", receiver=PUSHED)
            slowest, answers = max(slowest, monotonic() - began), answers + 1
            long.join(0.1)
        digest = hashlib.sha256(document).hexdigest()
        until(lambda: any(one.sha256 == digest for one in receiver.arrived), 120)
        grown = {pid: peak(pid) - before[pid] for pid in pids}
    assert answers > 1
    assert slowest < SLOWEST
    assert max(grown.values()) <= MOST, grown
