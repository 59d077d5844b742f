"""Operators find any message, see all of it, and nothing a partner wrote does anything on their screen."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.lifecycle import State
from gateway.shell.own_ids import out_id
from gateway.testing import rejects, times_out
from tests.builders import HEALTH, NOW, a_receipt, a_sealed, an_entry, an_intake, some_claims
from tests.operators import House, Tab
from tests.store.steps import ASK, enter, waiting

KEYS = (
    ("permit", "KZ11VTS00000001"),
    ("declaration", "57505/191126/0000123"),
    ("lrn", "СФИ-2026-000118"),
    ("tin", "991240999802"),
    ("aeo-code", "AEOKZ991140990337"),
    ("container", "TSTU9990010"),
)
HOSTILE = '<script>alert(1)</script><svg onload=x>"javascript:alert(1)\u202egnp.exe\u200b<script>alert(2)</script>'


def put(house: House, number: int, *, keys: tuple[tuple[str, str], ...] = KEYS, minutes: int = 0) -> UUID:
    """One accepted question."""
    claims = some_claims(f"urn:uuid:m-{number}", conversation_id=f"talk-{number}")
    at = NOW + timedelta(minutes=minutes)
    entry = an_entry(UUID(int=number), claims, keys=keys, received_at=at)
    enter(house.ledger, entry)
    return entry.id


def listed(text: str) -> list[int]:
    """The messages of a list, by number, in order."""
    return [UUID(found).int for found in re.findall(r'id="m-([0-9a-f-]{36})"', text)]


def test_the_list_shows_what_people_call_things(house: House, page: Tab) -> None:
    """State, document, partners, keys and zone in words."""
    put(house, 1)
    text = page.text("/")
    assert listed(text) == [1]
    for said in ("On its way", "Permit query", "LPCO_QUERY", "Customs", "Ministry of Health", "BIN/TIN", "UTC+5"):
        assert said in text
    assert "11:00:00" in text
    assert "06:00:00" in page.client.get("/?zone=utc", base_url="http://127.0.0.1:8080", follow_redirects=True).text


@pytest.mark.parametrize("value", [*(value for _, value in KEYS), "m-1", "urn:uuid:m-1", "talk-1", "KZ11VTS0000"])
def test_every_key_finds_its_message(house: House, page: Tab, value: str) -> None:
    """Business keys, message and conversation ids, exact or by their beginning."""
    put(house, 1)
    put(house, 2, keys=(("permit", "OTHER"),))
    assert listed(page.client.get("/", query_string={"search": value}, base_url="http://127.0.0.1:8080").text) == [1]


def test_our_own_ids_lead_to_the_message(house: House, page: Tab) -> None:
    """What a partner quotes from our envelope, and the gateway's id."""
    entry = put(house, 1)
    for known in (str(entry), f"urn:uuid:{out_id(entry, ASK)}"):
        assert page.get(f"/?search={known}").headers["Location"] == f"/messages/{entry}"


def test_filters_window_and_pages(house: House, page: Tab) -> None:
    """By state, partner, type and time; then page by page, each message once."""
    for number in range(1, 61):
        put(house, number, minutes=-number)
    put(house, 99, minutes=-60 * 25)
    house.ledger.settle(waiting(house.store, UUID(int=7)), State.FAILED, code="mapping.gap")
    first = page.text("/")
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    rest = page.text(html.unescape(following[1]))
    assert listed(first) + listed(rest) == list(range(1, 61))
    assert listed(page.text("/?window=hour")) == list(range(1, 51))
    assert listed(page.text("/?search=m-99")) == [99]
    assert listed(page.text("/?state=failed")) == [7]
    assert listed(page.text("/?partner=mra_cn")) == []
    assert listed(page.text("/?type=DEC_LODGED")) == []
    assert len(listed(page.text("/?type=LPCO_QUERY&partner=health_kz&state=queued"))) == 50
    assert "The document cannot be translated" in page.text("/?state=failed")


