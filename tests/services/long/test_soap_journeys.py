"""Long messages over SOAP: proven by their head, read in a stream, kept as they came, their document passed on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.model import SOAP11, SOAP12, Sealed
from gateway.shell.archive import write_month
from gateway.shell.archived import verify_archive
from gateway.shell.console import make_console
from gateway.shell.courier import HttpCourier
from gateway.shell.evidence import verify_chains
from gateway.shell.months import month_of
from gateway.shell.queries import message
from tests.bulk import SOAP, Receiver, a_list
from tests.running import Running, new_id, working
from tests.services.long.asking import got, spooled, until
from tests.services.long.soaping import SoapSender


def entry_of(bulk: Running, sealed: Sealed) -> UUID:
    """The entry that a message became."""
    (row,) = bulk.store.fetch("select entry from message_key where message_id = %s", [sealed.message_id])
    found: UUID = row["entry"]
    return found


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_long_envelope_is_kept_and_its_document_reaches_the_receiver(
    bulk: Running, soap: SoapSender, receiver: Receiver, version: str
) -> None:
    """Receipt over the sender's references after the commit; all of the envelope is kept; the document goes on."""
    document = a_list(6, number="KZ-SOAP")
    sealed = soap.sealed(document, soap=version)
    receipt = soap.send(sealed)
    assert receipt.references == sealed.references
    with working(bulk):
        arrived = got(receiver, document)
    assert (arrived.action, arrived.size) == ("BULK_LIST", len(document))
    entry = entry_of(bulk, sealed)
    pieces = bulk.store.fetch("select octets from spooled where entry = %s and part = 'wire' order by number", [entry])
    assert b"".join(bytes(one["octets"]) for one in pieces) == sealed.body
    assert bulk.store.fetch("select 1 as one from message_ref where entry = %s and value = 'KZ-SOAP'", [entry])
    browser = make_console(bulk.house).test_client()
    assert browser.get(f"/messages/{entry}/bytes/received").data == sealed.body
    assert browser.get(f"/messages/{entry}/bytes/document").data == document
    assert browser.get(f"/messages/{entry}/xml").status_code == 200
    assert verify_chains(bulk.store).broken is None


def test_which_stretch_is_the_document_is_proven(bulk: Running, soap: SoapSender, tmp_path: Path) -> None:
    """Neither the pieces nor the place in them can be changed unseen, in the database or in an archive."""
    sealed = soap.sealed(a_list(3))
    soap.send(sealed)
    entry, now = entry_of(bulk, sealed), bulk.house.setup.clock()
    month = bulk.store.run(lambda connection: write_month(connection, month_of(now), tmp_path / "good", now))
    assert verify_archive(tmp_path / "good").broken == ""
    assert month.exists()
    move = (
        "update message set facts = jsonb_set(facts, '{document,large,at}', (%s)::text::jsonb) "
        "where id = %s returning 1"
    )
    at = message(bulk.store, entry).entry.document.large.at  # type: ignore[union-attr]
    bulk.store.write(move, [at + 1, entry])
    assert "pieces" in verify_chains(bulk.store).broken.why  # type: ignore[union-attr]
    bulk.store.run(lambda connection: write_month(connection, month_of(now), tmp_path / "bad", now))
    assert "the pieces" in verify_archive(tmp_path / "bad").broken
    bulk.store.write(move, [at, entry])
    assert verify_chains(bulk.store).broken is None


def test_a_repeat_gets_the_same_receipt_and_other_content_is_a_conflict(soap: SoapSender) -> None:
    """R1 and R2, also when it is sealed again: canonical form says what is the same."""
    document, message_id = a_list(2), new_id()
    first = soap.send(soap.sealed(document, message_id))
    again = soap.sealed(document, message_id, ago=timedelta(seconds=2))
    door = soap.hat.gateway_for("soap-gw-1")
    answer = HttpCourier(60).deliver(door.endpoint, again)
    assert answer.status == 200
    assert first.body in answer.body
    assert soap.refused(soap.sealed(a_list(2), message_id))[:2] == (400, "message.conflict")


