"""What a message costs while few or many others wait and lie in the log, and how long lists and searches take there.

python -m bench.backlog QUEUED LOGGED [--record]     for example 100000 10000000: half an hour, 45 GB below TMPDIR
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter, thread_time
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from bench import docs
from bench.accept import Maker, accepting
from bench.loading import LANES, load, permit, require_room
from bench.machine import machine
from bench.processes import cpu_of_each
from bench.report import Cell, Report, Table, in_text
from gateway.lifecycle import State
from gateway.model import Delivery
from gateway.shell.drain import Drain
from gateway.shell.ledger import PostgresLedger
from gateway.shell.picking import due_lanes
from gateway.shell.postgres import Postgres
from gateway.shell.queries import messages
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, a_receipt
from tests.builders import some_corridors as corridors

QUICK: Final = (1_000, 1_000)
FULL: Final = (100_000, 100_000)
"""Messages queued, messages logged."""
COST_COLUMNS: Final = ("what", "CPU ms, empty", "CPU ms, full", "full / empty", "middle half", "ms, empty", "ms, full")
COST_METHOD: Final = (
    "Two databases of one server take turns, chunk by chunk: an empty one, that holds only what this bench enters, "
    "and a full one, loaded with copies of one message that really went its way: its keys, ways, kept octets, receipt "
    "and four links of evidence that prove nothing. Logged ones lie evenly over six months and this one. All their "
    "rows are there with all that indexes hold of them; but message, answer and receipt have no octets, and of what "
    "describes them only what lists show, for that lies outside the indexes. Indexes are built when all is loaded, so "
    "they are dense. A chunk of messages of 6,000 octets is accepted, one commit each; then as many leave the first "
    "lane through the real drain, whose forward only settles with a receipt. CPU is that of the client's thread and "
    "of the server's backends; the ratio is the median of the ratios of the chunks. The sweep costs by the number of "
    "lanes: one in the empty database, three in the full."
)
SEARCH_COLUMNS: Final = ("page of 50 lines", "p50 ms", "p99 ms", "lines")
SEARCH_METHOD: Final = (
    "Pages as the console shows them, each line with its ways and their states, out of the full database; what is "
    "looked for differs each time. Time on the clock."
)
SWEEPS: Final = 10
FAR: Final = 20
"""Pages that are turned over."""


@dataclass(slots=True, kw_only=True)
class Place:
    """A database that is measured: seconds of CPU and seconds of each part, by what was done, one of each chunk."""

    store: Store
    ready: Maker
    cpu: dict[str, list[float]] = field(default_factory=dict)
    time: dict[str, list[float]] = field(default_factory=dict)

    def note(self, what: str, work: Callable[[Place, int], object], count: int) -> None:
        """Do work and note what each of its `count` parts took."""
        query = (
            "select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'"
        )
        pids = [row["pid"] for row in self.store.fetch(query)]
        before, own, began = cpu_of_each(pids), thread_time(), perf_counter()
        work(self, count)
        self.time.setdefault(what, []).append((perf_counter() - began) / count)
        self.cpu.setdefault(what, []).append((cpu_of_each(pids) - before + thread_time() - own) / count)


def accept(place: Place, count: int) -> None:
    """So many messages come."""
    for _ in range(count):
        place.ready()()


def drain(place: Place, count: int) -> None:
    """So many messages leave the first lane."""
    ledger = PostgresLedger(place.store, corridors(), clock=FrozenClock(), ids=CountedIds())
    gone: list[Delivery] = []

    def forward(delivery: Delivery) -> None:
        ledger.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id))
        gone.append(delivery)

    full = Drain(place.store, ledger, forward, clock=FrozenClock(), stint=3600.0, stopping=lambda: len(gone) >= count)
    full.serve(LANES[0])
    if len(gone) != count:
        raise AssertionError(f"{len(gone)} of {count} left")


def sweep(place: Place, count: int) -> None:
    """The sweeper asks so often which lanes are due."""
    with place.store.session() as connection:
        for _ in range(count):
            due_lanes(connection, NOW)


PARTS: Final = {"accept": accept, "sweep: which lanes are due": sweep, "drain": drain}


def in_turns(places: list[Place], rounds: int, chunk: int) -> None:
    """Every part in every place, a round at a time; the first round only warms up."""
    for turn in range(rounds + 1):
        for what, work in PARTS.items():
            for place in places if turn % 2 else places[::-1]:
                place.note(what, work, SWEEPS if work is sweep else chunk)
        for place in places if not turn else ():
            place.cpu.clear()
            place.time.clear()


def cost(empty: Place, full: Place, what: str) -> tuple[Cell, ...]:
    """A row: medians in ms, and of the ratios."""
    ratios = [high / low for low, high in zip(empty.cpu[what], full.cpu[what], strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    cpu, time = ([statistics.median(side[what]) * 1000 for side in both] for both in
                 ((empty.cpu, full.cpu), (empty.time, full.time)))  # fmt: skip
    return what, *cpu, statistics.median(ratios), f"{low:.2f}-{high:.2f}", *time


def asked(store: Store, loaded: int, chance: Random) -> dict[str, list[dict[str, Any]]]:
    """What is looked for, some of each kind."""
    declared = store.fetch("select value from message_ref where scheme = 'declaration' limit 1000")
    far: list[dict[str, Any]] = [{}]
    while len(far) <= FAR and (after := messages(store, **far[-1]).next):
        far.append({"cursor": after})

    def number() -> str:
        return permit(chance.randrange(loaded))

    def declaration() -> str:
        return str(chance.choice(declared)["value"])

    kinds: dict[str, Callable[[], dict[str, Any]]] = {
        "the newest": dict,
        f"the {FAR}th after it": lambda: far[-1],
        "exact key": lambda: {"search": number()},
        "key begins with, a few have it": lambda: {"search": declaration()[:10]},
        "key begins with, all have it": lambda: {"search": "KZ-77-0"},
        "key has in it, a few have it": lambda: {"search": declaration()[5:13]},
        "key has in it, all have it": lambda: {"search": "Z-77-0"},
        "nobody has it": lambda: {"search": f"none-{chance.randrange(10**9)}"},
        "of a partner": lambda: {"partner": chance.choice(LANES)},
        "of a partner, delivered": lambda: {"partner": chance.choice(LANES), "state": "delivered"},
        "queued": lambda: {"state": "queued"},
        "delivered": lambda: {"state": "delivered"},
    }
    return {kind: [make() for _ in range(100)] for kind, make in kinds.items()}


def pages(store: Store, loaded: int, times: int) -> Iterator[tuple[Cell, ...]]:
    """A row for each kind of page."""
    for kind, sought in asked(store, loaded, Random(loaded)).items():  # noqa: S311 - the same each time
        spent, lines = [], 0
        for words in (sought[0], *sought[:times]):
            began = perf_counter()
            lines = len(messages(store, **words).lines)
            spent.append(perf_counter() - began)
        late = statistics.quantiles(spent[1:], n=100, method="inclusive")[98]
        yield kind, statistics.median(spent[1:]) * 1000, late * 1000, lines


@contextmanager
def two_places() -> Iterator[tuple[Place, Place]]:
    """An embedded server with two databases."""
    with tempfile.TemporaryDirectory() as where, Postgres(Path(where) / "state") as server:
        apply_schema(server.dsn, NOW)
        with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as connection:
            connection.execute("create database empty template gateway")
        with Store(make_conninfo(server.dsn, dbname="empty")) as empty, Store(server.dsn) as full:
            yield Place(store=empty, ready=accepting(empty)), Place(store=full, ready=accepting(full))


def tables(*, quick: bool, size: tuple[int, int] | None = None) -> Iterator[Table]:
    """What it costs, then how long pages take; one full database serves both."""
    queued, logged = size or (QUICK if quick else FULL)
    rounds, chunk, times = (2, 20, 3) if quick else (12, 150, 100)
    began = perf_counter()
    with two_places() as (empty, full):
        require_room(Path(tempfile.gettempdir()), queued=queued, logged=logged)
        load(full.store, queued=queued, logged=logged)
        loaded = perf_counter() - began
        octets = full.store.fetch("select pg_database_size(current_database()) as size")[0]["size"]
        in_turns([empty, full], rounds, chunk)
        holds = f"{queued:,} messages queued and {logged:,} logged"
        yield Table(
            name="backlog", title=f"Backlog: {holds}", method=COST_METHOD, columns=COST_COLUMNS,
            rows=tuple(cost(empty, full, what) for what in PARTS),
            notes=(f"The full database has {octets / 1e9:.1f} GB on the disk; it was loaded in {loaded:.0f} s.",),
        )  # fmt: skip
        yield Table(
            name="search", title=f"Lists and searches: {holds}", method=SEARCH_METHOD, columns=SEARCH_COLUMNS,
            rows=tuple(pages(full.store, queued + logged, times)),
        )  # fmt: skip


if __name__ == "__main__":
    given = (int(sys.argv[1]), int(sys.argv[2]))
    found = Report(machine=machine(), effort="full", tables=list(tables(quick=False, size=given)))
    sys.stdout.write(in_text(found) + "\n")
    if "--record" in sys.argv:
        docs.keep(found)
