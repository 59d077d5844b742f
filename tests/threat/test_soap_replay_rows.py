"""The threat table at the SOAP door, rows R1 to R6 and S7: the same again, too late, elsewhere or about nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from lxml import etree

from gateway import receipt as receipts
from gateway.errors import DeliveryFailed, GatewayError, ReceiptInvalid
from gateway.lifecycle import State
from gateway.model import DS, RECEIPT_TYPE, SOAP11, SOAP12, Corridor, CorridorId, PartnerId, Wire
from gateway.notice import own_corridor
from gateway.pipeline import deliver, forward
from gateway.reception import receive
from gateway.schema import Schemas
from gateway.testing import Arrival, LoopCourier, World, make_world, send_as, unsigned
from tests.builders import CUSTOMS, HEALTH, a_corridor
from tests.desk import QUERY, Desk, make_desk, posted, query
from tests.forge import changed, forged
from tests.pki import NOW
from tests.schemas import customs_schemas
from tests.soap import CLAIMS, find, wired


@pytest.mark.threat("R1")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_the_same_message_again_gets_the_same_answer(soap: str) -> None:
    """Byte for byte the stored one, also long after it ran out, and nothing is kept or forwarded twice."""
    desk = make_desk()
    wire = wired(query(soap=soap))
    first = desk.post(wire)
    later = replace(wire, received_at=NOW + timedelta(days=90))
    for again in (wire, later, wired(query(soap=soap))):
        assert desk.post(again) == first
    assert (len(desk.ledger.messages), len(desk.ledger.deliveries), desk.ledger.intakes) == (1, 1, [])


@pytest.mark.threat("R1")
def test_fifty_at_once_are_one() -> None:
    """Fifty senders of the same bytes: one message, one answer."""
    desk, wire = make_desk(), wired(query())
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(desk.post, [wire] * 50))
    assert len({answer.body for answer in answers}) == 1
    assert (len(desk.ledger.messages), len(desk.ledger.deliveries)) == (1, 1)


@pytest.mark.threat("R2")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_the_same_id_with_other_content_is_a_conflict(soap: str) -> None:
    """Refused, recorded once and with an alarm; the first message stays as it is."""
    desk = make_desk()
    desk.accepts(wired(query(soap=soap)))
    for other in (query(soap=soap, payload=QUERY.replace(b"640.25", b"640.26")), query(soap=soap, conversation_id="x")):
        desk.refuses(wired(other), "409", "R2")
        assert desk.ledger.intakes[-1].alarm


@pytest.mark.threat("R3")
def test_a_new_id_on_an_old_seal_is_refused() -> None:
    """Changed in place, unsigned beside the old one, or swapped for an unsigned one."""
    desk = make_desk()

    def rename(root: etree._Element) -> None:
        find(root, "//wsa:MessageID").text = "urn:uuid:new"

    def swap(root: etree._Element) -> None:
        rename(root)
        find(root, "//wsa:MessageID").attrib.clear()

    desk.refuses(changed(rename), "FC", "W9")
    desk.refuses(changed(swap), "FC", "W4")
    desk.refuses(changed(lambda root: root[0].append(etree.Element(find(root, "//wsa:MessageID").tag))), "IAH", "S4")


def timed(created: str, expires: str, *more: str) -> Wire:
    """A permit query with this Timestamp, sealed by its sender."""

    def change(root: etree._Element) -> None:
        stamp = find(root, "//wsu:Timestamp")
        stamp[0].text, stamp[1].text = created, expires
        for name in more:
            etree.SubElement(stamp, stamp[0].tag.replace("Created", name)).text = created

    return forged(change)


@pytest.mark.threat("R4")
@pytest.mark.parametrize(
    ("created", "expires"),
    [
        ("2026-11-23T05:50:00Z", "2026-11-23T05:55:00Z"), ("2026-11-23T05:55:00Z", "2026-11-23T06:00:00Z"),
        ("2026-11-23T06:01:01Z", "2026-11-23T06:05:00Z"), ("2026-11-23T06:00:00Z", "2026-11-23T05:59:59Z"),
        ("2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z"), ("2026-11-23T05:59:00Z", "2026-11-23T06:04:01Z"),
        ("2026-11-23T05:59:00Z", "2099-01-01T00:00:00Z"), ("2020-01-01T00:00:00Z", "2026-11-23T06:01:00Z"),
        ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"), ("9999-12-31T23:59:58Z", "9999-12-31T23:59:59Z"),
    ],
)  # fmt: skip
def test_a_message_of_another_time_is_refused(created: str, expires: str) -> None:
    """Expired, from the future, the wrong way round, or good for longer than agreed."""
    make_desk().refuses(timed(created, expires), "ME", "R4")


@pytest.mark.threat("R4")
@pytest.mark.parametrize(
    "text",
    ["2026-11-23T06:00:00", "2026-11-23T06:00:00+00:00", "2026-11-23T06:00:00.0000Z", "2026-11-23T06:00:60Z", "",
     "2026-11-23 06:00:00Z", "2026-11-23T24:00:00Z", "2026-02-30T06:00:00Z", "20261123T060000Z",
     "+2026-11-23T06:00:00Z",
     "２０２６-11-23T06:00:00Z",
     "\xa02026-11-23T06:00:00Z", "2026-11-23T06:00:00z", "0000-11-23T06:00:00Z"],
)  # fmt: skip
def test_a_time_is_written_one_way(text: str) -> None:
    """UTC with Z, at most three digits of a second, real dates in ASCII digits."""
    desk = make_desk()
    desk.refuses(timed(text, "2026-11-23T06:05:00Z"), "IS", "R4")
    desk.refuses(timed("2026-11-23T06:00:00Z", text), "IS", "R4")


@pytest.mark.threat("R4")
def test_a_timestamp_holds_one_created_and_one_expires() -> None:
    """Two Created, a third child, either missing, nested or in the other order."""
    desk = make_desk()
    right = ("2026-11-23T06:00:00Z", "2026-11-23T06:05:00Z")
    for more in ("Created", "Expires", "Received"):
        desk.refuses(timed(*right, more), "IS", "R4")
    for change in (
        lambda stamp: stamp.remove(stamp[0]),
        lambda stamp: stamp.remove(stamp[1]),
        lambda stamp: stamp.insert(0, stamp[1]),
        lambda stamp: etree.SubElement(stamp[0], "{urn:x}a"),
    ):
        desk.refuses(forged(lambda root, change=change: change(find(root, "//wsu:Timestamp"))), "IS", "R4")
    make_desk().accepts(timed(" 2026-11-23T06:00:00Z\n", "2026-11-23T06:04:59.123Z"))


@pytest.mark.threat("R5")
def test_a_message_for_another_door_is_refused() -> None:
    """Another endpoint, environment or spelling of ours."""
    desk = make_desk()
    for to in (
        "https://test.gateway.example/soap",
        CLAIMS.to + "/",
        CLAIMS.to.upper(),
        CLAIMS.to + "?x=1",
        "http://www.w3.org/2005/08/addressing/anonymous",
    ):
        desk.refuses(wired(query(to=to)), "SD", "R5")


# --- what partners answer to our own messages ------------------------------------------------------------------------
@dataclass(frozen=True)
class Rules:
    """The schemas of customs, and permit queries to the ministry."""

    schemas: Schemas
    corridors: dict[CorridorId, Corridor]
    translations: dict[str, object]


def world() -> World:
    """A gateway that took a permit query and has to bring it to the ministry."""
    corridor = a_corridor("permit-query", CUSTOMS, HEALTH)
    own = own_corridor(CUSTOMS)
    made = make_world(Rules(customs_schemas(), {corridor.id: corridor, own.id: own}, {}), NOW)  # type: ignore[arg-type]
    _, wire = send_as(made.trust, QUERY, CLAIMS, "soap-gw-1", at=NOW, nonce="n")
    assert receive(wire, "soap-gw-1", made.setup).status == 200, made.ledger.intakes
    return made


def answer_of(made: World, *answers: object) -> GatewayError | None:
    """What one attempt to deliver makes of the ministry's answer."""
    made.courier.script(HEALTH, *answers)  # type: ignore[arg-type]
    (delivery,) = made.ledger.due(HEALTH)
    try:
        deliver(delivery, made.setup)
    except GatewayError as error:
        return error
    return None


