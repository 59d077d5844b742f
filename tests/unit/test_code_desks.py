"""The code desk stands in the line: what a partner sends is held to the lists as of its day, all findings at once."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache

import pytest

from gateway import registry
from gateway.codes.desks import NO_CODES
from gateway.model import Claims, Document, DocumentType, MessageId, PartnerId, Profile
from gateway.reception import receive
from gateway.registry import Registry
from gateway.schema.explain import Received
from gateway.testing import World, make_world, send_as
from gateway.xml import canonical, parse
from tests.schemas import ROOT

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CUSTOMS, HEALTH = PartnerId("customs_kz"), PartnerId("health_kz")
FIXTURES = ROOT / "adapters/health_kz/fixtures"
QUERY = canonical(parse((FIXTURES / "10-query-ok/in.xml").read_bytes()))
LODGED = canonical(parse((FIXTURES / "24-declaration-lodged/in.xml").read_bytes()))
STYLES: tuple[Profile, ...] = ("soap-gw-1", "rest-gw-1")


@cache
def rules() -> Registry:
    return registry.load()


def sent(payload: bytes, kind: str, style: Profile = "rest-gw-1", at: datetime = NOW) -> tuple[World, bytes]:
    """The world after customs sent it, and the answer."""
    world = make_world(rules(), at, profiles={CUSTOMS: style})
    claims = Claims(
        message_id=MessageId("urn:uuid:0193a000-c0de-7000-8000-000000000001"), action=f"urn:swgw:action:{kind}", to="",
        sender=CUSTOMS, receiver=HEALTH,
    )  # fmt: skip
    _, wire = send_as(world.trust, payload, claims, style, at=at, nonce="1")
    return world, receive(wire, style, world.setup).body


def swapped(payload: bytes, *pairs: tuple[str, str]) -> bytes:
    text = payload.decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize("style", STYLES)
def test_every_wrong_code_is_told_at_once_and_nothing_is_kept(style: Profile) -> None:
    """A currency that ended, a country that never was, a BIN with a wrong digit: one refusal, three findings."""
    wrong = (('currencyID="CNY"', 'currencyID="BGN"'), ("<CountryCode>CN<", "<CountryCode>XX<"),
             ("KZ991240999802", "KZ991240999803"))  # fmt: skip
    world, answer = sent(swapped(LODGED, *wrong), "DEC_LODGED", style)
    (intake,) = world.ledger.intakes
    assert (intake.code, world.ledger.messages) == ("rule.violation", {})
    told = {(str(one["rule"]), str(one["value"])) for one in intake.findings}
    assert told == {("code.expired", "BGN"), ("code.unknown", "XX"), ("id.check-digit", "KZ991240999803")}
    assert all(rule.encode() in answer for rule, _ in told)


@pytest.mark.parametrize("style", STYLES)
def test_a_finding_stands_at_its_place_in_the_bytes_as_received(style: Profile) -> None:
    """Line and column are those of the start tag in what was sent, envelope and all."""
    payload = swapped(LODGED, ('currencyID="CNY"', 'currencyID="ABC"'))
    world, _ = sent(payload, "DEC_LODGED", style)
    (found,) = world.ledger.intakes[0].findings
    wire = world_wire(payload, style)
    line = wire.splitlines()[int(str(found["line"])) - 1]
    assert line[int(str(found["column"])) - 1 :].startswith(b"<InvoiceAmount")
    assert (found["rule"], found["path"]) == ("code.unknown", "/MetaData/Declaration/InvoiceAmount/@currencyID")


def world_wire(payload: bytes, style: Profile) -> bytes:
    """The bytes that `sent` sends."""
    world = make_world(rules(), NOW, profiles={CUSTOMS: style})
    claims = Claims(
        message_id=MessageId("urn:uuid:0193a000-c0de-7000-8000-000000000001"), action="urn:swgw:action:DEC_LODGED",
        to="", sender=CUSTOMS, receiver=HEALTH,
    )  # fmt: skip
    return send_as(world.trust, payload, claims, style, at=NOW, nonce="1")[1].body


def test_the_day_of_the_document_decides_not_the_day_it_came() -> None:
    """A declaration accepted in 2025 may name the lev of that year; the same words of 2026 may not."""
    old_money = swapped(LODGED, ('currencyID="CNY"', 'currencyID="BGN"'))
    text = old_money.decode()
    then = text.replace("20261119", "20251119").replace("2026-11-19", "2025-11-19").encode()
    assert then != old_money
    assert sent(then, "DEC_LODGED")[0].ledger.intakes == []
    assert sent(old_money, "DEC_LODGED")[0].ledger.intakes[0].code == "rule.violation"


def test_without_a_day_of_its_own_the_day_of_receipt_in_astana_counts() -> None:
    """Half past seven in the evening of New Year's Eve in UTC is next year there, and the lev is no more."""
    dayless = re.sub(b"<(AcceptanceDateTime|IssueDateTime)>.*?</\\1>", b"", LODGED, flags=re.S)
    payload = swapped(dayless, ('currencyID="CNY"', 'currencyID="BGN"'))
    eve = datetime(2025, 12, 31, 18, 30, tzinfo=UTC)
    assert sent(payload, "DEC_LODGED", at=eve)[0].ledger.intakes == []
    (refused,) = sent(payload, "DEC_LODGED", at=eve.replace(hour=19))[0].ledger.intakes
    assert [one["rule"] for one in refused.findings] == ["code.expired"]


def document_of(payload: bytes) -> Document:
    record = rules().records[DocumentType("DEC_LODGED")]
    return Document(type=record.document, version=record.version, payload=payload, schema="")


def test_what_is_only_advice_refuses_nothing() -> None:
    """A container with a wrong check digit does sail; who asks is told."""
    spoilt = swapped(LODGED, ("TSTU9990010", "TSTU9990011"))
    assert sent(spoilt, "DEC_LODGED")[0].ledger.intakes == []
    asked = rules().codes.findings(document_of(spoilt), Received(octets=spoilt), NOW.date(), advice=True)
    assert [(one.rule, one.value) for one in asked] == [("id.check-digit", "TSTU9990011")]


def test_a_message_without_bound_codes_is_not_even_read() -> None:
    """Nothing is held to anything: bytes that are no XML pass this desk."""
    nonsense = Document(type=DocumentType("NOTICE"), version="1", payload=b"<", schema="")
    assert rules().codes.findings(nonsense, Received(octets=b"<"), NOW.date()) == ()
    assert NO_CODES.findings(nonsense, Received(octets=b"<"), NOW.date()) == ()


def test_many_wrong_codes_are_found_in_time_that_grows_with_their_number() -> None:
    """Five thousand findings in one document: each has its own place, none is worked out by counting siblings."""
    item = LODGED[LODGED.index(b"<GovernmentAgencyGoodsItem>") : LODGED.index(b"</GovernmentAgencyGoodsItem>") + 28]
    bad = item.replace(b"<CountryCode>CN<", b"<CountryCode>XX<")
    assert bad != item
    payload = LODGED.replace(item, bad * 5000, 1)
    found = rules().codes.findings(document_of(payload), Received(octets=payload), NOW.date())
    assert len({one.path for one in found if one.value == "XX"}) == 5000


def test_the_refusal_speaks_three_languages() -> None:
    _, answer = sent(swapped(QUERY, ("991240999802", "991240999803")), "LPCO_QUERY")
    problem = json.loads(answer)
    assert (problem["code"], problem["status"]) == ("rule.violation", 422)
    (finding,) = problem["findings"]
    assert {"ru", "kk", "hint"} <= finding.keys()
