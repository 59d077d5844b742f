"""JSON at the REST door: the octets are signed, kept and hashed as they came; the XSD judges what is made of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from gateway.envelope.media import wanted
from gateway.errors import NotAcceptable
from gateway.model import MessageId, PartnerId, Sealed, Wire
from gateway.pipeline import forward
from gateway.receipt import read_receipt
from gateway.reception import receive
from gateway.seal.profiles import read_answer
from gateway.testing import Arrival, LoopCourier, World, as_answered
from gateway.testing import receipt as given_receipt
from gateway.twin import from_json, to_json
from gateway.twin.json_schema import twin_id
from gateway.twin.places import path_of, pointer_of
from gateway.xml import canonical, parse
from tests.json_door import CUSTOMS, FIXTURES, HEALTH, JSON, NOW, XML, facts_of, posted, problem, sealed_by, world

QUERY = canonical(parse((FIXTURES / "10-query-ok/in.xml").read_bytes()))
TWIN = to_json(QUERY, facts_of("LPCO_QUERY"))
LODGED = canonical(parse((FIXTURES / "24-declaration-lodged/in.xml").read_bytes()))
ODD = json.dumps(json.loads(TWIN), indent=3).encode()
"""The same twin spelled otherwise: other octets, the same document."""


def passed_on(here: World, lane: PartnerId = HEALTH) -> Arrival:
    (delivery,) = here.ledger.due(lane)
    forward(delivery, here.setup)
    return here.courier.arrivals[-1]


def test_the_octets_are_kept_and_hashed_as_they_came() -> None:
    """Evidence is about the JSON; what goes on is the XML made of it, and both are kept."""
    here = world(CUSTOMS)
    assert posted(here, ODD, "LPCO_QUERY").status == 202
    (kept,) = here.ledger.messages.values()
    assert kept.verified is not None
    assert kept.verified.wire.body == ODD
    assert kept.verified.wire.digest == hashlib.sha256(ODD).hexdigest()
    assert kept.entry.document.payload == from_json(TWIN, facts_of("LPCO_QUERY"))
    assert dict(kept.entry.document.keys)["permit"] == "KZ11VTS00000001"


def test_what_the_receiver_gets_is_the_same_as_by_xml() -> None:
    """Same claims, same time: the translated octets and their digest are equal."""
    by_json, by_xml = world(CUSTOMS), world(CUSTOMS)
    assert posted(by_json, ODD, "LPCO_QUERY").status == 202
    assert posted(by_xml, QUERY, "LPCO_QUERY", media=XML).status == 202
    assert passed_on(by_json).sealed.body == passed_on(by_xml).sealed.body


def test_the_receipt_is_json_and_repeats_the_digest_of_the_json() -> None:
    here = world(CUSTOMS)
    sealed, wire = sealed_by(here, ODD, "LPCO_QUERY")
    answer = receive(wire, "rest-gw-1", here.setup)
    told = json.loads(answer.body)["Receipt"]
    assert answer.content_type == f'{JSON}; profile="{twin_id(facts_of("RECEIPT"))}"'
    assert told["MessageDigest"] == hashlib.sha256(ODD).hexdigest()
    proven = read_answer(as_answered(answer, NOW), sealed, here.trust.gateway_for("rest-gw-1"), NOW)
    partner = replace(proven.partner, format="json")
    readable = here.setup.twins.receipt(replace(proven, partner=partner))
    assert read_receipt(readable, sealed).refers_to == sealed.message_id


def test_a_repeat_gets_the_same_bytes_and_other_octets_are_a_conflict() -> None:
    """The content of a JSON message is its octets: the same document spelled otherwise is another content."""
    here = world(CUSTOMS)
    first, again = (posted(here, ODD, "LPCO_QUERY") for _ in range(2))
    assert (first.body, first.headers) == (again.body, again.headers)
    for octets, media in ((TWIN, JSON), (QUERY, XML)):
        assert problem(posted(here, octets, "LPCO_QUERY", media=media))["code"] == "message.conflict"
    assert len(here.ledger.messages) == 1


def test_json_that_was_not_agreed_is_refused() -> None:
    """415, signed: the record of the partner says XML."""
    answer = posted(world(), TWIN, "LPCO_QUERY")
    assert (answer.status, problem(answer)["code"]) == (415, "envelope.media-type")
    assert "signature" in dict(answer.headers)


@pytest.mark.parametrize("profile", [twin_id(facts_of("LPCO_QUERY"))])
def test_the_profile_names_the_schema(profile: str) -> None:
    here = world(CUSTOMS)
    assert posted(here, TWIN, "LPCO_QUERY", media=f'{JSON}; profile="{profile}"').status == 202
    other = posted(here, TWIN, "LPCO_QUERY", media=f'{JSON}; profile="urn:other"', number="2")
    assert (other.status, profile in problem(other)["detail"]) == (415, True)


def spoilt(payload: bytes, *changes: tuple[str, str]) -> bytes:
    text = payload.decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize(
    ("old", "new", "code", "rule", "place"),
    [
        ("KZ11VTS00000001", "", "schema.violation", "xsd.blank", "AdditionalDocument/ID"),
        ("991240999802", "991240999803", "rule.violation", "id.check-digit", "Importer/ID"),
        ('"Importer"', '"Importeur"', "schema.violation", "json.unknown", "Importeur"),
    ],
)
def test_a_finding_names_its_place_in_the_json(old: str, new: str, code: str, rule: str, place: str) -> None:
    """By JSON pointer, and by the readable path that the same finding has in XML."""
    answer = problem(posted(world(CUSTOMS), spoilt(TWIN, (old, new)), "LPCO_QUERY"))
    assert answer["code"] == code
    found = next(one for one in answer["findings"] if one["rule"] == rule)
    assert found["pointer"].endswith(place)
    assert found["path"].endswith(place)
    assert "line" not in found


def test_a_place_in_a_long_list_is_counted_from_nought_and_from_one() -> None:
    """The second container of a declaration: `/1` to programs, `[2]` to people."""
    facts = facts_of("DEC_LODGED")
    twin = to_json(LODGED, facts)
    shipment = "/MetaData/Declaration/GoodsShipment"
    document = json.loads(twin)
    items = document["MetaData"]["Declaration"]["GoodsShipment"]["GovernmentAgencyGoodsItem"]
    items.append(json.loads(json.dumps(items[0])))
    items[-1]["SequenceNumeric"] = "x"
    answer = problem(posted(world(CUSTOMS), json.dumps(document).encode(), "DEC_LODGED"))
    (found,) = answer["findings"]
    last = len(items)
    assert found["pointer"] == f"{shipment}/GovernmentAgencyGoodsItem/{last - 1}/SequenceNumeric"
    assert found["path"] == f"{shipment}/GovernmentAgencyGoodsItem[{last}]/SequenceNumeric"
    assert pointer_of(found["path"], facts) == found["pointer"]
    assert path_of(found["pointer"]) == found["path"]


# --- out -------------------------------------------------------------------------------------------------------------
def in_json(courier: LoopCourier, arrival: Arrival) -> Wire:
    """A receipt written in JSON."""
    xml = given_receipt(courier, arrival).body
    return courier.answer(arrival, to_json(xml, facts_of("RECEIPT")), "RECEIPT", content_type=JSON)  # type: ignore[arg-type]


@pytest.mark.parametrize("answers", [given_receipt, in_json], ids=["XML", "JSON"])
def test_a_message_is_pushed_in_json_and_its_receipt_may_be_either(answers: object) -> None:
    """Sealed over the JSON octets; the receiver's proof and its receipt are about these."""
    here = world(HEALTH)
    here.courier.script(HEALTH, answers)  # type: ignore[arg-type]
    assert posted(here, QUERY, "LPCO_QUERY", media=XML).status == 202
    arrival = passed_on(here)
    facts = facts_of("HEALTH_PERMIT_QUERY")
    assert arrival.verified.wire.content_type == f'{JSON}; profile="{twin_id(facts)}"'
    as_xml = world()
    posted(as_xml, QUERY, "LPCO_QUERY", media=XML)
    assert from_json(arrival.sealed.body, facts) == passed_on(as_xml).sealed.body
    (kept,) = here.ledger.deliveries.values()
    assert kept.state == "delivered"


