"""The SOAP door over HTTP, seen by zeep and by raw bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
import requests
import zeep
from lxml import etree

from gateway.kit.templates.gateway_zeep import NotProven, send_document
from gateway.model import RECEIPT, SOAP11, SOAP12
from tests.running import Running
from tests.services.clients import Clients, Prepared

FAMILIES = [
    ("customs_kz", name)
    for name in (
        "DEC_LODGED", "DEC_AMENDED", "DEC_WITHDRAWN", "DEC_RELEASED", "LPCO_QUERY", "LPCO_RESERVE", "LPCO_DEBIT",
        "LPCO_CANCEL_RESERVE", "LPCO_REVERSE",
    )
] + [("aeo_registry_kz", name) for name in ("AEO_MASTER_FULL", "AEO_MASTER_DELTA", "AEO_RECONCILE")]  # fmt: skip


@pytest.mark.parametrize(("partner", "name"), FAMILIES)
@pytest.mark.parametrize("port", ["GatewaySoap12", "GatewaySoap11"])
def test_zeep_sends_every_kind_of_message(clients: Clients, partner: str, name: str, port: str) -> None:
    """The receipt is typed, signed, about this message, and repeats its digests."""
    seal = clients.seal(partner)
    client = clients.soap(partner, seal, port)
    receipt = send_document(client, seal, name, etree.fromstring(clients.sample(partner, name)))
    assert seal.proven
    assert (receipt.RefersTo, receipt.Sender, receipt.Decision) == (seal.sent_id, partner, "accepted")
    assert isinstance(receipt.ReceivedAt, datetime)
    assert len(receipt.NonRepudiationInformation.MessagePartNRInformation) == len(seal.sent)


def test_zeep_sends_what_it_wrote_from_values(clients: Clients) -> None:
    """An operation called with Python values, serialised by zeep's own types."""
    seal = clients.seal("customs_kz")
    client = clients.soap("customs_kz", seal)
    kind = client.get_element("{urn:swgw:lpco:1}LPCOQuery")
    read = kind.parse(etree.fromstring(clients.sample("customs_kz", "LPCO_QUERY")), client.wsdl.types)
    receipt = client.service.LPCO_QUERY(**{name: read[name] for name in read})
    assert (receipt.Decision, seal.proven) == ("accepted", True)


def test_zeep_shows_a_refusal_with_its_findings(clients: Clients) -> None:
    """A signed Fault whose detail is the problem, place and WCO id included."""
    seal = clients.seal("customs_kz")
    document = etree.fromstring(clients.sample("customs_kz", "LPCO_QUERY"))
    document.find("{urn:swgw:lpco:1}DirectionCode").text = "XX"
    with pytest.raises(zeep.exceptions.Fault) as error:
        send_document(clients.soap("customs_kz", seal), seal, "LPCO_QUERY", document)
    assert seal.proven
    detail = etree.tostring(error.value.detail, encoding="unicode")
    assert "schema.violation" in detail
    assert "DirectionCode" in detail


def test_an_unsealed_message_gets_an_unsigned_fault(clients: Clients, gateway: Running) -> None:
    """Stock zeep without the kit's plugin is told that its seal proves nothing, and no more."""
    client = zeep.Client(str(clients.kits["customs_kz"] / "gateway.wsdl"))
    message = client.create_message(client.service, "LPCO_QUERY", **_values(clients, client))
    answer = requests.post(
        f"{gateway.url}/soap",
        data=etree.tostring(message),
        headers={"Content-Type": "application/soap+xml"},
        timeout=10,
    )
    assert answer.status_code == 400
    assert b"Fault" in answer.content
    assert b"SignatureValue" not in answer.content


def _values(clients: Clients, client: zeep.Client) -> dict[str, object]:
    kind = client.get_element("{urn:swgw:lpco:1}LPCOQuery")
    read = kind.parse(etree.fromstring(clients.sample("customs_kz", "LPCO_QUERY")), client.wsdl.types)
    return {name: read[name] for name in read}


@pytest.mark.parametrize("version", [SOAP12, SOAP11])
def test_a_repeat_gets_the_same_bytes(clients: Clients, version: str) -> None:
    """The stored answer, to the last byte, in the SOAP version of the first (R1)."""
    message = clients.prepared_soap("customs_kz", "LPCO_QUERY", version=version)
    first, again = message.post(), message.post()
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"]


