"""A process that stops itself in the middle of its first transaction, so that a test can see who waits for it."""

from __future__ import annotations

import os
import signal
import sys

from gateway.shell.store import Connection, Store


def main(dsn: str) -> None:
    """Hold the row of a lane, stop, and when woken write again what was lost; then say so."""
    stops = [True]

    def first(connection: Connection) -> None:
        connection.execute("insert into lane (lane) values ('held') on conflict (lane) do update set code = 'held'")
        if stops:
            stops.pop()
            os.kill(os.getpid(), signal.SIGSTOP)

    with Store(dsn, idle=1.0) as store:
        store.with_pieces("select 1", (), first)
    print("written", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
