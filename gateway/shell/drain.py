"""Send what waits in one lane, oldest first, until it is empty, its partner fails, or others should have their turn."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from traceback import format_exception

import psycopg
import structlog

from gateway.errors import Busy, DeliveryExpired, DeliveryRefused, GatewayError, InternalError
from gateway.lifecycle import State
from gateway.model import Delivery
from gateway.ports import Clock, Ledger
from gateway.shell.lanes import lane_held, next_deliveries, standing
from gateway.shell.store import Connection, Store

Forward = Callable[[Delivery], None]
GiveUp = Callable[[Delivery, GatewayError], None]

log = structlog.get_logger(__name__)


def end_state(error: GatewayError) -> State:
    """What a delivery becomes that ended with this error."""
    if isinstance(error, DeliveryExpired):
        return State.EXPIRED
    return State.REFUSED if isinstance(error, DeliveryRefused) else State.FAILED


class Drain:
    """Serves lanes. `forward` settles the delivery itself, or raises: a GatewayError with `retry` stops the lane for
    its back-off, one without ends this message only. `give_up` settles a delivery that ended badly, with its notice.
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
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._forward = forward
        self._clock = clock
        self._give_up = give_up or self._settle
        self._stopping = stopping
        self._stint = stint
        self._faults_allowed = faults_allowed

    def serve(self, lane: str) -> int:
        """Send from one lane for at most `stint` seconds; how many deliveries ended. 0 when another worker holds it."""
        end = monotonic() + self._stint
        ended = 0
        with (
            self._store.session() as connection,
            lane_held(connection, lane) as held,
            self._store.only(connection),
        ):
            going = held
            while going:
                batch = next_deliveries(connection, lane)
                going = bool(batch)
                for delivery in batch:
                    going = not self._stopping() and monotonic() < end and self._send(connection, delivery)
                    if not going:
                        break
                    ended += 1
        return ended

    def end(self, delivery: Delivery, error: GatewayError) -> None:
        """The delivery is over and its sender is told."""
        log.warning("delivery.ended", code=error.code, entry=str(delivery.entry.id), lane=delivery.lane)
        self._give_up(delivery, error)

    def _send(self, connection: Connection, delivery: Delivery) -> bool:
        """True when this one is over and the lane may go on."""
        before = standing(connection, delivery, self._clock())
        if not before.open:
            return False
        if before.state != State.QUEUED:
            return True
        if delivery.deadline <= self._clock():
            self.end(delivery, DeliveryExpired(f"not delivered by {delivery.deadline.isoformat()}"))
            return True
        self._try(delivery)
        after = standing(connection, delivery, self._clock())
        if after.state == State.QUEUED and after.attempts < delivery.attempt:
            self._ledger.postpone(delivery, code=InternalError.code, detail="forward left it where it was")
        return after.state != State.QUEUED and after.open

    def _try(self, delivery: Delivery) -> None:
        try:
            self._forward(delivery)
        except (psycopg.Error, Busy):
            raise
        except GatewayError as error:
            if not error.retry:
                self.end(delivery, error)
            else:
                self._ledger.postpone(delivery, code=error.code, detail=error.detail)
        except Exception as fault:  # noqa: BLE001 - one message's fault must not end the worker
            self._fault(delivery, fault)

    def _fault(self, delivery: Delivery, fault: Exception) -> None:
        """A fault of ours is tried again a few times, then it must not block the lane."""
        log.error(
            "delivery.fault", entry=str(delivery.entry.id), lane=delivery.lane, stack="".join(format_exception(fault))
        )
        if delivery.attempt >= self._faults_allowed:
            self.end(delivery, InternalError(repr(fault)))
        else:
            self._ledger.postpone(delivery, code=InternalError.code, detail=repr(fault))

    def _settle(self, delivery: Delivery, error: GatewayError) -> None:
        self._ledger.settle(delivery, end_state(error), code=error.code, detail=error.detail)
