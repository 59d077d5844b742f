"""A message tells by what law it travels, who signed it, what made the document that left, and how to prove it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509

from gateway.shell.console import make_console
from gateway.shell.queries import message, messages, overdue
from gateway.silence import tell_silence
from tests.builders import CUSTOMS, HEALTH
from tests.operators import House, Tab

TABLE = "mappings/health_kz/query.csv"
ROOT = Path(__file__).parents[2]


def test_the_law_and_the_schemas_are_named(house: House, page: Tab) -> None:
    """The basis of the corridor; what came and what left by which schema, and that it is a profile of ours."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    house.work()
    text = page.text(f"/messages/{entry}")
    assert "ҚР ДСМ-237/2020" in text
    assert re.search(r"<code>xsd/lpco/query\.xsd</code> version 1\.0 <code", text)
    assert "our documented profile, not official" in text
    assert "<code>xsd/health_kz/query.xsd</code>" in text


def test_the_signer_is_told_from_its_certificate(house: House, page: Tab) -> None:
    """Subject, issuer, serial number and validity, whatever the partner's record says today."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    customs = house.setup.partners[CUSTOMS]
    known = message(house.store, entry).seal["certificate"]
    der = next(one.der for one in customs.certificates if one.sha256 == known)
    certificate = x509.load_der_x509_certificate(der)
    text = page.text(f"/messages/{entry}")
    assert certificate.subject.rfc4514_string() in text
    assert certificate.issuer.rfc4514_string() in text
    assert f"<code>{certificate.serial_number:x}</code>" in text
    assert f"{certificate.not_valid_after_utc:%Y-%m}" in text
    assert "valid when the message came; signs" in text
    partners = {**house.setup.partners, CUSTOMS: replace(customs, certificates=())}
    later = Tab(make_console(replace(house, setup=replace(house.setup, partners=partners))).test_client())
    told = later.text(f"/messages/{entry}")
    assert certificate.subject.rfc4514_string() in told
    assert "no longer in the partner&#39;s record" in told


def test_the_table_is_the_one_of_that_time(house: House, page: Tab) -> None:
    """Its digest is in the evidence; a table that has changed since is marked, where its values are shown too."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    house.work()
    digest = sha256((ROOT / TABLE).read_bytes()).hexdigest()
    sealed = [one for one in message(house.store, entry).evidence if one.event == "sealed"]
    assert [one.detail["mapping"] for one in sealed] == [f"{TABLE}@{digest}"]
    assert digest in page.text(f"/messages/{entry}")
    assert "changed since" not in page.text(f"/messages/{entry}")
    known = house.setup.translations[TABLE]
    changed = replace(known, table=replace(known.table, digest="0" * 64))
    translations = {**house.setup.translations, TABLE: changed}
    later = Tab(make_console(replace(house, setup=replace(house.setup, translations=translations))).test_client())
    assert "changed since" in later.text(f"/messages/{entry}")
    told = later.text(f"/messages/{entry}/mapping")
    assert "had other content when this message left" in told
    assert digest in told


def test_the_evidence_names_its_proof(house: House, page: Tab) -> None:
    """The command that proves it, and what it proves."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    text = page.text(f"/messages/{entry}/evidence")
    assert "<code>gateway db verify</code>" in text
    assert "works out every link of every chain again" in text


@pytest.mark.parametrize("language", ["ru", "kk"])
def test_it_is_told_in_every_language(house: House, page: Tab, language: str) -> None:
    """No key without words."""
    entry = house.play("health_kz/fixtures/10-query-ok")
    house.work()
    page.get(f"/?language={language}")
    for tab in ("", "/evidence", "/mapping", "/xml"):
        assert HEALTH in page.text(f"/messages/{entry}{tab}")


def test_what_the_gateway_adds_is_called_so(house: House, page: Tab) -> None:
    """A value that comes from no element of the document but from the gateway says from which of its facts."""
    entry = house.play("health_kz/fixtures/24-declaration-lodged")
    text = page.text(f"/messages/{entry}/mapping")
    assert "$message_id of the gateway: our message id" in text


def test_what_silence_says_comes_from_the_question(house: House, page: Tab) -> None:
    """The answer that we wrote because nobody did: its values, the rules, the constants, and the question."""
    entry = house.play("health_kz/fixtures/23-query-silent")
    house.work()
    house.clock.advance(timedelta(hours=5))
    assert tell_silence(overdue(house.store, house.clock()), house.ledger.silence, house.setup) == 1
    told = next(one.id for one in messages(house.store, partner="gateway").lines)
    text = page.text(f"/messages/{told}/mapping")
    assert "mappings/health_kz/silence.csv" in text
    assert f'href="/messages/{entry}"' in text
    assert "constant" in text
    assert "LPCOStatus/DecisionCode" in text
