"""The REST resources over HTTP: what partners send, read, fetch and acknowledge."""

from __future__ import annotations

import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from lxml import etree

from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.lifecycle import State
from gateway.model import RECEIPT
from gateway.shell.own_ids import uuid_of
from gateway.shell.rows import delivery_of
from tests.running import Running, new_id
from tests.services.clients import Clients, case

PASSING = {"date", "server"}


def told(answer: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in PASSING}


def refusal(error: pytest.ExceptionInfo[requests.HTTPError]) -> tuple[int, str]:
    assert error.value.response is not None
    assert error.value.response.headers["content-type"] == "application/problem+json"
    return error.value.response.status_code, error.value.response.json()["code"]


def emptied(clients: Clients, partner: str) -> GatewayRest:
    """The client of a partner whose inbox is empty now."""
    client = clients.rest(partner)
    while (message := client.pull()) is not None:
        client.acknowledge(message)
    return client


def test_a_message_is_kept_and_found_under_its_location(registry_client: GatewayRest, clients: Clients) -> None:
    """202, a signed receipt, a Location, and there a signed status."""
    message_id = new_id()
    document = clients.sample("aeo_registry_kz", "AEO_MASTER_FULL")
    answer = registry_client.send(document, "AEO_MASTER_FULL", message_id=message_id, conversation_id="talk-1")
    assert answer.status_code == 202
    receipt = etree.fromstring(answer.content)
    entry = receipt.findtext(f"{{{RECEIPT}}}ReceiptID").removeprefix("urn:uuid:")
    assert answer.headers["location"] == f"/api/v1/messages/{entry}"
    status = registry_client.status(answer.headers["location"])
    assert (status["id"], status["messageId"], status["type"]) == (entry, message_id, "AEO_MASTER_FULL")
    assert (status["state"], status["finished"], status["conversationId"]) == ("queued", False, "talk-1")
    assert [one["receiver"] for one in status["deliveries"]] == ["mra_cn"]


def test_a_repeat_gets_the_same_bytes(clients: Clients) -> None:
    """Body, status and every header of ours are the stored ones (R1)."""
    message = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_FULL")
    first, again = message.post(), message.post()
    assert first.status_code == again.status_code == 202
    assert first.content == again.content
    assert told(first) == told(again)


def test_sealed_again_it_is_still_the_same_message(clients: Clients) -> None:
    """A new nonce and time around the same claims and body is a repeat; other content is a conflict (R2)."""
    message_id = new_id()
    first = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_FULL", message_id=message_id).post()
    again = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_FULL", message_id=message_id).post()
    assert first.content == again.content
    other = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_DELTA", message_id=message_id).post()
    assert (other.status_code, other.json()["code"]) == (409, "message.conflict")


def test_fifty_at_once_are_one_message(gateway: Running, clients: Clients) -> None:
    """Whoever comes first is kept; all get its answer (R1)."""
    message = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_FULL")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: message.post(), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["signature"] for answer in answers}) == 1
    kept = gateway.store.fetch("select 1 from message where message_id = %s", [message.message_id])
    assert len(kept) == 1


def test_other_partners_messages_do_not_exist(clients: Clients) -> None:
    """The same words for another partner's message, an unknown id and no id at all (P1)."""
    sent = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_FULL").post()
    stranger = clients.rest("mra_cn")
    seen = set()
    for location in (sent.headers["location"], f"/api/v1/messages/{new_id()}", "/api/v1/messages/x'or'1=1"):
        with pytest.raises(requests.HTTPError) as error:
            stranger.status(location)
        body = re.sub(r"urn:uuid:[0-9a-f-]{36}", "", error.value.response.text)
        seen.add((error.value.response.status_code, body))
    assert len(seen) == 1
    assert seen.pop()[0] == 404