@pytest.mark.parametrize("before", [b"", b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- a list -->\n'])
def test_a_soap_partner_gets_a_long_message_as_it_came(
    bulk: Running, sender: GatewayRest, receiver: Receiver, before: bytes
) -> None:
    """In an envelope made while it is read; out at first, then the same octets; its receipt is kept, all is proven."""
    document, receiver.outages = a_list(6), 1
    answer = sender.send(before + document, "BULK_LIST", receiver=SOAP)
    with working(bulk):
        until(lambda: _again(bulk) and sender.status(answer.headers["location"], wait=1)["state"] == "delivered")
    arrived = got(receiver, document)
    assert arrived.media.startswith("application/soap+xml")
    entry = answer.headers["location"].rpartition("/")[2]
    browser = make_console(bulk.house).test_client()
    sent = browser.get(f"/messages/{entry}/bytes/sent-bulk-soap-1").data
    assert sent.startswith(b"<env:Envelope")
    assert document in sent
    assert verify_chains(bulk.store).broken is None
    change = "update outgoing set body = %b where entry = %s returning 1"
    (kept,) = bulk.store.fetch("select body from outgoing where entry = %s", [entry])
    bulk.store.write(change, [bytes(kept["body"]).replace(b"BULK_LIST", b"BULK_LOST"), entry])
    assert "sealed" in verify_chains(bulk.store).broken.why  # type: ignore[union-attr]
    bulk.store.write(change, [kept["body"], entry])
    assert verify_chains(bulk.store).broken is None


def test_a_soap_partner_gets_a_long_message_in_its_words(
    bulk: Running, sender: GatewayRest, receiver: Receiver, tmp_path: Path
) -> None:
    """What the table made is kept once, sealed, and stands in the archive with its proof."""
    answer = sender.send(a_list(3, kind="O"), "BULK_ORDER", receiver=SOAP)
    entry, now = answer.headers["location"].rpartition("/")[2], bulk.house.setup.clock()
    with working(bulk):
        until(lambda: sender.status(answer.headers["location"], wait=1)["state"] == "delivered")
    kept = bulk.store.fetch("select octets from spooled where entry = %s and part <> 'wire' order by number", [entry])
    assert got(receiver, b"".join(bytes(one["octets"]) for one in kept)).action == "BULK_OUT"
    assert verify_chains(bulk.store).broken is None
    bulk.store.run(lambda connection: write_month(connection, month_of(now), tmp_path, now))
    assert verify_archive(tmp_path).broken == ""


def _again(bulk: Running) -> bool:
    """Nobody waits for the next pilot."""
    return bool(bulk.store.write("update lane set next_at = '-infinity' where lane = %s returning 1", [SOAP]) or True)


def _stranger(sealed: Sealed) -> Sealed:
    return replace(sealed, body=sealed.body.replace(b"urn:swgw:partner:health_kz", b"urn:swgw:partner:nobody_kz"))


def _flipped(sealed: Sealed) -> Sealed:
    at = sealed.body.rindex(b"<Count>") + len(b"<Count>")
    return replace(sealed, body=sealed.body[:at] + b"2" + sealed.body[at + 1 :])


def _head_flipped(sealed: Sealed) -> Sealed:
    return replace(sealed, body=sealed.body.replace(b">mra_cn<", b">mra_cm<", 1))


@pytest.mark.parametrize(
    ("spoil", "beginning", "code"),
    [
        (_stranger, 70_000, "partner.unknown"),
        (_head_flipped, 70_000, "seal.broken"),
        (_flipped, 0, "seal.broken"),
    ],
    ids=["of nobody we know", "another head", "another value at the end"],
)
def test_what_is_not_proven_is_not_kept(
    bulk: Running, soap: SoapSender, spoil: Callable[[Sealed], Sealed], beginning: int, code: str
) -> None:
    """The head is refused before the rest is read; a Body that is not what was signed leaves nothing."""
    before = bulk.store.fetch("select (select count(*) from message) as m, (select count(*) from spooled) as s")
    status, found, _ = soap.refused(spoil(soap.sealed(a_list(2))), beginning=beginning)
    assert (status, found) == (400, code)
    until(lambda: spooled(bulk) == 0)
    assert bulk.store.fetch("select (select count(*) from message) as m, (select count(*) from spooled) as s") == before


def test_findings_have_their_place_in_what_was_sent(soap: SoapSender) -> None:
    """Line and column of the envelope, not of the document in it."""
    document = a_list(2).replace(b"<Count>100000000</Count>", b"<Count>many</Count>", 1)
    sealed = soap.sealed(document)
    before = sealed.body[: sealed.body.index(b"<Count>many")].decode()
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    status, code, where = soap.refused(sealed)
    assert (status, code) == (400, "schema.violation")
    assert where.startswith(f"{line}:{column} ")


def test_a_document_that_leans_on_its_envelope_is_refused_with_the_reason(soap: SoapSender) -> None:
    """It could not be passed on as it is; the finding says which prefix and where."""
    document = a_list(2).replace(b"<Kind>", b'<Kind xml:lang="en">', 1)
    leaning = document.replace(b"<BulkList xmlns=", b"<BulkList wsu:Mark='1' xmlns=", 1)
    status, code, where = soap.refused(soap.sealed(leaning))
    assert (status, code) == (400, "envelope.malformed")
    assert where.endswith("envelope.outer-namespace")


def test_an_old_one_is_refused_by_its_head(soap: SoapSender) -> None:
    """R4, before its body is read."""
    assert soap.refused(soap.sealed(a_list(2), ago=timedelta(minutes=6)), beginning=70_000)[:2] == (400, "seal.expired")


def test_the_digest_of_the_document_is_in_the_evidence(bulk: Running, soap: SoapSender) -> None:
    """An auditor finds what was passed on, not only the envelope around it."""
    document = a_list(2)
    sealed = soap.sealed(document)
    soap.send(sealed)
    words = "select detail ->> 'payload' as payload, encode(digest, 'hex') as wire from evidence where entry = %s"
    (row, *_) = bulk.store.fetch(words, [entry_of(bulk, sealed)])
    assert row == {"payload": hashlib.sha256(document).hexdigest(), "wire": hashlib.sha256(sealed.body).hexdigest()}