def test_a_receipt_in_json_that_says_something_else_is_no_receipt() -> None:
    """Tried again, as any receipt that proves nothing."""
    here = world(HEALTH)

    def nonsense(courier: LoopCourier, arrival: Arrival) -> Wire:
        return courier.answer(arrival, b'{"Receipt":{"Nothing":1}}', "RECEIPT", content_type=JSON)  # type: ignore[arg-type]

    here.courier.script(HEALTH, nonsense)
    posted(here, QUERY, "LPCO_QUERY", media=XML)
    (delivery,) = here.ledger.due(HEALTH)
    with pytest.raises(Exception, match="unreadable receipt"):
        forward(delivery, here.setup)


# --- Accept ----------------------------------------------------------------------------------------------------------
def asked(accept: str) -> Wire:
    headers = (("accept", accept),) if accept else ()
    return Wire(body=b"", content_type="", peer="", received_at=NOW, headers=headers)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON), ("*/*", JSON), ("application/*", JSON), (XML, XML), (f"{XML}, {JSON}", JSON),
        (f"{XML}, {JSON};q=0.9", XML), (f"{JSON};q=0, */*", XML), (f'{JSON};profile="a,b"', JSON),
        ("text/html, */*;q=0.1", JSON), ("APPLICATION/XML", XML), ("garbage", JSON), (f"{XML};q=7", JSON),
        (f"{XML};q=0.001, {JSON};q=0", XML),
    ],
)  # fmt: skip
def test_accept_chooses_and_the_record_breaks_ties(accept: str, media: str) -> None:
    assert wanted(asked(accept), [JSON, XML]) == media


@pytest.mark.parametrize("accept", ["text/html", f"{JSON};q=0, {XML};q=0.0", "image/*", "*/*;q=0"])
def test_accept_that_takes_nothing_is_told_what_there_is(accept: str) -> None:
    with pytest.raises(NotAcceptable, match=JSON):
        wanted(asked(accept), [JSON, XML])


def test_accept_decides_over_the_receipt_and_406_keeps_nothing() -> None:
    here = world(CUSTOMS)
    assert posted(here, TWIN, "LPCO_QUERY", accept=XML).content_type == XML
    refused = posted(here, TWIN, "LPCO_QUERY", number="2", accept="text/html")
    assert (refused.status, problem(refused)["code"]) == (406, "http.not-acceptable")
    assert len(here.ledger.messages) == 1
    assert posted(world(), QUERY, "LPCO_QUERY", media=XML, accept=JSON).status == 406


def test_no_gateway_id_is_taken_twice() -> None:
    """JSON and XML messages are of one ledger: their ids are one space."""
    here = world(CUSTOMS)
    answers: list[Sealed] = [
        posted(here, TWIN, "LPCO_QUERY", number="a"),
        posted(here, QUERY, "LPCO_QUERY", media=XML, number="b"),
    ]
    assert {one.status for one in answers} == {202}
    assert {entry.claims.message_id for entry in (kept.entry for kept in here.ledger.messages.values())} == {
        MessageId("urn:json:a"),
        MessageId("urn:json:b"),
    }
