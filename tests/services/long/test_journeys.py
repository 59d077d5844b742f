"""Messages too long for memory, over HTTP: taken by their head, spooled, judged, kept, and passed on as they came."""

from __future__ import annotations

import hashlib
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.replay.kept import record_kept
from gateway.shell.archive import write_month
from gateway.shell.archived import verify_archive
from gateway.shell.console import make_console
from gateway.shell.evidence import verify_chains
from gateway.shell.months import month_of
from tests.bulk import PUSHED, SENDER, Receiver, a_list
from tests.running import Running, new_id, working
from tests.services.clients import Clients
from tests.services.long.asking import PDF, got, post_file, refused, until


def test_a_long_message_reaches_its_receiver_octet_by_octet(
    bulk: Running, sender: GatewayRest, receiver: Receiver
) -> None:
    """Signed receipt after the commit, the same octets at the receiver though it was out at first, its receipt kept."""
    document, receiver.outages = a_list(6, number="KZ-6"), 1
    answer = sender.send(document, "BULK_LIST", receiver=PUSHED)
    assert answer.status_code == 202
    assert hashlib.sha256(document).hexdigest().encode() in answer.content
    with working(bulk):
        status: dict[str, Any] = {}
        end = monotonic() + 60
        while not status.get("finished") and monotonic() < end:
            bulk.store.write("update lane set next_at = '-infinity' where lane = %s returning 1", [PUSHED])
            status = sender.status(answer.headers["location"], wait=1)
    assert status["state"] == "delivered", status
    assert status["deliveries"][0]["receiptId"]
    arrived = got(receiver, document)
    assert (arrived.action, arrived.size) == ("BULK_LIST", len(document))
    assert verify_chains(bulk.store).broken is None
    found = bulk.store.fetch("select value from message_ref where scheme = 'permit' and value = 'KZ-6'")
    assert found


def test_a_long_message_is_translated_on_its_way(bulk: Running, sender: GatewayRest, receiver: Receiver) -> None:
    """The table runs item by item, the outcome is valid, kept, and sent."""
    answer = sender.send(a_list(3, kind="O"), "BULK_ORDER", receiver=PUSHED)
    with working(bulk):
        until(lambda: sender.status(answer.headers["location"])["state"] == "delivered")
    kept = bulk.store.fetch("select octets from spooled where part = 'to bulk-mapped' order by number")
    octets = b"".join(bytes(one["octets"]) for one in kept)
    assert octets.startswith(b'<Out xmlns="urn:test:bulk-out:1">')
    assert got(receiver, octets).action == "BULK_OUT"
    assert verify_chains(bulk.store).broken is None
    moved = "update spooled set part = %s where part = %s returning 1"
    bulk.store.write(moved, ["elsewhere", "to bulk-mapped"])
    assert verify_chains(bulk.store).broken is not None
    bulk.store.write(moved, ["to bulk-mapped", "elsewhere"])
    assert verify_chains(bulk.store).broken is None


def test_a_partner_that_pulls_gets_it_in_pieces(bulk: Running, clients: Clients, sender: GatewayRest) -> None:
    """The inbox hands it out and takes the receipt."""
    document = a_list(3)
    clients.rest(PUSHED).send(document, "BULK_LIST", receiver=SENDER)
    pulled = sender.pull()
    assert pulled is not None
    assert pulled.content == document
    sender.acknowledge(pulled)
    assert sender.pull() is None


def test_a_repeat_gets_the_same_receipt_and_other_content_is_a_conflict(bulk: Running, sender: GatewayRest) -> None:
    """R1 and R2 hold through the digest; the repeat is not spooled again."""
    document, message_id = a_list(2), new_id()
    first = sender.send(document, "BULK_LIST", message_id=message_id, receiver=PUSHED)
    again = sender.send(document, "BULK_LIST", message_id=message_id, receiver=PUSHED)
    assert first.content == again.content
    other = refused(sender, a_list(2), message_id=message_id)
    assert (other.status_code, other.json()["code"]) == (409, "message.conflict")


def test_a_file_goes_with_its_message(bulk: Running, sender: GatewayRest, receiver: Receiver) -> None:
    """Short or long, as it came, with its media type; related to the message that went before."""
    message_id = new_id()
    assert sender.send(a_list(0.1), "BULK_LIST", receiver=PUSHED, message_id=message_id).status_code == 202
    with working(bulk):
        for file in (PDF, PDF * 20):
            answer = post_file(sender, file, "application/pdf", message_id)
            assert answer.status_code == 202, answer.text
            arrived = got(receiver, file)
            assert (arrived.action, arrived.media) == ("ATTACHMENT", "application/pdf")
            assert arrived.relates_to.startswith("urn:uuid:")
    assert verify_chains(bulk.store).broken is None


def test_the_console_shows_the_beginning_and_saves_the_whole(bulk: Running, sender: GatewayRest) -> None:
    """No page holds a long message."""
    document = a_list(3)
    entry = sender.send(document, "BULK_LIST", receiver=PUSHED).headers["location"].rpartition("/")[2]
    browser = make_console(bulk.house).test_client()
    for page in ("", "/xml", "/mapping", "/evidence"):
        shown = browser.get(f"/messages/{entry}{page}")
        assert shown.status_code == 200, page
        assert len(shown.data) < 600_000, page
    assert browser.get(f"/messages/{entry}/bytes/received").data == document
    with pytest.raises(ValueError, match="too long"):
        record_kept(bulk.store, entry, bulk.state / "recorded")


def test_its_month_is_archived_with_its_proof(bulk: Running, sender: GatewayRest, tmp_path: Path) -> None:
    """The pieces leave in their order; one octet less is found."""
    document = a_list(11.5)  # more than ten pieces: 10 comes after 9
    entry = sender.send(document, "BULK_LIST", receiver=PUSHED).headers["location"].rpartition("/")[2]
    now = bulk.house.setup.clock()
    month = bulk.store.run(lambda connection: write_month(connection, month_of(now), tmp_path, now))
    assert verify_archive(tmp_path).broken == ""
    assert (month / "spooled.jsonl.gz").stat().st_size > 10_000
    change = "update spooled set octets = %s where entry = %s and number = 1 returning 1"
    bulk.store.write(change, [document[1_000_001:2_000_000], entry])
    assert "pieces" in verify_chains(bulk.store).broken.why  # type: ignore[union-attr]
    bulk.store.write(change, [document[1_000_000:2_000_000], entry])
    assert verify_chains(bulk.store).broken is None
