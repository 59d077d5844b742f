"""The ledger in PostgreSQL: what it returned is durable, and every event is a link of the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from gateway.errors import Conflict, InternalError
from gateway.lifecycle import State, may
from gateway.model import (
    Corridor,
    CorridorId,
    Delivery,
    Entry,
    Intake,
    MessageId,
    PartnerId,
    Receipt,
    Sealed,
    Verified,
)
from gateway.order import RANKS
from gateway.ports import Clock, Ids
from gateway.shell import large_rows, rows, statements
from gateway.shell.depot import write_with
from gateway.shell.own_ids import outgoing_words, uuid_of
from gateway.shell.store import Store
from gateway.shell.ways import COLUMNS, Ways
from gateway.terms import RETRIES, Terms

EVENTS: Final[Mapping[State, str]] = {
    State.DELIVERED: "delivered",
    State.REFUSED: "refused-by-partner",
    State.FAILED: "failed",
    State.EXPIRED: "expired",
}
OURS: Final = frozenset({"internal", "mapping.invalid"})
"""Ends of a delivery that are our own fault."""


class PostgresLedger:
    """`gateway.ports.Ledger` over a store.

    `channels` gives corridors a lane of their own beside their receiver's. `terms` are those of each partner; others
    have the usual ones with `retries`.
    """

    def __init__(
        self,
        store: Store,
        corridors: Iterable[Corridor],
        *,
        clock: Clock,
        ids: Ids,
        channels: Mapping[CorridorId, str] | None = None,
        terms: Mapping[PartnerId, Terms] | None = None,
        retries: tuple[timedelta, ...] = RETRIES,
    ) -> None:
        self._store = store
        self._ways = Ways(corridors, channels=channels, terms=terms, retries=retries)
        self._clock = clock
        self._ids = ids

    def recall(self, partner: PartnerId, message_id: MessageId) -> tuple[str, Sealed] | None:
        """The content digest and the stored answer of a message accepted earlier, or None."""
        found = self._store.write(statements.RECALL, [partner, rows.clean(message_id)])
        if found is None or found[1] is None:
            return None
        return found[0], rows.sealed_of(found[1], found[2])

    def enter(self, entry: Entry, verified: Verified, answer: Sealed, steps: dict[str, float]) -> Sealed:
        """Keep an accepted message with all that belongs to it in one commit, or return what was answered before.

        Raises Conflict when the id came before with other content; Busy when the database cannot be reached.
        """
        entry, large = large_rows.kept(entry), verified.wire.large
        accept, row = self._accept(entry, event="accepted", verified=verified, answer=answer, steps=steps)
        if write_with(self._store, accept, row, entry.received_at, (large, entry.document.large)) is not None:
            return answer
        known = self.recall(entry.sender, entry.claims.message_id)
        if known is None:
            raise InternalError("a message is known but its answer is not")
        if known[0] == verified.content_digest:
            return known[1]
        self._alarm(entry, verified)
        conflict = Conflict(f"message id {entry.claims.message_id} came before with other content", threat="R2")
        conflict.recorded = True
        raise conflict

    def refuse(self, intake: Intake) -> None:
        """Keep one intake record of a refused message and link it into the evidence chain."""
        self._refuse(intake, event="alarm" if intake.alarm else "refused", entry=None)

    def outgoing(self, message_id: MessageId, receiver: PartnerId) -> Entry | None:
        """The entry that our envelope `message_id` to `receiver` carried, for an answer that relates to it."""
        known = uuid_of(message_id)
        if known is None:
            return None
        found = self._store.fetch(statements.OUTGOING, outgoing_words(known) | {"receiver": receiver})
        return rows.entry_of(found[0]) if found else None

    def answered(self, question: UUID, by: PartnerId) -> bool:
        """True when an answer of this partner to the entry `question` is kept; what we said for it does not count."""
        return self._store.write(statements.ANSWERED, [question, by]) is not None

    def keep(self, delivery: Delivery, sealed: Sealed) -> Sealed:
        """Keep what will leave, before it leaves; if an earlier try kept bytes that are still fresh, return those."""
        at, entry, large = self._clock(), delivery.entry, sealed.large
        if large is not None and large.source is not None:
            part = f"to {delivery.corridor}"
            sealed = replace(sealed, large=large_rows.named(entry.received_at, entry.id, part, large))
        row = {
            "received_at": entry.received_at,
            "entry": entry.id,
            "corridor": delivery.corridor,
            "at": at,
            "expires_at": sealed.expires_at,
            "facts": rows.jsonb(rows.sealed_facts(sealed)),
            "body": sealed.body,
            "digest": bytes.fromhex(sealed.digest),
            "detail": rows.jsonb(
                {
                    "corridor": delivery.corridor,
                    "message_id": sealed.message_id,
                    **dict(sealed.made_by),
                    **large_rows.around(sealed),
                }
            ),
        }
        if write_with(self._store, statements.KEEP, row, entry.received_at, (large, sealed.large)) is not None:
            return sealed
        kept = self._store.write(statements.KEPT, [entry.received_at, entry.id, delivery.corridor])
        if kept is None:
            raise InternalError("what was kept is gone")
        return rows.sealed_of(kept[0], kept[1])

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
        """End a delivery: state, receipt, evidence link and the notice to the sender, if any, in one transaction.

        Settling it again the same way changes nothing; raises InternalError for a move the lifecycle does not know.
        """
        row = self._settle_row(delivery, state, receipt=receipt, code=code, detail=detail)
        accept, told = self._notice(notice)
        months = [one.received_at for one in (delivery.entry, notice) if one]
        if not self._store.both(statements.SETTLE, row, accept, told, *months):
            self._same_end(delivery, state)

    def postpone(
        self, delivery: Delivery, *, code: str, detail: str, until: datetime | None = None, alone: bool = False
    ) -> None:
        """Record a failed attempt. The partner is out, so its lane waits for the next pilot; or this message `alone`
        waits its next retry, and what may not overtake it. `until` says otherwise how long.
        """
        at, terms = self._clock(), self._ways.terms_of(delivery.lane)
        record = {"corridor": delivery.corridor, "attempt": delivery.attempt, "code": code, "detail": detail}
        row = {
            "entry": delivery.entry.id,
            "corridor": delivery.corridor,
            "attempt": delivery.attempt,
            "at": at,
            "until": until or at + (terms.wait_after(delivery.attempt) if alone else terms.pilot_every),
            "code": code,
            "detail": rows.clean(detail),
            "record": rows.jsonb(record),
        }
        self._store.write(statements.DEFER if alone else statements.HOLD, row)

    def silence(self, entry: UUID, corridor: CorridorId, *, means: str, notice: Entry | None = None) -> bool:
        """No answer came in time: say so once, in one transaction with what the asker is told. False = said before."""
        record = rows.jsonb({"corridor": corridor, "means": means})
        row = {"entry": entry, "corridor": corridor, "at": self._clock(), "record": record}
        accept, told = self._notice(notice)
        return self._store.both(statements.SILENT, row, accept, told, *([notice.received_at] if notice else []))

    def requeue(self, entry: UUID, corridor: CorridorId, *, who: str, why: str) -> bool:
        """A person sends an ended delivery on its way again, with a new deadline. False = it was not one to send."""
        at = self._clock()
        row = {
            "entry": entry,
            "corridor": corridor,
            "at": at,
            "deadline": at + self._ways.give_up(corridor),
            "from": [state.value for state in State if may(state, State.QUEUED)],
            "record": rows.jsonb({"corridor": corridor, "who": who, "why": why}),
        }
        found = self._store.write(statements.REQUEUE, row)
        return found is not None

    # --- rows --------------------------------------------------------------------------------------------------------
    def _accept(
        self,
        entry: Entry,
        *,
        event: str,
        verified: Verified | None = None,
        answer: Sealed | None = None,
        steps: dict[str, float] | None = None,
    ) -> tuple[LiteralString, dict[str, Any]]:
        """The statement that keeps a message, and its parameters."""
        ways = [self._ways.way(entry, corridor) for corridor in entry.corridors]
        once = len(ways) == 1 and not entry.answers
        schemes, values = rows.search_keys(entry)
        return statements.ACCEPT_UNASKED if once else statements.ACCEPT, {
            **rows.message_row(entry, verified, answer, steps or {}),
            **(ways[0].row(entry) if once else rows.arrays(COLUMNS, [way.row(entry) for way in ways])),
            "at": self._clock(),
            "event": event,
            "schemes": rows.array(schemes),
            "values": rows.array(values),
            "rank": RANKS[entry.priority],
        }

    def _notice(self, notice: Entry | None) -> tuple[LiteralString, dict[str, Any] | None]:
        return (statements.ACCEPT, None) if notice is None else self._accept(notice, event="notice")

    def _settle_row(
        self, delivery: Delivery, state: State, *, receipt: Receipt | None, code: str, detail: str
    ) -> dict[str, Any]:
        record = {"corridor": delivery.corridor, "attempt": delivery.attempt, "code": code, "detail": detail}
        return {
            "entry": delivery.entry.id,
            "corridor": delivery.corridor,
            "state": state.value,
            "from": [old.value for old in State if may(old, state)],
            "attempt": delivery.attempt,
            "code": code,
            "detail": rows.clean(detail),
            "at": self._clock(),
            "event": EVENTS[state],
            "digest": bytes.fromhex(delivery.sealed.digest) if delivery.sealed else None,
            "record": rows.jsonb(record),
            "reached": state in {State.DELIVERED, State.REFUSED},
            "alarm": state is State.EXPIRED or code in OURS,
            **rows.receipt_row(receipt, delivery.corridor),
        }

    # --- the database ------------------------------------------------------------------------------------------------
    def _alarm(self, entry: Entry, verified: Verified) -> None:
        wire = verified.wire
        intake = Intake(
            incident=self._ids(),
            at=self._clock(),
            peer=wire.peer,
            claimed=f"{entry.sender} {entry.claims.message_id}",
            size=wire.size,
            digest=wire.digest,
            code=Conflict.code,
            threat="R2",
            detail=f"signed content {verified.content_digest} differs from what was accepted under this id",
            alarm=True,
        )
        self._refuse(intake, event="alarm", entry=None)

    def _refuse(self, intake: Intake, *, event: str, entry: UUID | None) -> None:
        self._store.write(statements.REFUSE, {**rows.intake_row(intake), "event": event, "entry": entry})

    def _same_end(self, delivery: Delivery, state: State) -> None:
        query = "select state from delivery where entry = %s and corridor = %s"
        found = self._store.write(query, [delivery.entry.id, delivery.corridor])
        if found is None or found[0] != state.value:
            raise InternalError(f"a delivery that is {found[0] if found else 'unknown'} cannot become {state.value}")