def test_waiting_ends_when_it_is_finished(gateway: Running, registry_client: GatewayRest, clients: Clients) -> None:
    """A long poll comes back at once after the delivery is settled."""
    answer = registry_client.send(clients.sample("aeo_registry_kz", "AEO_MASTER_FULL"), "AEO_MASTER_FULL")
    location = answer.headers["location"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(registry_client.status, location, 30)
        entry = uuid_of(location.rpartition("/")[2])
        row = gateway.store.fetch("select * from delivery_way where entry = %s", [entry])[0]
        gateway.house.ledger.settle(delivery_of(row), State.REFUSED, code="delivery.refused")
        status = waiting.result(20)
    assert (status["state"], status["finished"]) == ("refused", True)
    assert status["deliveries"][0]["code"] == "delivery.refused"


@pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=1e3", "after=1;drop", "after=%00", "wait=99999"])
def test_a_query_that_is_no_number_is_refused(clients: Clients, query: str) -> None:
    """400, never 500."""
    with pytest.raises(requests.HTTPError) as error:
        clients.rest("aeo_registry_kz").ask("GET", f"/api/v1/inbox?{query}")
    assert refusal(error) == (400, "envelope.malformed")


def test_a_partner_pulls_its_messages_in_its_own_words(clients: Clients) -> None:
    """Question by SOAP, pulled by REST: the same bytes until acknowledged, then gone; the status says delivered."""
    ministry = emptied(clients, "health_kz")
    asked, receipt = clients.send_soap("customs_kz", "LPCO_QUERY", conversation_id="case-7")
    first, again = ministry.pull(), ministry.pull()
    assert first is not None
    assert again is not None
    assert first.content == again.content
    assert first.headers["gw-message-id"] == again.headers["gw-message-id"]
    assert (first.headers["gw-action"], first.headers["gw-conversation-id"]) == ("HEALTH_PERMIT_QUERY", "case-7")
    assert etree.QName(etree.fromstring(first.content)).namespace == "urn:kz:health:permit:1"
    assert ministry.pull(after=int(first.headers["gw-cursor"])) is None
    ministry.acknowledge(first)
    ministry.acknowledge(first)
    assert ministry.pull() is None
    customs = clients.rest("customs_kz")
    entry = str(receipt.ReceiptID).removeprefix("urn:uuid:")
    status = customs.status(f"/api/v1/messages/{entry}")
    assert (status["messageId"], status["state"], status["deliveries"][0]["code"]) == (asked, "delivered", "accepted")
    assert status["deliveries"][0]["receiptId"].startswith("urn:uuid:")


def test_an_answer_by_rest_names_the_question(clients: Clients) -> None:
    """The ministry answers what it pulled; the asker's status names the answer."""
    ministry = emptied(clients, "health_kz")
    _, receipt = clients.send_soap("customs_kz", "LPCO_QUERY", case("health_kz/fixtures/10-query-ok"))
    pulled = ministry.pull()
    assert pulled is not None
    ministry.acknowledge(pulled)
    answer = case("health_kz/fixtures/10-query-ok", "answer-in.xml")
    ministry.send(answer, "HEALTH_PERMIT_ANSWER", relates_to=pulled.headers["gw-message-id"])
    entry = str(receipt.ReceiptID).removeprefix("urn:uuid:")
    status = clients.rest("customs_kz").status(f"/api/v1/messages/{entry}")
    assert status["deliveries"][0]["answerMessageId"].startswith("urn:uuid:")


def test_what_cannot_be_translated_is_told_and_the_next_is_offered(clients: Clients) -> None:
    """A unit the ministry does not know ends that message; the one behind it is handed out."""
    ministry = emptied(clients, "health_kz")
    _, bad = clients.send_soap("customs_kz", "LPCO_QUERY", case("health_kz/fixtures/46-unit-unknown-to-the-ministry"))
    clients.send_soap("customs_kz", "LPCO_QUERY", case("health_kz/fixtures/11-query-unknown-number"))
    pulled = ministry.pull()
    assert pulled is not None
    assert b"KZ" in pulled.content
    entry = str(bad.ReceiptID).removeprefix("urn:uuid:")
    status = clients.rest("customs_kz").status(f"/api/v1/messages/{entry}")
    assert (status["state"], status["deliveries"][0]["code"]) == ("failed", "mapping.gap")
    ministry.acknowledge(pulled)


def test_a_pull_waits_for_what_comes(clients: Clients) -> None:
    """A long poll on an empty inbox ends when a message arrives."""
    ministry = emptied(clients, "health_kz")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ministry.pull, 30)
        clients.send_soap("customs_kz", "LPCO_QUERY")
        pulled = waiting.result(20)
    assert pulled is not None
    clients.rest("health_kz").acknowledge(pulled)


