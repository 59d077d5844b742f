"""The ledger in memory: what `gateway.ports.Ledger` promises, for tests and replay; nothing survives the process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from threading import RLock
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
from gateway.order import RANKS, in_order
from gateway.ports import Clock, Ids
from gateway.shell.ledger import EVENTS, OURS
from gateway.shell.own_ids import out_id, urn
from gateway.shell.ways import Ways
from gateway.terms import RETRIES, Terms
from gateway.testing.evidence import Evidence, Link
from gateway.testing.kept import KeptDelivery, KeptMessage, Lane


class MemoryLedger:
    """`gateway.ports.Ledger` in memory, beside it the lists that tests look at: messages, deliveries, intakes, events.

    `channels` gives corridors a lane of their own beside their receiver's; `terms` are those of each partner.
    """

    def __init__(
        self,
        corridors: Iterable[Corridor],
        *,
        clock: Clock,
        ids: Ids,
        channels: Mapping[CorridorId, str] | None = None,
        terms: Mapping[PartnerId, Terms] | None = None,
        retries: tuple[timedelta, ...] = RETRIES,
    ) -> None:
        self._ways = Ways(corridors, channels=channels, terms=terms, retries=retries)
        self._clock = clock
        self._ids = ids
        self._lock = RLock()
        self._keys: dict[tuple[PartnerId, MessageId], KeptMessage] = {}
        self._evidence = Evidence()
        self._outgoing: dict[tuple[PartnerId, MessageId], MessageId] = {}
        self.messages: dict[UUID, KeptMessage] = {}
        self.deliveries: dict[tuple[UUID, CorridorId], KeptDelivery] = {}
        self.intakes: list[Intake] = []
        self.lanes: dict[str, Lane] = {}

    @property
    def events(self) -> list[Link]:
        """Every event so far, each linked to the one before it."""
        return self._evidence.links

    def recall(self, partner: PartnerId, message_id: MessageId) -> tuple[str, Sealed] | None:
        """The content digest and the stored answer of a message accepted earlier, or None."""
        known = self._keys.get((partner, message_id))
        if known is None or known.verified is None or known.answer is None:
            return None
        return known.verified.content_digest, known.answer

    def enter(self, entry: Entry, verified: Verified, answer: Sealed, steps: dict[str, float]) -> Sealed:
        """Keep an accepted message with all that belongs to it, or return what was answered before. Raises Conflict."""
        with self._lock:
            earlier = self.recall(entry.sender, entry.claims.message_id)
            if earlier is None:
                self._enter(KeptMessage(entry=entry, verified=verified, answer=answer, steps=dict(steps)), "accepted")
                return answer
            if earlier[0] == verified.content_digest:
                return earlier[1]
            self.refuse(self._alarm(entry, verified))
        conflict = Conflict(f"message id {entry.claims.message_id} came before with other content", threat="R2")
        conflict.recorded = True
        raise conflict

    def refuse(self, intake: Intake) -> None:
        """Keep one intake record of a refused message and link it into the evidence chain."""
        with self._lock:
            if any(known.incident == intake.incident for known in self.intakes):
                return
            self.intakes.append(intake)
            detail = {"incident": str(intake.incident), "code": intake.code, "claimed": intake.claimed}
            digest = bytes.fromhex(intake.digest) if intake.digest else None
            self._evidence.add(intake.at, "alarm" if intake.alarm else "refused", None, digest, detail)

    def outgoing(self, message_id: MessageId, receiver: PartnerId) -> Entry | None:
        """The entry that our envelope `message_id` to `receiver` carried, for an answer that relates to it."""
        for kept in self.deliveries.values():
            if kept.message_id == message_id and kept.receiver == receiver and kept.sealed:
                return kept.entry
        return None

    def answered(self, question: UUID, by: PartnerId) -> bool:
        """True when an answer of this partner to the entry `question` is kept; what we said for it does not count."""
        return any(k.answered_by for k in self.deliveries.values() if (k.entry.id, k.receiver) == (question, by))

    def keep(self, delivery: Delivery, sealed: Sealed) -> Sealed:
        """Keep what will leave; if an earlier try kept bytes that are still fresh, return those."""
        with self._lock:
            kept, now = self._kept(delivery), self._clock()
            if kept.sealed and (kept.sealed[-1].expires_at is None or kept.sealed[-1].expires_at > now):
                return kept.sealed[-1]
            kept.sealed.append(sealed)
            self._note(kept, "sealed", sealed.body, message_id=sealed.message_id, **dict(sealed.made_by))
            return sealed

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
        """End a delivery with all that belongs to it; again the same way changes nothing.

        Raises InternalError for a move the lifecycle does not know.
        """
        with self._lock:
            kept = self._kept(delivery)
            if not may(kept.state, state):
                if kept.state is not state:
                    raise InternalError(f"a delivery that is {kept.state.value} cannot become {state.value}")
                return
            kept.state, kept.code, kept.detail = state, code, detail
            kept.attempts = max(kept.attempts, delivery.attempt)
            self._note(kept, EVENTS[state], delivery.sealed.body if delivery.sealed else None, code=code)
            if state is State.EXPIRED or code in OURS:
                self._note(kept, "alarm", None, code=code)
            if receipt is not None and all(known.id != receipt.id for known in kept.receipts):
                kept.receipts.append(receipt)
                self._note(kept, "receipt", receipt.body, id=receipt.id, signer=receipt.signer)
            if state in {State.DELIVERED, State.REFUSED}:
                self.lanes.pop(kept.lane, None)
            if notice is not None:
                self._enter(KeptMessage(entry=notice), "notice")

    def postpone(
        self, delivery: Delivery, *, code: str, detail: str, until: datetime | None = None, alone: bool = False
    ) -> None:
        """Record a failed attempt: the lane waits for its next pilot, or this message `alone` for its next retry."""
        with self._lock:
            kept, terms, now = self._kept(delivery), self._ways.terms_of(delivery.lane), self._clock()
            if kept.state is not State.QUEUED:
                return
            kept.attempts, kept.code, kept.detail = max(kept.attempts, delivery.attempt), code, detail
            if alone:
                kept.next_at = min(until or now + terms.wait_after(delivery.attempt), kept.deadline)
            else:
                failures = self.lanes[kept.lane].failures + 1 if kept.lane in self.lanes else 1
                self.lanes[kept.lane] = Lane(failures=failures, next_at=until or now + terms.pilot_every)
            self._note(kept, "attempt", None, code=code, detail=detail)

    def due(self, lane: str) -> list[Delivery]:
        """What may leave a lane, in the order of the law; nothing while its partner is out."""
        with self._lock:
            held, now = self.lanes.get(lane), self._clock()
            if held is not None and held.next_at > now:
                return []
            queued = [kept for kept in self.deliveries.values() if kept.lane == lane and kept.state is State.QUEUED]
            bound: set[int] = set()
            free: list[KeptDelivery] = []
            for kept in queued:
                if kept.next_at > now:
                    bound.add(kept.order_key)
                elif kept.order_key not in bound:
                    free.append(kept)
            order = in_order(free, rank=lambda kept: RANKS[kept.entry.priority], key=lambda kept: kept.order_key)
            return [self.as_delivery(kept) for kept in order]

    def waiting(self) -> list[str]:
        """The lanes that hold something, in the order in which they came to hold it."""
        return list(dict.fromkeys(kept.lane for kept in self.deliveries.values() if kept.state is State.QUEUED))

    def overdue(self) -> list[Delivery]:
        """Questions whose answer should be here and is not; each until it is said."""
        now, open_states = self._clock(), {State.QUEUED, State.DELIVERED}
        return [
            self.as_delivery(kept)
            for kept in self.deliveries.values()
            if kept.answer_due is not None and kept.answer_due <= now and kept.answered_by is None
            and kept.silent_at is None and kept.state in open_states
        ]  # fmt: skip

    def silence(self, entry: UUID, corridor: CorridorId, *, means: str, notice: Entry | None = None) -> bool:
        """No answer came in time: say so once, with what the asker is told. False = said before."""
        with self._lock:
            kept = self.deliveries[entry, corridor]
            if kept.answered_by is not None or kept.silent_at is not None:
                return False
            kept.silent_at = self._clock()
            self._note(kept, "silent", None, means=means)
            if notice is not None:
                self._enter(KeptMessage(entry=notice), "notice")
            return True

    # --- for tests and replay ----------------------------------------------------------------------------------------
    def entry_of(self, sender: PartnerId, message_id: MessageId) -> Entry:
        """The entry of an accepted message. Raises KeyError."""
        return self._keys[sender, message_id].entry

    def name_outgoing(self, sender: PartnerId, message_id: MessageId, outgoing: MessageId) -> None:
        """Give our envelopes for this message an id of the caller's choice; else it follows from the entry."""
        self._outgoing[sender, message_id] = outgoing

    def as_delivery(self, kept: KeptDelivery) -> Delivery:
        """A kept delivery as the line takes it, on its next attempt."""
        return Delivery(
            entry=kept.entry,
            corridor=kept.corridor,
            lane=kept.lane,
            attempt=kept.attempts + 1,
            deadline=kept.deadline,
            message_id=kept.message_id,
            relates_to=self._relates_to(kept),
            sealed=kept.sealed[-1] if kept.sealed else None,
            order=kept.order_key,
        )

    # --- inside a transaction ----------------------------------------------------------------------------------------
    def _enter(self, message: KeptMessage, event: str) -> None:
        entry = message.entry
        ways = [self._way(entry, corridor) for corridor in entry.corridors]
        if self._keys.setdefault((entry.sender, entry.claims.message_id), message) is not message:
            return
        self.messages[entry.id] = message
        for kept in self.deliveries.values():
            if kept.entry.id == entry.answers and kept.receiver == entry.sender and kept.answered_by is None:
                kept.answered_by = entry.id
        self.deliveries |= {(entry.id, kept.corridor): kept for kept in ways}
        verified, payload = message.verified, entry.document.payload
        digest = bytes.fromhex(verified.wire.digest) if verified else hashlib.sha256(payload).digest()
        detail = {"partner": entry.sender, "message_id": entry.claims.message_id, "type": entry.document.type}
        self._evidence.add(self._clock(), event, entry.id, digest, detail)

    def _way(self, entry: Entry, corridor: CorridorId) -> KeptDelivery:
        way, start = self._ways.way(entry, corridor), entry.received_at
        return KeptDelivery(
            entry=entry,
            corridor=corridor,
            receiver=way.receiver,
            lane=way.lane,
            strand=way.strand,
            order_key=way.order_key,
            message_id=self._outgoing.get((entry.sender, entry.claims.message_id), urn(out_id(entry.id, corridor))),
            deadline=start + way.deadline,
            legal_due=start + way.legal if way.legal else None,
            answer_due=start + way.answer_within if way.answer_within else None,
        )

    def _kept(self, delivery: Delivery) -> KeptDelivery:
        kept = self.deliveries.get((delivery.entry.id, delivery.corridor))
        if kept is None:
            raise InternalError("no such delivery")
        return kept

    def _relates_to(self, kept: KeptDelivery) -> MessageId | None:
        """The question's own id for who asked it; else the id our earlier envelope had for this receiver."""
        entry = kept.entry
        asked = self.messages.get(entry.answers) if entry.answers else None
        if asked is not None and asked.entry.sender == kept.receiver:
            return asked.entry.claims.message_id
        earlier = asked or self._keys.get((entry.sender, entry.claims.relates_to or MessageId("")))
        if earlier is None:
            return None
        sent = (one for one in self.deliveries.values() if one.entry.id == earlier.entry.id)
        return next((one.message_id for one in sent if one.receiver == kept.receiver), None)

    def _alarm(self, entry: Entry, verified: Verified) -> Intake:
        return Intake(
            incident=self._ids(),
            at=self._clock(),
            peer=verified.wire.peer,
            claimed=f"{entry.sender} {entry.claims.message_id}",
            size=len(verified.wire.body),
            digest=verified.wire.digest,
            code=Conflict.code,
            threat="R2",
            detail=f"signed content {verified.content_digest} differs from what was accepted under this id",
            alarm=True,
        )

    def _note(self, kept: KeptDelivery, event: str, octets: bytes | None, **detail: str) -> None:
        digest = hashlib.sha256(octets).digest() if octets is not None else None
        self._evidence.add(self._clock(), event, kept.entry.id, digest, {"corridor": kept.corridor, **detail})
