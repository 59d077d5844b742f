"""Send what waits in one strand of a lane until it is empty, its partner fails, or others should have their turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from time import monotonic
from traceback import format_exception
from typing import Final

import psycopg
import structlog

from gateway.errors import (
    Busy,
    DatabaseAway,
    DeliveryDeferred,
    DeliveryExpired,
    DeliveryFailed,
    DeliveryRefused,
    GatewayError,
    InternalError,
    ReceiptInvalid,
)
from gateway.lifecycle import State
from gateway.model import Delivery, PartnerId
from gateway.ports import Clock, Ledger
from gateway.shell import picking
from gateway.shell.lanes import lane_held
from gateway.shell.picking import BATCH, Standing, late_deliveries, standing, strand_of
from gateway.shell.store import Connection, Store
from gateway.terms import USUAL, Terms

PILOTS: Final = 3
"""Failures after which another message becomes the pilot, and this one is suspected of being the trouble itself."""
SLOTS_A_SECOND: Final = 10
"""How often a fast lane asks for its next slots."""
Forward = Callable[[Delivery], None]
GiveUp = Callable[[Delivery, GatewayError], None]

log = structlog.get_logger(__name__)


def end_state(error: GatewayError) -> State:
    """What a delivery becomes that ended with this error."""
    if isinstance(error, DeliveryExpired):
        return State.EXPIRED
    return State.REFUSED if isinstance(error, DeliveryRefused) else State.FAILED


@dataclass(slots=True, kw_only=True)
class _Stint:
    """What one worker knows while it serves one strand."""

    connection: Connection
    name: str
    lane: str
    strand: int
    terms: Terms
    end: float
    ended: int = 0
    pilot: bool = False
    """A pilot is ours to send."""
    reached: bool = False
    """The partner took the message before."""
    recovering: bool = False
    last: Delivery | None = None
    stuck: set[int] = field(default_factory=set)
    """Order keys that wait since this batch was read."""
    slots: int = 0
    slot_at: datetime | None = None

    def left(self) -> float:
        return self.end - monotonic()


class Drain:
    """Serves strands of lanes. `forward` settles the delivery itself, or raises: DeliveryFailed and ReceiptInvalid
    hold the lane until a pilot message gets through; any other GatewayError with `retry` lets this message alone wait,
    one without ends it. `give_up` settles a delivery that ended badly, with its notice.

    `terms` are those of each partner, others have the usual ones. `rest` waits so many seconds for a slot.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        forward: Forward,
        *,
        clock: Clock,
        give_up: GiveUp | None = None,
        stopping: Callable[[], bool] = lambda: False,
        stint: float = 5.0,
        faults_allowed: int = 5,
        terms: Mapping[PartnerId, Terms] | None = None,
        rest: Callable[[float], object] | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._forward = forward
        self._clock = clock
        self._give_up = give_up or self._settle
        self._stopping = stopping
        self._stint = stint
        self._faults_allowed = faults_allowed
        self._terms = terms or {}
        self._rest = rest or Event().wait

    def serve(self, lane: str) -> int:
        """Send from one strand for at most `stint` seconds; how many deliveries ended. 0 when another holds it."""
        whole, strand = strand_of(lane)
        terms = self._terms.get(PartnerId(whole.partition("/")[0]), USUAL)
        end = monotonic() + self._stint
        with self._store.session() as connection, lane_held(connection, lane) as held, self._store.only(connection):
            if not held:
                return 0
            stint = _Stint(connection=connection, name=lane, lane=whole, strand=strand, terms=terms, end=end)
            self._expire(stint)
            self._serve(stint)
            if stint.recovering:
                picking.note_progress(connection, whole, stint.ended)
            return stint.ended

    def end(self, delivery: Delivery, error: GatewayError) -> None:
        """The delivery is over and its sender is told."""
        log.warning("delivery.ended", code=error.code, entry=str(delivery.entry.id), lane=delivery.lane)
        self._give_up(delivery, error)

    def _serve(self, stint: _Stint) -> None:
        going = not self._stopping()
        while going:
            batch = self._pick(stint)
            going = bool(batch)
            stint.stuck.clear()
            for delivery in batch:
                going = not self._stopping() and stint.left() > 0 and self._send(stint, delivery)
                if not going:
                    break
        self._look_back(stint)

    def _expire(self, stint: _Stint) -> None:
        """End what is past its deadline, wherever it stands and however its lane does."""
        going = True
        while going and stint.left() > 0 and not self._stopping():
            late = late_deliveries(stint.connection, [stint.lane], self._clock(), stint.strand)
            for delivery in late:
                self.end(delivery, DeliveryExpired(f"not delivered by {delivery.deadline.isoformat()}"))
                stint.ended += 1
            going = bool(late)

    def _pick(self, stint: _Stint) -> list[Delivery]:
        """What goes next: a batch, one pilot, or nothing."""
        now = self._clock()
        stands = picking.lane_stand(stint.connection, stint.lane)
        stint.recovering = stint.recovering or stands.recovering
        if stands.paused:
            return []
        few = max(1, min(BATCH, int(stint.terms.rate))) if stint.terms.rate else BATCH
        found = picking.next_deliveries(stint.connection, stint.name, now, few)
        if not found and not stint.ended:
            picking.wait_behind(stint.connection, stint.name, now)
        stint.pilot = stint.pilot and stands.out
        if not stands.out or not found:
            return found
        stint.pilot = stint.pilot or picking.claim_pilot(stint.connection, stint.lane, now, stint.terms.pilot_every)
        return [_pilot_of(found)] if stint.pilot else []

    def _send(self, stint: _Stint, delivery: Delivery) -> bool:
        """True when the strand may go on."""
        if delivery.order in stint.stuck:
            return True
        before = standing(stint.connection, delivery, stint.last, self._clock())
        if not self._mind_last(stint, before) or before.paused or (before.out and not stint.pilot):
            return False
        if before.state != State.QUEUED or not before.ready or delivery.order in stint.stuck:
            return True
        if delivery.deadline <= self._clock():
            self.end(delivery, DeliveryExpired(f"not delivered by {delivery.deadline.isoformat()}"))
            stint.ended += 1
            return True
        return self._has_slot(stint) and self._try(stint, delivery)

    def _mind_last(self, stint: _Stint, now: Standing) -> bool:
        """See what became of the message before: it was taken, or it ended, or `forward` left it where it was."""
        last, stint.last = stint.last, None
        if last is None:
            return True
        stint.reached = now.last_state in {State.DELIVERED, State.REFUSED}
        if now.last_state != State.QUEUED or now.last_attempts >= last.attempt:
            return True
        stint.ended -= 1
        self._ledger.postpone(last, code=InternalError.code, detail="forward left it where it was", alone=True)
        stint.stuck.add(last.order)
        return False

    def _look_back(self, stint: _Stint) -> None:
        if stint.last is not None:
            self._mind_last(stint, standing(stint.connection, stint.last, stint.last, self._clock()))

    def _has_slot(self, stint: _Stint) -> bool:
        """Wait for the moment that the partner's rate allows. False = it is later than this stint."""
        rate = stint.terms.rate
        if not rate:
            return True
        now = self._clock()
        if not stint.slots or stint.slot_at is None:
            stint.slots = max(1, int(rate / SLOTS_A_SECOND))
            left = timedelta(seconds=max(0.0, stint.left()))
            stint.slot_at = picking.take_slots(stint.connection, stint.lane, stint.slots, rate, now=now, patience=left)
            if stint.slot_at is None:
                return False
        wait = (stint.slot_at - now).total_seconds()
        if wait > 0:
            self._rest(wait)
        stint.slots -= 1
        stint.slot_at += timedelta(seconds=1 / rate)
        return not self._stopping()

    def _try(self, stint: _Stint, delivery: Delivery) -> bool:
        try:
            self._forward(delivery)
        except (psycopg.Error, DatabaseAway):
            raise
        except (DeliveryFailed, ReceiptInvalid) as error:
            return self._out(stint, delivery, error)
        except (DeliveryDeferred, Busy) as error:  # the partner's wish, or no room here for this message
            self._defer(stint, delivery, error)
            stint.reached = stint.reached or isinstance(error, DeliveryDeferred)
        except GatewayError as error:
            if error.retry:
                self._fault(stint, delivery, error)
            else:
                self.end(delivery, error)
                stint.ended += 1
        except Exception as fault:  # noqa: BLE001 - one message's fault must not end the worker
            self._fault(stint, delivery, fault)
        else:
            stint.last = delivery
            stint.ended += 1
        return True

    def _out(self, stint: _Stint, delivery: Delivery, error: GatewayError) -> bool:
        """The partner is out; unless others got through meanwhile: then it is this message that it cannot bear."""
        alone = stint.reached and delivery.attempt > PILOTS
        stint.reached = stint.pilot = False
        if alone:
            self._defer(stint, delivery, error)
        else:
            until = self._asked_for(stint, error)
            self._ledger.postpone(delivery, code=error.code, detail=error.detail, until=until)
        return alone

    def _defer(self, stint: _Stint, delivery: Delivery, error: GatewayError) -> None:
        """This message waits, never less than pilots do."""
        stint.stuck.add(delivery.order)
        until = self._asked_for(stint, error)
        if until is not None:
            until = max(until, self._clock() + stint.terms.pilot_every)
        self._ledger.postpone(delivery, code=error.code, detail=error.detail, until=until, alone=True)

    def _asked_for(self, stint: _Stint, error: GatewayError) -> datetime | None:
        """When the partner wants to be asked again, if it said so."""
        asked: timedelta | None = getattr(error, "retry_after", None)
        return None if asked is None else self._clock() + min(asked, stint.terms.longest_wait)

    def _fault(self, stint: _Stint, delivery: Delivery, fault: Exception) -> None:
        """A fault of ours is tried again a few times, later; the lane goes on."""
        log.error(
            "delivery.fault", entry=str(delivery.entry.id), lane=delivery.lane, stack="".join(format_exception(fault))
        )
        error = fault if isinstance(fault, GatewayError) else InternalError(repr(fault))
        if delivery.attempt >= self._faults_allowed:
            self.end(delivery, error)
            stint.ended += 1
        else:
            self._defer(stint, delivery, error)

    def _settle(self, delivery: Delivery, error: GatewayError) -> None:
        self._ledger.settle(delivery, end_state(error), code=error.code, detail=error.detail)


def _pilot_of(found: list[Delivery]) -> Delivery:
    """The first of what may go; when it failed a few times as a pilot, the next that nothing binds to it."""
    heads: dict[int, Delivery] = {}
    for delivery in found:
        heads.setdefault(delivery.order, delivery)
    return min(heads.values(), key=lambda head: (head.attempt - 1) // PILOTS)