def test_the_rows_alone_are_the_same_rows(house: House, page: Tab) -> None:
    """What the page asks for every two seconds."""
    put(house, 1)
    rows = page.text("/rows?state=queued")
    assert listed(rows) == [1]
    assert "<html" not in rows


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/messages/00000000-0000-0000-0000-000000000001", 404),
        ("/messages/00000000-0000-0000-0000-000000000001/xml", 404),
        ("/refused/00000000-0000-0000-0000-000000000001", 404),
        ("/messages/nonsense", 404),
        ("/nothing", 404),
        ("/?cursor=nonsense", 400),
        ("/refused?cursor=2026_1", 400),
    ],
)
def test_what_is_not_there_is_said(page: Tab, path: str, status: int) -> None:
    """A page of our own, with a way back."""
    answer = page.get(path)
    assert answer.status_code == status
    assert 'href="/"' in answer.text


def test_a_delivered_message_is_shown_whole(house: House, page: Tab) -> None:
    """Timeline, bars, facts, kept bytes and evidence of a real message."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    house.work()
    text = page.text(f"/messages/{entry}")
    for said in (
        "Accepted and kept",
        "Sealed for the receiver",
        "Receiver&#39;s receipt kept",
        "seal verified",
        "<rect",
    ):
        assert said in text
    kept = dict(house.store.fetch("select wire from message")[0])["wire"]
    xml = page.text(f"/messages/{entry}/xml")
    assert "these are not the signed bytes" in xml
    assert hashlib.sha256(kept).hexdigest() in xml
    assert "these are not the signed bytes" not in page.text(f"/messages/{entry}/xml?view=exact")
    for part in re.findall(r"/xml\?part=([\w.-]+)", xml):
        assert 'class="line"' in page.text(f"/messages/{entry}/xml?part={part}")
    assert "Chain / link" in page.text(f"/messages/{entry}/evidence")
    raw = page.get(f"/messages/{entry}/bytes/received")
    assert raw.data == kept
    assert raw.headers["Content-Disposition"].startswith("attachment")
    assert raw.mimetype == "application/octet-stream"


def test_what_a_partner_objects_to_has_its_place(house: House, page: Tab) -> None:
    """A response points by a chain of ids; the page says the path, and what of the chain leads nowhere."""
    link = "<Pointer><SequenceNumeric>2</SequenceNumeric><DocumentSectionCode>{}</DocumentSectionCode>{}</Pointer>"
    chain = link.format("42A", "") + link.format("17C", "<TagID>R144</TagID>")
    astray = link.format("42A", "") + link.format("99Z", "")
    errors = "".join(
        f"<Error><Description>&lt;b&gt;wrong</Description><ValidationCode>E{at}</ValidationCode>{pointers}</Error>"
        for at, pointers in enumerate((chain, astray))
    )
    body = f'<Response xmlns="urn:wco:datamodel:WCO:RES-DMS:2">{errors}</Response>'.encode()
    enter(house.ledger, an_entry(UUID(int=9), some_claims("urn:uuid:m-9"), payload=body))
    text = page.text(f"/messages/{UUID(int=9)}")
    assert "What the partner objects to" in text
    assert "/MetaData/Declaration/AuthorisationHolder[2]/ID" in text and "WCO R144" in text
    assert "99Z[2]" in text and "&lt;b&gt;wrong" in text and "<b>wrong" not in text


def test_the_mapping_names_the_rule_of_every_value(house: House, page: Tab) -> None:
    """Left what came, right what leaves, between them the rule and its line."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    text = page.text(f"/messages/{entry}/mapping")
    assert "mappings/health_kz/query.csv" in text
    assert "ЗапросРазрешения/Составлен" in text
    assert "23.11.2026 11:01:00" in text
    assert re.search(r"<code>Q0?4</code>", text)


def test_a_translation_that_fails_says_where(house: House, page: Tab) -> None:
    """The findings of the table, in the reader's language."""
    entry = house.play("mra_cn/fixtures/73-wrong-check-digit")
    house.work()
    assert "See which values" in page.text(f"/messages/{entry}")
    text = page.text(f"/messages/{entry}/mapping")
    assert "mapping.convert" in text