MORE = (
    f'<MessagePartNRInformation><ds:Reference xmlns:ds="{DS}" URI="#x"><ds:DigestMethod Algorithm="a">'
    "</ds:DigestMethod><ds:DigestValue>AA==</ds:DigestValue></ds:Reference></MessagePartNRInformation><MessagePartNRInformation>"
).encode()
"""One part more than was sent."""


def receipt_with(old: bytes, new: bytes, **claims: object) -> object:
    """A signed receipt of the ministry, changed before it was signed."""

    def answered(courier: LoopCourier, arrival: Arrival) -> Wire:
        body = receipts.write_receipt(arrival.verified, courier.ids(), arrival.at)
        assert old in body
        return courier.answer(arrival, body.replace(old, new, 1), RECEIPT_TYPE)

    return answered


@pytest.mark.threat("R6")
def test_a_receipt_about_something_else_proves_nothing() -> None:
    """Of an unknown id, with other digests, with fewer, or that is no receipt: nothing is delivered by it."""
    made = world()
    wrong = [
        receipt_with(b"<RefersTo>urn:uuid:", b"<RefersTo>urn:uuid:0"),
        receipt_with(b"<ds:DigestValue>", b"<ds:DigestValue>AAAA"),
        receipt_with(b"<MessagePartNRInformation>", MORE),
        lambda courier, arrival: courier.answer(arrival, QUERY, RECEIPT_TYPE),
    ]
    for answer in wrong:
        refusal = answer_of(made, answer)
        assert isinstance(refusal, ReceiptInvalid), refusal
        assert refusal.threat == "R6"
    assert answer_of(made) is None
    assert {kept.state for kept in made.ledger.deliveries.values()} == {State.QUEUED}


