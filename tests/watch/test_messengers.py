"""Mail and webhook say it well; one that cannot leaves it to the others, and the log says which."""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

from structlog.testing import LogCapture

from gateway.shell.config import AlertSettings
from gateway.shell.house import House
from gateway.shell.watch.alerts import Alerts
from gateway.shell.watch.messengers import messengers_of
from tests.builders import FrozenClock
from tests.database import wait_until
from tests.running import free_port
from tests.watch.ears import accept, look, out_for_ten_minutes, stumble


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


def test_when_the_mail_server_is_away_the_webhook_tells_and_the_log_says_who_could_not(
    house: House, clock: FrozenClock, said: LogCapture
) -> None:
    with hook() as (url, got):
        settings = AlertSettings(
            email_to=["duty@customs.example"], smtp_host="127.0.0.1", smtp_port=free_port(), webhook_url=url
        )
        out_for_ten_minutes(house, clock)
        alerts = Alerts(house, messengers_of(settings, "https://gw.example", clock))
        for _ in range(2):
            look(alerts, clock)
    assert [one["kind"] for one in json.loads(got[0][1])["news"]] == ["partner-out"]
    assert len(got) == 1
    assert [line["messenger"] for line in said.entries if line["event"] == "alert.not-told"] == ["Mail"]


def test_news_that_no_mail_server_took_are_told_when_it_is_back(
    house: House, clock: FrozenClock, said: LogCapture
) -> None:
    out_for_ten_minutes(house, clock)
    away = AlertSettings(email_to=["duty@customs.example"], smtp_host="127.0.0.1", smtp_port=free_port())
    look(Alerts(house, messengers_of(away, "https://gw.example", clock)), clock)
    assert [line["messenger"] for line in said.entries if line["event"] == "alert.not-told"] == ["Mail"]
    with post_office() as (port, got):
        back = away.model_copy(update={"smtp_port": port, "smtp_security": "none"})
        look(Alerts(house, messengers_of(back, "https://gw.example", clock)), clock)
        wait_until(lambda: got)
