"""Senders that never give up: each message is sent, with the same id, until its receipt or its refusal is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from gateway.cli.demo_town import Town
from gateway.errors import GatewayError
from gateway.model import DocumentType, MessageId, PartnerId
from gateway.replay import Fixture
from gateway.shell.client import Client, Letter, Outcome

AGAIN: Final = 0.15
"""Seconds before a message without an answer is sent again."""
TIMEOUT: Final = 5.0
REPEATS: Final = 0.1
"""Of all acknowledged messages: how many are sent once more, as if the sender had not noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A message whose signed receipt its sender has. `line` and `number` tell what was sent in which order."""

    conversation: str
    message_id: MessageId
    sender: PartnerId
    receiver: PartnerId
    type: DocumentType
    line: int
    number: int
    receipt: str
    seconds: float
    """From the first attempt to the receipt."""


class Traffic:
    """`lines` threads, each sending one message after the other, `rate` a second at most, all together."""

    def __init__(self, town: Town, fixtures: Sequence[Fixture], *, seed: int, lines: int, rate: float) -> None:
        self._town = town
        self._fixtures = fixtures
        self._clients = {name: Client(town.hat(name), TIMEOUT) for name in {one.sender for one in fixtures}}
        self._pace = lines / rate
        self._stop = Event()
        self._lock = Lock()
        chances = [Random(f"{seed} {line}") for line in range(lines)]  # noqa: S311 - a mixture, not a secret
        self._threads = [
            Thread(target=self._line, args=(line, chance), daemon=True) for line, chance in enumerate(chances)
        ]
        self._mark = f"{seed}-{MessageId(new_mark())}"
        self.acknowledged: list[Acknowledged] = []
        self.refused = 0
        self.changed: list[str] = []
        """Messages whose receipt was another one when they were sent again."""
        self.attempts = 0

    def start(self) -> None:
        """Messages flow."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new message; what was begun has its answer, or a minute has passed."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _line(self, line: int, chance: Random) -> None:
        for number in count():
            if self._stop.wait(chance.uniform(0, 2 * self._pace)):
                return
            self._say(chance.choice(self._fixtures), line, number, again=chance.random() < REPEATS)

    def _say(self, fixture: Fixture, line: int, number: int, *, again: bool) -> None:
        name = f"{self._mark}-{line}-{number}"
        letter = Letter(payload=fixture.payload, type=fixture.type, receiver=fixture.receiver, conversation_id=name)
        started = monotonic()
        outcome = self._until_answered(fixture, letter)
        if outcome is None:
            return
        if outcome.receipt is None:
            self.refused += 1
            return
        told = Acknowledged(
            conversation=name, message_id=letter.message_id, sender=fixture.sender, receiver=fixture.receiver,
            type=fixture.type, line=line, number=number, receipt=outcome.receipt.id, seconds=monotonic() - started,
        )  # fmt: skip
        with self._lock:
            self.acknowledged.append(told)
        if again:
            self._repeat(fixture, letter, told)

    def _repeat(self, fixture: Fixture, letter: Letter, told: Acknowledged) -> None:
        outcome = self._until_answered(fixture, letter)
        if outcome is not None and (outcome.receipt is None or outcome.receipt.id != told.receipt):
            with self._lock:
                self.changed.append(told.conversation)

    def _until_answered(self, fixture: Fixture, letter: Letter) -> Outcome | None:
        """None when the town went away before there was an answer: then nothing was promised."""
        end = monotonic() + 60
        while not (self._stop.is_set() and monotonic() > end):
            self.attempts += 1
            try:
                outcome = self._clients[fixture.sender].send(letter, fixture.style)
            except GatewayError:
                outcome = None
            if outcome is not None and outcome.proven and outcome.status not in {408, 425, 429, 503}:
                return outcome
            self._stop.wait(AGAIN)
            if self._stop.is_set():
                Event().wait(AGAIN)
        return None


def new_mark() -> str:
    """A name that no other run has."""
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
