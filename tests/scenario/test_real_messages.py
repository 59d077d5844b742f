"""Real declarations of another customs service reach the ministry over both seals, and its answer reaches customs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from gateway.model import DocumentType, Profile, Sealed, Wire
from gateway.reception import receive
from gateway.testing import World, make_world
from gateway.xml import canonical, parse
from tests.real import (
    AEO,
    AMEND,
    CANCEL,
    IMPORT,
    ITINERARY,
    NEEDS_SAMPLES,
    SAMPLES,
    TYPES,
    Document,
    Sample,
    plain,
    text,
)
from tests.real_line import CUSTOMS, NOW, STYLES, Journey, claims_for, posted, rules, travelled

pytestmark = NEEDS_SAMPLES
ROOT = Path(__file__).parents[2]
NEVER = {"N325", "N380", "N934", "N935", "C505", "C506"}
"""Invoices, values, guarantees and deferred payment: commercial, and none of the ministry's business."""
KEPT_UNITS = {"KGM": "кг"}


@pytest.fixture(scope="module")
def travel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Profile], Journey]:
    """Every journey is made once."""
    return cache(lambda name, style: travelled(Sample(name), style, tmp_path_factory.mktemp("ministry")))


@pytest.fixture(params=[(name, style) for name in TYPES for style in STYLES], ids="-".join)
def journey(request: pytest.FixtureRequest, travel: Callable[[str, Profile], Journey]) -> Journey:
    """Every sample over every style."""
    return travel(*request.param)


# --- what customs signed ---------------------------------------------------------------------------------------------
def test_what_customs_signed_is_kept_untouched(journey: Journey) -> None:
    """Byte for byte: over REST the very file, comments and line breaks included."""
    entry = journey.world.ledger.entry_of(CUSTOMS, claims_for(journey.sample.type, journey.sample.name).message_id)
    kept = journey.world.ledger.messages[entry.id].verified
    assert kept is not None
    assert kept.wire.body == journey.sealed.body
    if journey.style == "rest-gw-1":
        assert journey.sealed.body == entry.document.payload == journey.sample.payload
    else:
        assert canonical(parse(entry.document.payload)) == canonical(parse(journey.sample.payload))


# --- what reached the ministry ---------------------------------------------------------------------------------------
EVENTS = {"DEC_LODGED": "ПОДАНА", "DEC_AMENDED": "ИЗМЕНЕНА", "DEC_WITHDRAWN": "ОТОЗВАНА"}


def test_the_ministry_is_told_which_declaration_and_what_happened(journey: Journey) -> None:
    notice, sample = journey.notice, journey.sample
    assert text(notice, "Событие") == EVENTS[sample.type]
    assert text(notice, "Декларация/Ссылка") == sample.reference != ""
    assert text(notice, "Декларация/ИнойНомер") == sample.number
    assert notice.find("{*}Декларация/{*}Номер") is None
    assert bool(sample.number) == (sample.type != "DEC_LODGED")
    reason = text(sample.declaration, "AdditionalInformation/StatementDescription")
    assert text(notice, "Причина") == ("" if sample.type == "DEC_LODGED" else reason)


def test_the_ministry_is_told_every_item(journey: Journey) -> None:
    told = list(journey.notice.iterchildren("{*}Тауар"))
    assert [text(item, "Нөмір") for item in told] == [text(item, "SequenceNumeric") for item in journey.sample.items]
    for there, item in zip(told, journey.sample.items, strict=True):
        assert text(there, "Атауы") == text(item, "Commodity/Description")
        codes = {
            (text(node, "IdentificationTypeCode"), text(node, "ID"))
            for node in item.iterfind("{*}Commodity/{*}Classification")
        }
        assert {(node.get("вид"), node.text) for node in there.iterchildren("{*}ИнойКодТовара")} == {
            pair for pair in codes if pair[0] in ("TSP", "TRC")
        }
        assert text(there, "Страна") == text(item, "Origin/CountryCode")


def test_the_ministry_is_told_permits_and_what_is_to_be_written_off(journey: Journey) -> None:
    """Number, kind and exemption as given; of the unit the ministry's word, the code as given, and its qualifier."""
    for there, item in zip(journey.notice.iterchildren("{*}Тауар"), journey.sample.items, strict=True):
        wanted = [one for one in journey.sample.documents(item) if one.kind not in NEVER]
        assert [_told(node) for node in there.iterchildren("{*}Документ")] == wanted


