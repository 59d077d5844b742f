"""Carriers of alerts: e-mail over SMTP, and a signed webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, Literal

import requests

from gateway.envelope.addressing import stamp
from gateway.model import LANGUAGES, Language
from gateway.ports import Clock
from gateway.shell.watch.alerts import Messenger, News, book

if TYPE_CHECKING:
    from gateway.shell.config import AlertSettings

PATIENCE: Final = 10.0
"""Seconds for one connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One e-mail per look, in one language."""

    to: Sequence[str]
    sender: str
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    user: str
    password: str
    language: Language
    place: str
    runbook: str
    clock: Clock

    def tell(self, news: Sequence[News]) -> None:
        """Sent; raises OSError (smtplib's errors are ones) when the server did not take it."""
        letter = letter_of(news, self.language, self.place, self.runbook)
        letter["From"], letter["To"] = self.sender, ", ".join(self.to)
        letter["Date"] = format_datetime(self.clock())
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
        make = smtplib.SMTP_SSL if self.security == "tls" else smtplib.SMTP
        with make(self.host, self.port, timeout=PATIENCE) as line:
            if self.security == "starttls":
                line.starttls(context=ssl.create_default_context())
            if self.user:
                line.login(self.user, self.password)
            line.send_message(letter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One POST of JSON per look. With a secret, `X-Signature-256` is the HMAC-SHA256 of the body in hexadecimal."""

    url: str
    secret: bytes
    place: str
    clock: Clock

    def tell(self, news: Sequence[News]) -> None:
        """Taken with a 2xx; raises OSError (requests' errors are ones) otherwise."""
        body = json.dumps(told_of(news, self.place, self.clock()), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if self.secret:
            headers["X-Signature-256"] = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        answer = requests.post(self.url, data=body, headers=headers, timeout=PATIENCE, allow_redirects=False)
        if not answer.ok or answer.is_redirect:
            raise OSError(f"the webhook answered {answer.status_code}")


def letter_of(news: Sequence[News], language: Language, place: str, runbook: str) -> EmailMessage:
    """Subject and text, without addresses."""
    own, first = book(language), news[0].title(language)
    if len(news) > 1:
        first = own["more"].format(first=first, more=len(news) - 1)
    letter = EmailMessage()
    letter["Subject"] = " ".join(own["subject"].format(place=place, first=first).split())[:250]
    parts = [one.text(language) for one in news]
    letter.set_content("\n\n".join([*parts, *([own["details"].format(link=runbook)] if runbook else [])]) + "\n")
    return letter


def told_of(news: Sequence[News], place: str, now: datetime) -> dict[str, object]:
    """The members of a webhook's body."""
    return {
        "gateway": place,
        "at": stamp(now),
        "news": [
            {
                "turn": one.turn, "kind": one.kind, "since": stamp(one.since), "about": one.words,
                "text": {language: one.text(language) for language in LANGUAGES},
            }
            for one in news
        ],
    }  # fmt: skip


def messengers_of(settings: AlertSettings, place: str, clock: Clock) -> list[Messenger]:
    """Those that the settings name."""
    found: list[Messenger] = []
    if settings.email_to:
        password = settings.smtp_password_file.read_text("utf-8").strip() if settings.smtp_password_file else ""
        found.append(Mail(
            to=settings.email_to, sender=settings.email_from, host=settings.smtp_host, port=settings.smtp_port,
            security=settings.smtp_security, user=settings.smtp_user, password=password, language=settings.language,
            place=place, runbook=settings.runbook_url, clock=clock,
        ))  # fmt: skip
    if settings.webhook_url:
        secret = settings.webhook_secret_file.read_bytes().strip() if settings.webhook_secret_file else b""
        found.append(Webhook(url=settings.webhook_url, secret=secret, place=place, clock=clock))
    return found