def test_attempts_and_refusals_are_told_in_words(house: House, page: Tab) -> None:
    """A partner that does not answer, then says no, with its own words as text."""
    house.courier.script(HEALTH, times_out, rejects(HOSTILE))
    entry = house.play("health_kz/fixtures/10-query-ok")
    house.work()
    assert "Attempt failed" in page.text(f"/messages/{entry}")
    assert "failed attempts in a row: 1" in page.text("/")
    house.work()
    text = page.text(f"/messages/{entry}")
    assert "Refused by partner" in text
    assert "<script>alert" not in text


def test_hostile_values_are_only_text(house: House, page: Tab) -> None:
    """Threat row H1: markup stays text, links stay text, and nothing invisible stays invisible."""
    entry = put(house, 1, keys=(("permit", HOSTILE), ("<b>", "x" * 500)))
    house.ledger.refuse(an_intake(UUID(int=8), claimed=HOSTILE, detail=HOSTILE * 20, peer=HOSTILE))
    payload = f"<Query>{html.escape(HOSTILE)}</Query>".encode()
    claims = some_claims(f"urn:uuid:{HOSTILE}", conversation_id=HOSTILE)
    second = an_entry(UUID(int=2), claims, payload=payload)
    enter(house.ledger, second)
    delivery = waiting(house.store, second.id)
    house.ledger.keep(delivery, a_sealed(payload))
    house.ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(HOSTILE, body=b"\xff<not xml \x1b[31m"))
    paths = ["/", f"/messages/{entry}", "/refused", f"/refused/{UUID(int=8)}", f"/messages/{second.id}/evidence"]
    paths += [
        f"/messages/{second.id}",
        *(f"/messages/{second.id}/xml?part={part}" for part in ("received", "document")),
    ]
    paths += [f"/messages/{second.id}/xml?part=receipt-permit-query-1", "/?search=%3Cscript%3E&state=%3Csvg%3E"]
    for path in paths:
        text = page.text(path)
        assert "<script>" not in text, path
        assert "<svg onload" not in text, path
        assert not re.search(r'(href|src|action)="javascript:', text), path
        assert not {"\u202e", "\u200b", "\x1b"} & set(re.sub(r'"[^"]*"', "", text)), path
    assert "U+202E" in page.text("/")


def test_refused_messages_are_records_in_three_languages(house: House, page: Tab) -> None:
    """Code, threat, claimed sender; findings in the reader's language; alarms apart; found by incident id."""
    entry = house.play("health_kz/fixtures/38-bin-with-a-cyrillic-letter")
    assert entry == UUID(int=0)
    house.ledger.refuse(an_intake(UUID(int=5), alarm=True))
    text = page.text("/refused")
    assert "The seal does not hold" in text
    found = re.findall(r'id="i-([0-9a-f-]{36})"', text)
    assert len(found) == 2
    assert len(re.findall(r'id="i-', page.text("/refused?alarms=1"))) == 1
    schema = next(one for one in found if one != str(UUID(int=5)))
    english = page.text(f"/refused/{schema}")
    page.get("/?language=ru")
    russian = page.text(f"/refused/{schema}")
    assert "xsd.pattern" in english
    assert "xsd.pattern" in russian
    assert "Замечания" in russian
    assert "не соответствует" in russian
    assert page.get(f"/refused?search=urn:uuid:{schema}").headers["Location"] == f"/refused/{schema}"


def test_partners_show_how_long_certificates_last(house: House, page: Tab) -> None:
    """Days in words, endpoints, algorithms."""
    text = page.text("/partners")
    assert "Ministry of Health" in text
    assert "ecdsa-sha256" in text
    assert re.search(r"\d+ days", text)
    assert "none: it collects its messages itself" in text


def test_the_language_is_asked_chosen_and_kept(page: Tab) -> None:
    """What the browser asks for, until a person chooses; the choice goes nowhere but to the same page."""
    assert '<html lang="kk">' in page.get("/", **{"Accept-Language": "kk, en;q=0.5"}).text
    answer = page.get("/refused?language=ru&window=all")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/refused?window=all"
    assert '<html lang="ru">' in page.text("/")
    assert '<html lang="ru">' in page.get("/", **{"Accept-Language": "kk"}).text
    assert "Location" not in page.get("//evil.example/?language=ru").headers or page.get(
        "//evil.example/?language=ru"
    ).headers["Location"].startswith(("/", "http://127.0.0.1:8080/"))