def _told(node: etree._Element) -> Document:
    quantity = node.find("{*}Количество")
    unit = "" if quantity is None else quantity.get("код") or ""
    assert quantity is None or quantity.get("ед") == KEPT_UNITS[unit]
    return Document(
        kind=text(node, "ВидИной"),
        number=text(node, "Номер"),
        exemption=text(node, "Изъятие"),
        quantity=plain(text(node, "Количество").replace(",", ".")),
        unit=unit,
        qualifier="" if quantity is None else quantity.get("уточнение") or "",
    )


def test_permits_and_write_offs_are_really_in_the_samples(travel: Callable[[str, Profile], Journey]) -> None:
    """The comparisons above are not about nothing."""
    notice = travel(IMPORT, "soap-gw-1").notice
    written_off = [
        (quantity.text, quantity.get("ед"), quantity.get("уточнение"))
        for quantity in notice.iterfind("{*}Тауар/{*}Документ/{*}Количество")
    ]
    assert written_off == [("4", "кг", "G"), ("6", "кг", "G")]
    assert len(notice.findall("{*}Тауар/{*}Документ")) == 5
    assert len([one for item in Sample(IMPORT).items for one in Sample(IMPORT).documents(item)]) == 8
    assert text(notice, "Импортёр/ИнойКод") == text(Sample(IMPORT).declaration, "GoodsShipment/Importer/ID")
    (changed,) = travel(AMEND, "rest-gw-1").notice.iterfind("{*}Тауар/{*}Документ")
    assert (text(changed, "Изъятие"), text(changed, "Количество")) == ("EP", "10")


def test_no_party_and_no_money_reaches_the_ministry(journey: Journey) -> None:
    """Exporter, declarant, carrier, the AEO party and all amounts stay with customs; the tables say why."""
    told = journey.told.verified.payload.decode()
    assert [secret for secret in journey.sample.secrets() | journey.sample.money() if secret in told] == []


def test_there_are_parties_and_money_to_keep() -> None:
    assert len(Sample(AEO).secrets()) >= 3
    assert len(Sample(AEO).money()) >= 2
    assert text(Sample(AEO).declaration, "GoodsShipment/AEOMutualRecognitionParty/ID") in Sample(AEO).secrets()


# --- what came back to customs ---------------------------------------------------------------------------------------
FUNCTIONS = {
    IMPORT: ("06", "HMR"),
    AEO: ("02", "HMA"),
    ITINERARY: ("02", "HMA"),
    AMEND: ("06", "HMR"),
    CANCEL: ("11", "HMW"),
}


def test_customs_gets_a_response_about_its_declaration(journey: Journey) -> None:
    response, claims = journey.response, journey.answered.verified.claims
    assert claims.action == "urn:swgw:action:DEC_RESPONSE"
    assert claims.relates_to == f"urn:real:{journey.sample.name}"
    assert claims.conversation_id == f"talk-{journey.sample.name}"
    assert (text(response, "FunctionCode"), text(response, "Status/NameCode")) == FUNCTIONS[journey.sample.name]
    assert text(response, "Status/EffectiveDateTime/DateTimeString") == "20261123060000Z"
    assert text(response, "FunctionalReferenceID") == "МЗ-2026-000001"
    assert text(response, "Declaration/FunctionalReferenceID") == journey.sample.reference
    assert text(response, "Declaration/ID") == journey.sample.number


def test_the_response_is_valid_by_the_schema_of_responses(journey: Journey) -> None:
    schema = etree.XMLSchema(etree.parse(ROOT / "xsd" / "wco" / "response.xsd"))
    schema.assertValid(etree.fromstring(journey.answered.verified.payload))


def test_customs_learns_what_the_ministry_does_not_know(journey: Journey) -> None:
    """Per document its kind, per item with documents its commodity codes, each with the way to it."""
    wanted = []
    for item in journey.sample.items:
        number = text(item, "SequenceNumeric")
        told = [one for one in journey.sample.documents(item) if one.kind not in NEVER]
        if told and item.find("{*}Commodity/{*}Classification") is not None:
            wanted.append(("HM16", f"42A 67A 68A:{number} 23A 21A/145", ""))
        wanted += [("HM15", f"42A 67A 68A:{number} 02A/D006", one.number) for one in told]
    found = journey.remarks
    assert [(code, chain) for code, chain, _ in found] == [(code, chain) for code, chain, _ in wanted]
    assert all(named in words for (_, _, words), (_, _, named) in zip(found, wanted, strict=True))
    assert (len(found) > 0) == (FUNCTIONS[journey.sample.name][0] == "06")