def test_the_kit_takes_the_stored_receipt_for_a_message_sealed_again(clients: Clients) -> None:
    """Same id and content in a new seal: the old receipt is still proof; other content under the id is refused."""
    sent, first = clients.send_soap("customs_kz", "LPCO_QUERY", message_id="urn:uuid:kit-again-1")
    _, again = clients.send_soap("customs_kz", "LPCO_QUERY", message_id=sent)
    assert first.ReceiptID == again.ReceiptID
    with pytest.raises(zeep.exceptions.Fault):
        clients.send_soap("customs_kz", "LPCO_DEBIT", message_id=sent)


def test_fifty_at_once_are_one_message(gateway: Running, clients: Clients) -> None:
    """Whoever comes first is kept; all get its answer (R1)."""
    message = clients.prepared_soap("customs_kz", "LPCO_QUERY")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: message.post(), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    kept = gateway.store.fetch("select 1 from message where message_id = %s", [message.message_id])
    assert len(kept) == 1


def test_both_doors_know_one_message(gateway: Running, clients: Clients) -> None:
    """One id at both doors at once: one is kept, and whoever is not it is told of the conflict (R2)."""
    soap = clients.prepared_soap("customs_kz", "LPCO_QUERY")
    rest = clients.prepared_rest("customs_kz", "LPCO_QUERY", message_id=soap.message_id)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(Prepared.post, [soap, rest] * 25))
    accepted = [answer for answer in answers if answer.status_code in (200, 202)]
    assert len(accepted) == 25
    assert len({answer.content for answer in accepted}) == 1
    assert len(gateway.store.fetch("select 1 from message where message_id = %s", [soap.message_id])) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_a_fault(gateway: Running, method: str) -> None:
    """405 with Allow, as a Fault (S3)."""
    answer = requests.request(method, f"{gateway.url}/soap", timeout=10)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert b"http.method" in answer.content


@pytest.mark.parametrize(
    "media", ["text/plain", "application/xml", "multipart/related; type=text/xml", "text/xml; charset=utf-16", ""]
)
def test_other_media_types_are_a_fault(clients: Clients, media: str) -> None:
    """415 (S3)."""
    message = clients.prepared_soap("customs_kz", "LPCO_QUERY")
    message.headers["Content-Type"] = media
    answer = message.post()
    assert answer.status_code == 415
    assert b"envelope.media-type" in answer.content


def _changed(answer: bytes, where: bytes, to: bytes) -> etree._Element:
    assert where in answer
    return etree.fromstring(answer.replace(where, to, 1))


def test_the_kit_does_not_believe_a_changed_answer(clients: Clients) -> None:
    """A word changed, the Body moved, the seal gone, an answer to another message: none is proven."""
    seal = clients.seal("customs_kz")
    send_document(clients.soap("customs_kz", seal), seal, "LPCO_QUERY", _query(clients))
    good = etree.tostring(seal.answer)
    seal.prove(etree.fromstring(good))
    for spoiled in (
        _changed(good, b">accepted<", b">rejected<"),
        _changed(good, b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA"),
        _changed(good, b"<ds:KeyInfo>", b"<x/><ds:KeyInfo>"),
        _changed(good, b"</wsu:Timestamp>", b"</wsu:Timestamp><x/>"),
        _changed(good, b'wsu:Id="id-body"', b'wsu:Id="id-ts"'),
        _changed(good, b"<env:Body", b"<env:Body/><env:Body"),
    ):
        with pytest.raises(NotProven):
            seal.prove(spoiled)
    seal.sent_id = "urn:uuid:another"
    with pytest.raises(NotProven, match="another message"):
        seal.prove(etree.fromstring(good))


def _query(clients: Clients) -> etree._Element:
    return etree.fromstring(clients.sample("customs_kz", "LPCO_QUERY"))


def test_the_kit_does_not_believe_an_unsigned_receipt(clients: Clients) -> None:
    """A plain 200 with a Receipt in it proves nothing (S7)."""
    seal = clients.seal("customs_kz")
    bare = etree.fromstring(
        f'<e:Envelope xmlns:e="{SOAP12}"><e:Header/><e:Body><Receipt xmlns="{RECEIPT}"/></e:Body></e:Envelope>'
    )
    with pytest.raises(NotProven):
        seal.ingress(bare, {}, None)
