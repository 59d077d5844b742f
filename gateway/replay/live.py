"""Sends fixtures to a running gateway as their senders would, and looks at what it answers at its door."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import requests

from gateway.errors import ConfigurationError, DeliveryFailed, GatewayError
from gateway.model import PartnerId
from gateway.replay.fixture import DELIVERED, Fixture, FixtureBroken, find_fixtures
from gateway.replay.report import Difference, ReplayReport, Result
from gateway.replay.run import run_each
from gateway.shell.client import Client, Letter, Outcome, wear

HOP: Final = "live"
PRODUCTION: Final = "production"
_TIMEOUT: Final = 10.0
_AFTER_ACCEPTING: Final = ("mapping.", "delivery.", "receipt.")
"""Refusals that a sender learns by a notice: at the door such a message gets its receipt."""


def replay_live(
    paths: Iterable[Path],
    url: str,
    keys: Path,
    trust: Path,
    *,
    state: Path | None = None,
    told: Callable[[Result], None] = lambda _result: None,
) -> ReplayReport:
    """Send every `in.xml` under a fresh message id and check the signed receipt, or the refusal and its findings.

    `keys` holds `<partner>-*.pem` of the senders, `trust` the gateway's certificates. Translations are not compared:
    they happen after the door. Raises ConfigurationError when the target is production or does not say what it is.
    """
    environment = environment_of(url)
    if environment in ("", PRODUCTION):
        raise ConfigurationError(f"{url} is {environment or 'not saying what it is'}: fixtures are not sent there")
    clients: dict[PartnerId, Client] = {}

    def play(fixture: Fixture) -> list[Difference]:
        if fixture.sender not in clients:
            files = sorted(keys.glob(f"{fixture.sender}-*.pem"))
            clients[fixture.sender] = Client(wear(fixture.sender, files, trust, url))
        return _sent(fixture, clients[fixture.sender])

    return run_each(find_fixtures(paths), play, state=state, told=told)


def environment_of(url: str) -> str:
    """What a gateway says it is at `/health`: demo, test or production; empty when it does not say.

    Raises DeliveryFailed when nobody answers.
    """
    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.get(f"{url.rstrip('/')}/health", timeout=_TIMEOUT, allow_redirects=False)
        told = answer.json()
    except requests.exceptions.JSONDecodeError:
        return ""
    except requests.RequestException as error:
        raise DeliveryFailed(f"{url}: {type(error).__name__}") from None
    found = told.get("environment", "") if isinstance(told, dict) else ""
    return found if isinstance(found, str) else ""


def _sent(fixture: Fixture, client: Client) -> list[Difference]:
    if fixture.captured is not None:
        raise FixtureBroken("captured bytes are of their time and cannot be sent again")
    letter = Letter(
        payload=fixture.payload,
        type=fixture.type,
        receiver=fixture.receiver,
        conversation_id=fixture.conversation_id,
        relates_to=fixture.relates_to,
    )
    try:
        outcome = client.send(letter, fixture.style)
    except GatewayError as error:
        return [Difference(hop=HOP, kind="code", path="", expected=fixture.expect, got=f"{error.code} {error.detail}")]
    return _judged(fixture, outcome)


def _judged(fixture: Fixture, outcome: Outcome) -> list[Difference]:
    expected = DELIVERED if fixture.expect.startswith(_AFTER_ACCEPTING) else fixture.expect
    got = outcome.code or DELIVERED
    if got != expected:
        return [Difference(hop=HOP, kind="code", path="", expected=expected, got=f"{got} {outcome.text}".strip())]
    if got == DELIVERED or fixture.findings is None:
        return []
    rules = {str(finding.get("rule", "")) for finding in outcome.findings}
    wrong = rules.symmetric_difference(fixture.findings)
    return [
        Difference(hop=HOP, kind="finding", path="", expected=rule if rule in fixture.findings else "",
                   got=rule if rule in rules else "")
        for rule in sorted(wrong)
    ]  # fmt: skip
