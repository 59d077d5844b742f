"""How many messages a second the database can keep: the ledger's one statement against a plain insert."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from time import perf_counter, sleep
from typing import Final
from uuid import UUID

from psycopg.sql import SQL
from uuid6 import uuid7

from bench.measure import rotated
from bench.report import Cell, Table
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, a_sealed, a_verified, a_wire, an_entry, some_claims
from tests.builders import some_corridors as corridors

SIZE = 6000
PAYLOAD = os.urandom(SIZE // 2 - 200).hex().encode()
ANSWER = a_sealed(os.urandom(1500).hex().encode())
VERIFIED = a_verified(some_claims("x"), PAYLOAD, wire=a_wire(b"<Envelope>" + PAYLOAD + b"</Envelope>"))
Call = Callable[[], object]
Maker = Callable[[], Call]
MOST: Final = 8000
"""Calls that are made ready for each second: more than any candidate can do."""
CLIENTS: Final = (1, 4)
SLOWER: Final = 2000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Case:
    """So many clients, on a disk that takes so much longer to flush."""

    clients: int
    micros: int = 0

    @property
    def name(self) -> str:
        """Of the row."""
        return f"{self.clients} clients" + (f", a flush {self.micros / 1000:g} ms longer" if self.micros else "")


CASES: Final = (*map(Case, CLIENTS), *(Case(clients, SLOWER) for clients in CLIENTS))
COLUMNS: Final = ("threads", "accepts/s", "p99 ms", "plain inserts/s", "p99 ms", "share")
METHOD: Final = (
    "Embedded server with all safety settings on; every client is a thread with a connection; every call is one "
    "durable commit of a message of 6,000 octets and the answer to it of 3,000 with two business keys, one delivery "
    "and one evidence link. The plain insert commits the same octets into a table with no index but its key. Messages "
    "are made before the clock starts. In the last rows every flush of the log waits 2 ms first (commit_delay), as if "
    "the disk took that much longer. Rounds interleaved, medians; client and server share the machine."
)


def accepting(store: Store) -> Maker:
    """Makes calls; one = one accepted message, which was made and judged before."""
    ledger = PostgresLedger(store, corridors(), clock=FrozenClock(), ids=CountedIds())

    def ready() -> Call:
        entry_id: UUID = uuid7()
        claims = some_claims(f"urn:uuid:{entry_id}", conversation_id=str(entry_id))
        keys = (("permit", f"KZ-{entry_id.hex[-12:]}"), ("declaration", f"26KZ{entry_id.hex[-12:]}"))
        entry = an_entry(entry_id, claims, payload=PAYLOAD, keys=keys)
        return partial(ledger.enter, entry, replace(VERIFIED, claims=claims), ANSWER, {})

    return ready


def inserting(store: Store) -> Maker:
    """Makes calls; one = one plain row with the same bytes."""
    with store.session() as connection:
        connection.execute("create table plain (id uuid primary key, wire bytea, answer bytea)")
        connection.execute("alter table plain alter wire set storage external, alter answer set storage external")
    wire, answer = VERIFIED.wire.body, ANSWER.body

    def ready() -> Call:
        return partial(store.write, "insert into plain values (%s, %b, %b) returning id", [uuid7(), wire, answer])

    return ready


def rate(ready: Maker, clients: int, seconds: float) -> tuple[float, float]:
    """Calls a second and the 99th percentile in ms, over all clients; what they call was made before they start."""
    times: list[float] = []
    calls = [ready() for _ in range(int(MOST * seconds))]
    line = Barrier(clients)

    def client() -> None:
        mine: list[float] = []
        line.wait()
        end = perf_counter() + seconds
        while (start := perf_counter()) < end:
            calls.pop()()
            mine.append(perf_counter() - start)
        times.extend(mine)

    threads = [Thread(target=client) for _ in range(clients)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / (perf_counter() - began), statistics.quantiles(times, n=100)[98] * 1000


def tables(*, quick: bool) -> Iterator[Table]:
    """One table, over an own embedded server that is stopped at the end."""
    seconds, rounds = (0.2, 1) if quick else (4.0, 5)
    with tempfile.TemporaryDirectory() as place, Postgres(Path(place) / "state") as server:
        apply_schema(server.dsn, NOW)
        with Store(server.dsn) as store:
            found = measure(store, rounds, seconds)
            report = verify_chains(store)
        flushed = statistics.median(flushes(Path(place)))
    links = f"Afterwards {report.links:,} links of the evidence chain were computed again: "
    yield Table(
        name="accept", title="Accept, at the database", method=METHOD, columns=COLUMNS,
        rows=tuple(row(found, case) for case in CASES),
        notes=(
            links + ("whole." if report.broken is None else f"BROKEN at {report.broken}."),
            f"Flushing 8 KB to this disk (fdatasync) took {flushed:.2f} ms.",
        ),
    )  # fmt: skip


def flushes(place: Path) -> Iterator[float]:
    """How long the disk takes to have 8 KB more, in ms."""
    with (place / "flushed").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(bytes(8192))
            began = perf_counter()
            os.fdatasync(file.fileno())
            yield (perf_counter() - began) * 1000


@contextmanager
def slower_by(store: Store, micros: int) -> Iterator[None]:
    """Every flush of the log waits so many microseconds first, as if the disk took so much longer."""
    if micros:
        _delay(store, micros, siblings=0)
    yield
    if micros:
        _delay(store, 0, siblings=5)


def _delay(store: Store, micros: int, *, siblings: int) -> None:
    with store.session() as connection:
        connection.execute(SQL("alter system set commit_siblings = {}").format(siblings))
        connection.execute(SQL("alter system set commit_delay = {}").format(micros))
        connection.execute("select pg_reload_conf()")
    while store.fetch("select current_setting('commit_delay')::int as now")[0]["now"] != micros:
        sleep(0.01)


def measure(store: Store, rounds: int, seconds: float) -> dict[tuple[str, Case], list[tuple[float, float]]]:
    """(calls a second, p99 ms) of each round, by candidate and case; the candidates take turns."""
    makers = {"accept": accepting(store), "plain": inserting(store)}
    found: dict[tuple[str, Case], list[tuple[float, float]]] = {}
    for maker in makers.values():
        rate(maker, 4, min(0.5, seconds))
    for turn in range(rounds):
        for case in CASES:
            for name in rotated(list(makers), turn):
                with slower_by(store, case.micros):
                    found.setdefault((name, case), []).append(rate(makers[name], case.clients, seconds))
    return found


def row(found: dict[tuple[str, Case], list[tuple[float, float]]], case: Case) -> tuple[Cell, ...]:
    """Medians over the rounds; the share is the median of the per-round shares."""
    ours, plain = found["accept", case], found["plain", case]
    share = statistics.median(mine[0] / its[0] for mine, its in zip(ours, plain, strict=True))
    figures = (statistics.median(one[column] for one in side) for side in (ours, plain) for column in (0, 1))
    return case.name, *figures, share
