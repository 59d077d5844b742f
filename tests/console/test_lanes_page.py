"""The page of the lanes: outages, recoveries, deadlines and whom to call, in the reader's words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.lifecycle import State
from gateway.shell.console import make_console
from gateway.terms import Contact
from tests.builders import HEALTH
from tests.operators import House, Tab
from tests.store.steps import ask, waiting


def test_an_outage_says_since_when_and_whom_to_call(house: House) -> None:
    """Name, telephone and language of the contact point, and when the next pilot goes."""
    contact = Contact(name="<Дежурный>", phone="+7 7172 00 00 00", language="kk")
    partners = {**house.setup.partners, HEALTH: replace(house.setup.partners[HEALTH], contact=contact)}
    page = Tab(make_console(replace(house, setup=replace(house.setup, partners=partners))).test_client())
    entry = ask(house.ledger, 1)
    house.ledger.postpone(waiting(house.store, entry.id), code="delivery.failed", detail="HTTP 503")
    house.clock.advance(timedelta(seconds=10))
    text = page.text("/lanes")
    assert "&lt;Дежурный&gt;, +7 7172 00 00 00 (kk)" in text
    assert "Out since" in text
    assert "in 20 s" in text


def test_a_recovery_says_how_far_it_is(house: House, page: Tab) -> None:
    """Sent, all, and the time left at the measured speed."""
    first, _ = ask(house.ledger, 1), ask(house.ledger, 2)
    house.ledger.postpone(waiting(house.store, first.id), code="delivery.failed", detail="HTTP 503")
    house.ledger.settle(waiting(house.store, first.id), State.DELIVERED)
    house.store.run(lambda connection: connection.execute("update lane set sent = 3"))
    house.clock.advance(timedelta(seconds=30))
    text = page.text("/lanes")
    assert "Catching up" in text
    assert "3 of 4" in text
    assert "<dd>10 s</dd>" in text


def test_what_waits_against_the_clock_leads_the_page(house: House, page: Tab) -> None:
    """Before the deadline with the time left, after it with the delay."""
    entry = ask(house.ledger, 1)
    assert "Waiting against the clock" not in page.text("/lanes")
    house.clock.advance(timedelta(hours=23, minutes=30))
    text = page.text("/lanes")
    assert f"/messages/{entry.id}" in text
    assert "30 min left" in text
    house.clock.advance(timedelta(hours=1))
    assert "overdue for 30 min" in page.text("/lanes")
