"""`gateway serve` is ended with `kill -9` while it takes a long message: one effect, the same receipt, nothing left."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import requests

from gateway.kit.make import make_kit
from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.model import PartnerId
from gateway.shell.client import wear
from gateway.shell.evidence import verify_chains
from gateway.shell.processes import python, signal_family
from tests.bulk import PUSHED, SENDER, Receiver, a_list, bulk_tree, receiving
from tests.running import ROOT, Running, await_ready, environment, free_port, new_id, running_gateway
from tests.services.long.asking import doors_of, got, opened, spooled, until

MEGABYTES = 12
ALONE = "--no-worker"
ROWS = "select entry, answer from message_key where partner = %s and message_id = %s"


class Serving:
    """`gateway serve` over the database and the settings of a gateway whose own doors are closed."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        """It answers."""
        settings = self._running.house.settings
        command = python("gateway", "serve", "--no-console", *words)
        with self._running.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment(settings), stdout=log, stderr=log)
        await_ready(settings.url, self._process, self._running.log)

    def kill(self) -> None:
        """It and all that it started are killed; nothing of them is left but what is on the disk."""
        assert self._process is not None
        signal_family(self._process.pid, signal.SIGKILL)
        assert self._process.wait(20) == -signal.SIGKILL
        until(lambda: not doors_of(self._running))

    def stop(self) -> None:
        """It has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)


@contextmanager
def serving(running: Running) -> Iterator[Serving]:
    """Nothing of it runs afterwards."""
    one = Serving(running)
    try:
        yield one
    finally:
        one.stop()


def sent(sender: GatewayRest, document: bytes, message_id: str) -> requests.PreparedRequest:
    """The message, signed anew as every repetition is."""
    fields = {"gw-action": "BULK_LIST", "gw-receiver": PUSHED}
    return sender.prepare("POST", "/api/v1/messages", document, message_id, fields)


@pytest.mark.timeout(180)
def test_a_gateway_that_is_killed_takes_the_message_when_it_comes_again(tmp_path: Path) -> None:
    """In the middle of the body; after its last octet, before the commit; and after the commit, before the answer."""
    port = free_port()
    tree = bulk_tree(tmp_path / "tree", f"http://127.0.0.1:{port}/api/v1/messages")
    with (
        running_gateway(tmp_path, doors=False, roots=[tree], largest_message=1_000_000) as running,
        receiving(Receiver(wear(PartnerId(PUSHED), [running.partner_keys[PUSHED]["ec"]],
                                running.house.settings.trust_dir, running.url)), port) as receiver,
        serving(running) as served,
    ):  # fmt: skip
        make_kit(running.house.settings, SENDER, tmp_path / "kit")
        sender = GatewayRest.from_kit(str(tmp_path / "kit" / "kit.json"))
        document, message_id = a_list(MEGABYTES), new_id()
        served.start(ALONE)
        killed_in_the_middle(running, served, sender, (document, message_id))
        killed_before_the_commit(running, served, sender, (document, message_id))
        assert rows(running, message_id) == []
        killed_after_the_commit(running, served, sender, (document, message_id))
        ((entry, answer),) = rows(running, message_id)
        again = sender.send(document, "BULK_LIST", message_id=message_id, receiver=PUSHED)
        assert (again.status_code, again.content) == (202, bytes(answer))
        assert rows(running, message_id) == [(entry, answer)]
        until(lambda: sender.status(again.headers["location"])["state"] == "delivered")
        assert got(receiver, document).size == len(document)
        assert len(receiver.arrived) == 1
        assert verify_chains(running.store).broken is None
        assert list((running.state / "spool").iterdir()) == []
        assert spooled(running) == 0


def killed_in_the_middle(running: Running, served: Serving, sender: GatewayRest, sending: tuple[bytes, str]) -> None:
    """Half of it is on the spool."""
    document, message_id = sending
    with opened(running, sent(sender, *sending), len(document)) as line:
        line.sendall(document[: len(document) // 2])
        until(lambda: spooled(running) > 1_000_000)
        served.kill()
    assert list((running.state / "spool").iterdir()) == []
    assert rows(running, message_id) == []
    served.start(ALONE)


def killed_before_the_commit(
    running: Running, served: Serving, sender: GatewayRest, sending: tuple[bytes, str]
) -> None:
    """All of it came and was judged; its pieces wait for a lock, and the row of the message with them."""
    document, _ = sending
    with psycopg.connect(running.house.settings.database_url) as blocking:
        blocking.execute("lock table spooled in share mode")
        with opened(running, sent(sender, *sending), len(document)) as line:
            line.sendall(document)
            waits = "select 1 from pg_locks where not granted and mode = 'RowExclusiveLock'"
            until(lambda: running.store.fetch(waits))
            served.kill()
    served.start(ALONE)


def killed_after_the_commit(running: Running, served: Serving, sender: GatewayRest, sending: tuple[bytes, str]) -> None:
    """The sender does not hear the answer: it looks away."""
    document, message_id = sending
    with opened(running, sent(sender, *sending), len(document)) as line:
        line.sendall(document)
        until(lambda: rows(running, message_id))
        served.kill()
    served.start()


def rows(running: Running, message_id: str) -> list[tuple[object, bytes]]:
    """What is known of a message: its entry and the answer that it gets."""
    return [(one["entry"], one["answer"]) for one in running.store.fetch(ROWS, [SENDER, message_id])]