def own_receipt(message_id: str, content: bytes) -> bytes:
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return (
        f'<Receipt xmlns="{RECEIPT}"><ReceiptID>r-1</ReceiptID><RefersTo>{message_id}</RefersTo>'
        "<Sender>gateway</Sender><Decision>accepted</Decision><ReceivedAt>2026-11-23T06:00:00Z</ReceivedAt>"
        '<NonRepudiationInformation xmlns="http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0">'
        '<MessagePartNRInformation><Reference xmlns="http://www.w3.org/2000/09/xmldsig#" URI="content-digest">'
        '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<DigestValue>{digest}</DigestValue></Reference></MessagePartNRInformation></NonRepudiationInformation></Receipt>"
    ).encode()


def test_a_receipt_that_does_not_fit_changes_nothing(gateway: Running, clients: Clients) -> None:
    """Other digests, another message, an unknown message, no receipt at all: refused, and it still waits (R6)."""
    ministry = emptied(clients, "health_kz")
    clients.send_soap("customs_kz", "LPCO_QUERY")
    pulled = ministry.pull()
    assert pulled is not None
    message_id = pulled.headers["gw-message-id"]
    place = f"/api/v1/inbox/{message_id.removeprefix('urn:uuid:')}/receipt"
    wrong = {
        (place, own_receipt(message_id, b"other")): (422, "receipt.refused"),
        (place, own_receipt(new_id(), pulled.content)): (422, "receipt.refused"),
        (place, b"<Receipt/>"): (422, "receipt.refused"),
        (f"/api/v1/inbox/{new_id()}/receipt", own_receipt(message_id, pulled.content)): (404, "message.unknown"),
        ("/api/v1/inbox/nonsense/receipt", own_receipt(message_id, pulled.content)): (404, "message.unknown"),
    }
    for (target, body), expected in wrong.items():
        with pytest.raises(requests.HTTPError) as error:
            ministry.ask("POST", target, body)
        assert refusal(error) == expected
    with pytest.raises(requests.HTTPError) as error:
        clients.rest("aeo_registry_kz").ask("POST", place, own_receipt(message_id, pulled.content))
    assert refusal(error) == (404, "message.unknown")
    still = ministry.pull()
    assert still is not None
    assert still.headers["gw-message-id"] == message_id
    ministry.acknowledge(still)


def test_a_partner_we_push_to_has_no_inbox(clients: Clients) -> None:
    """404 for fetching and for acknowledging."""
    china = clients.rest("mra_cn")
    for method, target, body in (("GET", "/api/v1/inbox", b""), ("POST", "/api/v1/inbox/x/receipt", b"<Receipt/>")):
        with pytest.raises(requests.HTTPError) as error:
            china.ask(method, target, body)
        assert refusal(error) == (404, "http.not-found")


def test_a_code_that_no_list_knows_is_refused_at_the_door(registry_client: GatewayRest, clients: Clients) -> None:
    """Signed, valid by its schema, and still not accepted: every finding comes with the refusal."""
    document = clients.sample("aeo_registry_kz", "AEO_MASTER_FULL")
    spoilt = re.sub(rb"(<(?:\w+:)?NationalID>[^<]*)[0-9](<)", lambda found: found[1] + b"X" + found[2], document)
    assert spoilt != document
    with pytest.raises(requests.HTTPError) as caught:
        registry_client.send(spoilt, "AEO_MASTER_FULL")
    assert refusal(caught) == (422, "rule.violation")
    assert caught.value.response is not None
    assert {one["rule"] for one in caught.value.response.json()["findings"]} <= {"id.form", "id.check-digit"}
