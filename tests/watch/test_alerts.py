"""People are told of each thing once, again when it is worse, and when it is over; nothing that was wrong is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import socketserver
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest

from gateway.model import LANGUAGES
from gateway.shell.config import AlertSettings
from gateway.shell.house import House
from gateway.shell.watch.alerts import Alerts, News, book
from gateway.shell.watch.messengers import messengers_of
from tests.builders import CountedIds, FrozenClock, a_sealed, a_verified, an_entry, some_claims
from tests.database import wait_until


class Ears:
    """A messenger that remembers what it was told, and can be deaf."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.deaf = False

    def tell(self, news: Sequence[News]) -> None:
        if self.deaf:
            raise OSError("nobody listens")
        self.heard += [(one.turn, one.kind) for one in news]


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def alerts(house: House, ears: Ears) -> Alerts:
    return Alerts(house, [ears])


def accept(house: House, count: int = 1) -> None:
    """Questions to the ministry wait."""
    ids = CountedIds(house.store.fetch("select count(*) as n from message")[0]["n"] + 1)
    for _ in range(count):
        entry_id = ids()
        claims = some_claims(f"urn:uuid:{entry_id}")
        entry = an_entry(entry_id, claims, received_at=house.setup.clock())
        house.ledger.enter(entry, a_verified(claims), a_sealed(), {})


def stumble(house: House, lane: str = "health_kz") -> None:
    """The partner is out from now on."""
    words = "insert into lane (lane, failures, held_since, code, detail) values (%s, 1, %s, %s, 'refused')"
    row = [lane, house.setup.clock(), "delivery.failed"]
    house.store.run(lambda connection: connection.execute(cast("Any", words), row))


def recover(house: House) -> None:
    """All partners are back, and took everything."""
    for words in ("delete from lane", "delete from delivery"):
        house.store.run(lambda connection, words=words: connection.execute(cast("Any", words)))  # type: ignore[misc]


def look(alerts: Alerts, clock: FrozenClock, **later: float) -> None:
    clock.move(**(later or {"minutes": 1}))
    alerts.look()


def test_a_partner_that_is_out_is_told_once_and_again_when_worse_and_when_back(
    house: House, alerts: Alerts, ears: Ears, clock: FrozenClock
) -> None:
    accept(house)
    stumble(house)
    look(alerts, clock, minutes=4)
    assert ears.heard == []
    for _ in range(5):
        look(alerts, clock)
    assert ears.heard == [("raised", "partner-out")]
    look(alerts, clock, minutes=25)
    assert ears.heard[1:] == [("worse", "partner-out")]
    recover(house)
    for _ in range(3):
        look(alerts, clock)
    assert ears.heard[2:] == [("over", "partner-out")]


def test_what_lasts_is_told_again_after_a_day(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    accept(house)
    stumble(house)
    look(alerts, clock, hours=25)
    for _ in range(3):
        look(alerts, clock, hours=7)
    assert ("again", "partner-out") not in ears.heard
    look(alerts, clock, hours=7)
    assert ("again", "partner-out") in ears.heard


def test_a_thousand_dead_letters_are_a_few_news(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    for count in (1, 3, 8, 30):
        accept(house, count)
        words = "update delivery set state = 'failed', settled_at = %s"
        house.store.run(lambda connection: connection.execute(cast("Any", words), [clock()]))  # noqa: B023
        look(alerts, clock)
    assert ears.heard == [("raised", "dead"), ("worse", "dead")]


def test_an_open_lane_on_which_nothing_moves_is_told(
    house: House, alerts: Alerts, ears: Ears, clock: FrozenClock
) -> None:
    """No worker runs: nobody else would say so."""
    accept(house)
    look(alerts, clock, minutes=6)
    assert ears.heard == [("raised", "lane-still")]


def test_what_nobody_heard_is_told_again(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    accept(house)
    stumble(house)
    ears.deaf = True
    look(alerts, clock, minutes=10)
    assert ears.heard == []
    ears.deaf = False
    look(alerts, clock)
    look(alerts, clock)
    assert ears.heard == [("raised", "partner-out")]


def test_two_processes_tell_once(house: House, ears: Ears, clock: FrozenClock) -> None:
    accept(house)
    stumble(house)
    clock.move(minutes=10)
    for _ in range(3):
        Alerts(house, [ears]).look()
    assert ears.heard == [("raised", "partner-out")]


def test_a_certificate_near_its_end_is_told(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    look(alerts, clock, days=20)
    before = list(ears.heard)
    look(alerts, clock, days=365 * 3)
    kinds = {kind for _, kind in ears.heard if (_, kind) not in before}
    assert "certificate" in kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_words(language: Any) -> None:
    assert set(book(language)) == set(book("en"))
    for kind, words in book("en").items():
        if isinstance(words, dict):
            own = book(language)[kind]
            assert set(own) == {"title", "text", "do"}
            for name, text in words.items():
                assert {part for part in _slots(text)} == {part for part in _slots(own[name])}, (kind, name)


def _slots(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]


class _Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        cast("Any", self.server).got.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def hook() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A webhook; its address, and what it got."""
    with HTTPServer(("127.0.0.1", 0), _Post) as server:
        cast("Any", server).got = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", cast("Any", server).got
        server.shutdown()
        thread.join()


def test_the_webhook_gets_signed_json_in_three_languages(house: House, clock: FrozenClock, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n", "utf-8")
    with hook() as (url, got):
        settings = AlertSettings(webhook_url=url, webhook_secret_file=secret)
        accept(house)
        stumble(house)
        look(Alerts(house, messengers_of(settings, "https://gw.example", clock)), clock, minutes=10)
    headers, body = got[0]
    assert headers["X-Signature-256"] == hmac.new(b"correct horse", body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert told["gateway"] == "https://gw.example"
    assert told["news"][0]["about"]["held"] == "1"
    assert "health_kz недоступен" in told["news"][0]["text"]["ru"]
    assert len(got) == 1


class _Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one letter needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    letter += part
                cast("Any", self.server).got.append(letter)
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


@contextmanager
def post_office() -> Iterator[tuple[int, list[bytes]]]:
    """A mail server; its port, and what it took."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Smtp) as server:
        cast("Any", server).got = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], cast("Any", server).got
        server.shutdown()
        thread.join()


def test_the_mail_says_who_since_when_and_what_to_do(house: House, clock: FrozenClock) -> None:
    with post_office() as (port, got):
        settings = AlertSettings(
            email_to=["duty@customs.example"], smtp_host="127.0.0.1", smtp_port=port, language="kk",
            runbook_url="https://runbook.example",
        )  # fmt: skip
        accept(house)
        stumble(house)
        look(Alerts(house, messengers_of(settings, "https://gw.example", clock)), clock, minutes=10)
        wait_until(lambda: got)
    letter = message_from_bytes(got[0], policy=policy.default)
    assert letter["To"] == "duty@customs.example"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "health_kz қолжетімсіз" in letter["Subject"]
    text = letter.get_content()
    assert "delivery.failed refused" in text
    assert "https://runbook.example" in text


def test_a_mail_server_that_is_away_is_an_oserror() -> None:
    """So that the news are kept and told later."""
    assert issubclass(smtplib.SMTPException, OSError)
