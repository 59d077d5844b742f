"""A ledger that counts and traces what the line does; it decides nothing.

What a person sends again (`PostgresLedger.requeue`) and what is said of silence (`PostgresLedger.silence`) are no turns
of the line and pass by it: the evidence has them, no figure. What becomes of the delivery after that is counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog

from gateway.lifecycle import State
from gateway.model import Delivery, Entry, Intake, MessageId, PartnerId, Receipt, Sealed, Verified
from gateway.ports import Clock, Ledger
from gateway.shell.logs import of_message
from gateway.shell.watch import figures
from gateway.shell.watch.traces import Tracer

log = structlog.get_logger(__name__)


class WatchedLedger:
    """`gateway.ports.Ledger` around another one: what that one did is counted after it did it."""

    def __init__(self, ledger: Ledger, clock: Clock, tracer: Tracer) -> None:
        self._ledger = ledger
        self._clock = clock
        self._tracer = tracer

    def recall(self, partner: PartnerId, message_id: MessageId) -> tuple[str, Sealed] | None:
        """As the other says."""
        found = self._ledger.recall(partner, message_id)
        if found is not None:
            figures.REPEATED.labels(partner).inc()
        return found

    def enter(self, entry: Entry, verified: Verified, answer: Sealed, steps: dict[str, float]) -> Sealed:
        """Keep it, and count it when it was new."""
        began = self._clock()
        kept = self._ledger.enter(entry, verified, answer, steps)
        if kept is not answer:
            figures.REPEATED.labels(entry.sender).inc()
            return kept
        spent = {**steps, "enter": (self._clock() - began).total_seconds() * 1000}
        figures.ACCEPTED.labels(entry.sender, entry.document.type, verified.profile).inc()
        for step, milliseconds in spent.items():
            figures.STEP.labels(step).observe(milliseconds / 1000)
        self._tracer.accepted(entry, spent, self._clock())
        with of_message(entry):
            log.info("accepted", type=entry.document.type, sender=entry.sender, ways=len(entry.corridors))
        return kept

    def refuse(self, intake: Intake) -> None:
        """Keep the record, and count it."""
        figures.REFUSED.labels(intake.code).inc()
        self._ledger.refuse(intake)

    def outgoing(self, message_id: MessageId, receiver: PartnerId) -> Entry | None:
        """As the other says."""
        return self._ledger.outgoing(message_id, receiver)

    def answered(self, question: UUID, by: PartnerId) -> bool:
        """As the other says."""
        return self._ledger.answered(question, by)

    def keep(self, delivery: Delivery, sealed: Sealed) -> Sealed:
        """As the other does."""
        return self._ledger.keep(delivery, sealed)

    def settle(
        self,
        delivery: Delivery,
        state: State,
        *,
        receipt: Receipt | None = None,
        code: str = "",
        detail: str = "",
        notice: Entry | None = None,
    ) -> None:
        """End a delivery, and count how."""
        self._ledger.settle(delivery, state, receipt=receipt, code=code, detail=detail, notice=notice)
        receiver = delivery.lane.partition("/")[0]
        figures.SETTLED.labels(receiver, state.value).inc()
        now = self._clock()
        if state == State.DELIVERED:
            figures.DELIVERED.labels(receiver).observe((now - delivery.entry.received_at).total_seconds())
        self._tracer.attempted(delivery, state.value, now, {"code": code} if code else {})
        with of_message(delivery.entry):
            log.info("settled", state=state.value, code=code, sent=delivery.message_id, corridor=delivery.corridor)

    def postpone(
        self, delivery: Delivery, *, code: str, detail: str, until: datetime | None = None, alone: bool = False
    ) -> None:
        """Record a failed attempt, and count it."""
        self._ledger.postpone(delivery, code=code, detail=detail, until=until, alone=alone)
        figures.POSTPONED.labels(delivery.lane.partition("/")[0], code).inc()
        with of_message(delivery.entry):
            log.info("postponed", code=code, sent=delivery.message_id, corridor=delivery.corridor, alone=alone)
        words: Mapping[str, str] = {"code": code, "detail": detail}
        self._tracer.attempted(delivery, "postponed", self._clock(), words)
