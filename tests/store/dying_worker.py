"""A worker process that stands still while it sends its n-th message, so that a test can kill it there."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

from gateway.lifecycle import State
from gateway.model import Delivery
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from gateway.shell.worker import Worker
from tests.builders import CountedIds, FrozenClock, a_receipt, a_sealed, some_corridors


def main(dsn: str, sent: Path, last: int) -> None:
    """Serve lanes of a database, noting every sent message in a file."""
    with Store(dsn) as store, sent.open("w", encoding="utf-8") as file:
        clock = FrozenClock()
        ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=CountedIds())
        count = 0

        def forward(delivery: Delivery) -> None:
            nonlocal count
            sealed = ledger.keep(delivery, a_sealed(f"{delivery.message_id} {delivery.attempt}".encode()))
            file.write(sealed.body.decode() + "\n")
            file.flush()
            count += 1
            if count == last:
                Event().wait()
            ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id))

        worker = Worker(store, ledger, forward, clock=clock, sweep_every=0.02, heartbeat=0.2, stalled_after=1.0)
        worker.run(Event())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