def test_a_cancellation_of_an_unknown_declaration_is_noted_and_frees_nothing(
    travel: Callable[[str, Profile], Journey],
) -> None:
    journey = travel(CANCEL, "soap-gw-1")
    assert "освобождать нечего" in journey.answered.verified.payload.decode()
    for permit in ("KZ11VTS00000001", "KZ15VTS00000005"):
        assert journey.ministry.movements(permit) == []
    totals = journey.ministry.balances("KZ11VTS00000001").values()
    assert [line.balance for line in totals] == [Decimal(50000), Decimal(800)]


# --- the traps -------------------------------------------------------------------------------------------------------
TRAPS = {
    "trap-bad-date-res-16-DMSEOG": {"trap.no-namespace", "trap.java-date"},
    "trap-colons-stripped-TT_IM222a": {"trap.colons-stripped"},
    "trap-no-namespace-res-03-DMSREJ": {"trap.no-namespace"},
    "trap-no-namespace-res-05-DMSCTL": {"trap.no-namespace"},
}
COLONS_STRIPPED = "trap-colons-stripped-TT_IM222a"
ENVELOPED = [name for name in TRAPS if name != COLONS_STRIPPED]


def refused(world: World, wire: Wire, style: Profile) -> Sealed:
    """The refusal of a message that left nothing behind but its intake record."""
    answer = receive(wire, style, world.setup)
    assert answer.status in range(400, 500), answer.body.decode()
    assert not world.causes
    assert not world.ledger.messages
    assert len(world.ledger.intakes) == 1
    return answer


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_refused_over_rest_by_its_name(name: str) -> None:
    """The bytes of the file as they are: a body over REST need not be canonical XML."""
    world = make_world(rules(), NOW, profiles={CUSTOMS: "rest-gw-1"})
    payload = (SAMPLES / f"{name}.xml").read_bytes()
    _, wire = posted(world, payload, DocumentType("DEC_RESPONSE"), "rest-gw-1", name)
    answer = refused(world, wire, "rest-gw-1")
    assert answer.status == 422
    assert {rule for rule in TRAPS[name] if rule in answer.body.decode()} == TRAPS[name]
    assert {finding["rule"] for finding in world.ledger.intakes[0].findings} >= TRAPS[name]


@pytest.mark.parametrize("name", ENVELOPED)
def test_a_trap_is_refused_over_soap_by_its_name(name: str) -> None:
    world = make_world(rules(), NOW)
    payload = (SAMPLES / f"{name}.xml").read_bytes()
    _, wire = posted(world, payload, DocumentType("DEC_RESPONSE"), "soap-gw-1", name)
    answer = refused(world, wire, "soap-gw-1")
    assert b"Fault" in answer.body
    assert {rule for rule in TRAPS[name] if rule in answer.body.decode()} == TRAPS[name]


def test_a_document_without_colons_cannot_be_put_into_an_envelope() -> None:
    """Its namespaces lost their colons and are relative URIs now, which Canonical XML forbids: nobody can sign it."""
    world = make_world(rules(), NOW)
    payload = (SAMPLES / f"{COLONS_STRIPPED}.xml").read_bytes()
    with pytest.raises(etree.C14NError, match="C14N"):
        posted(world, payload, DocumentType("DEC_LODGED"), "soap-gw-1", "colons")


def test_a_document_without_colons_under_a_foreign_seal_is_refused() -> None:
    """Whoever puts it into an envelope sealed for something else is told that the seal does not hold."""
    world = make_world(rules(), NOW)
    _, wire = posted(world, Sample(CANCEL).payload, DocumentType("DEC_WITHDRAWN"), "soap-gw-1", "colons")
    stripped = (SAMPLES / f"{COLONS_STRIPPED}.xml").read_bytes()
    stripped = stripped[stripped.index(b"<mdMetaData") :].strip()
    head, start, rest = wire.body.partition(b"<md:MetaData")
    _, end, tail = rest.partition(b"</md:MetaData>")
    assert start
    assert end
    answer = refused(world, replace(wire, body=head + stripped + tail), "soap-gw-1")
    assert world.ledger.intakes[0].code.startswith(("seal.", "envelope."))
    assert b"Fault" in answer.body