@pytest.mark.threat("R6")
def test_a_receipt_of_yesterday_or_of_a_third_party_is_refused() -> None:
    """The ministry's receipt for another message, replayed; and a good receipt sealed by customs."""
    made, other = world(), world()
    kept: list[Wire] = []

    def remember(courier: LoopCourier, arrival: Arrival) -> Wire:
        wire = courier.answer(
            arrival, receipts.write_receipt(arrival.verified, courier.ids(), arrival.at), RECEIPT_TYPE
        )
        kept.append(wire)
        return wire

    assert answer_of(other, remember) is None
    made.clock.advance(timedelta(minutes=1))
    refusal = answer_of(made, lambda _courier, _arrival: replace(kept[0], body=kept[0].body.replace(b"x", b"x")))
    assert refusal is None or isinstance(refusal, ReceiptInvalid)

    def third(courier: LoopCourier, arrival: Arrival) -> Wire:
        body = receipts.write_receipt(arrival.verified, courier.ids(), arrival.at)
        return courier.answer(replace(arrival, partner=PartnerId("customs_kz")), body, RECEIPT_TYPE)

    refusal = answer_of(made, third)
    assert isinstance(refusal, DeliveryFailed)
    assert refusal.threat == "S7"


@pytest.mark.threat("R6")
def test_a_receipt_sent_as_a_message_changes_nothing() -> None:
    """Receipts are answers; as a request one has no corridor and no schema."""
    desk: Desk = make_desk()
    receipt = b'<Receipt xmlns="urn:swgw:receipt:1"><RefersTo>urn:uuid:1</RefersTo></Receipt>'
    desk.refuses(wired(query(payload=receipt, action="urn:swgw:action:RECEIPT")), "unknown")


@pytest.mark.threat("S7")
@pytest.mark.parametrize("status", [200, 202, 400, 500, 302])
def test_an_answer_without_seal_decides_nothing(status: int) -> None:
    """An unsigned 200, Fault, page or redirect is an unverified answer: tried again, nothing settled."""
    made = world()
    fault = posted(query().body).body
    for body, media in (
        (b"", "text/html"), (b"<html>ok</html>", "text/html"), (b"", "application/soap+xml"),
        (b'<e:Envelope xmlns:e="%s"><e:Header/><e:Body><e:Fault/></e:Body></e:Envelope>' % SOAP12.encode(),
         "application/soap+xml"), (fault, "application/soap+xml"),
    ):  # fmt: skip
        refusal = answer_of(made, unsigned(status, body, media))
        assert isinstance(refusal, DeliveryFailed), refusal
        assert (refusal.threat, refusal.retry) == ("S7", True)
    made.courier.script(HEALTH, unsigned(status))
    (delivery,) = made.ledger.due(HEALTH)
    with pytest.raises(DeliveryFailed):
        forward(delivery, made.setup)
    assert {kept.state for kept in made.ledger.deliveries.values()} == {State.QUEUED}
