"""The engine beside what a user would pick: how much it takes, how fast it gives, and what a killed worker leaves."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic, process_time, sleep
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from bench.accept import CLIENTS, Call, Maker, rate
from bench.documents import ROOT
from bench.engine_peers import ENGINES, NOTED, Engine, Place
from bench.measure import rotated
from bench.processes import cpu_of
from bench.report import Cell, Table
from gateway.shell.postgres import Postgres

FLOOR: Final = ENGINES[0].name
ACCEPT: Final = ("engine", "1 client, accepts/s", "4 clients, accepts/s", "of the floor, 4 clients", "p99 ms", "CPU ms")
ACCEPT_METHOD: Final = (
    "Every client is a thread of one process; a call has kept one message of 6,000 octets durably, and what will "
    "deliver it. The floor inserts one row with the same octets. Ours is the ledger's one statement: row, search keys, "
    "way, link of evidence. procrastinate: the floor's row, then a job by `defer`, two commits. DBOS: the floor's row "
    "and `enqueue_in_transaction`, one commit. huey: the row in one SQLite file, the task in another, both synced: two "
    "commits that nothing binds, so a crash between them loses a message. All on one embedded server with all safety "
    "settings, huey on the same disk; candidates take turns, medians of the rounds; p99 and CPU (server and client, "
    "per message) are those of 4 clients."
)
DRAIN: Final = ("engine", "drain/s", "killed: lost", "doubled", "drained after restart, s")
DRAIN_METHOD: Final = (
    "One worker process delivers what was accepted; a partner notes each delivery in a file, at once. Drain: from the "
    "first to the last of {count:,} messages. Then as many again, and `kill -9` of the worker at the half, a new one "
    "at once: lost = not delivered until nothing came for {patience:.0f} s; doubled = delivered twice with the same "
    "id, which a receiver has to know. Ours keeps one lane in order; procrastinate has one lock for the partner, which "
    "keeps order too, and one job at once (with more, a job that waits for a lock is seen at the next poll, 5 s); "
    "DBOS (16 at once, polled every 0.1 s, restarted under its own name) and huey (8 threads) keep none."
)
NAIVE: Final = (
    "procrastinate leaves the job of a dead worker alone until a task of yours retries stalled jobs (its documentation "
    "shows one); here there is none. DBOS recovers only when the same executor id comes back.",
    "Ours waits 20 s for a sign of life before it takes a lane from a worker.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long: `rounds` of `seconds` per candidate and number of clients; `count` messages are drained, twice."""

    rounds: int
    seconds: float
    count: int
    stalled_after: float
    patience: float


WORK: Final = "import sys; from bench.engine_peers import work_on; work_on(*sys.argv[1:5])"
STARTING: Final = 20.0
"""Seconds that a worker may need before its first delivery."""
SETTLING: Final = 1.0
"""Seconds in which a worker can note what became of its last message."""
QUICK: Final = Effort(rounds=1, seconds=0.1, count=20, stalled_after=1.0, patience=5.0)
FULL: Final = Effort(rounds=3, seconds=2.0, count=600, stalled_after=20.0, patience=30.0)


@dataclass(slots=True, kw_only=True)
class Bench:
    """One engine, open, and what was measured of it: (a second, p99 ms, CPU ms) by number of clients."""

    engine: Engine
    place: Place
    ready: Maker
    found: dict[int, list[tuple[float, float, float]]] = field(default_factory=dict)

    def take(self, clients: int, seconds: float, server: int) -> None:
        """Accept for a while."""
        calls = [0]

        def ready() -> Call:
            return partial(counted, self.ready())

        def counted(call: Call) -> None:
            call()
            calls[0] += 1

        own, its = process_time(), cpu_of(server)
        speed, late = rate(ready, clients, seconds)
        spent = process_time() - own + cpu_of(server) - its
        self.found.setdefault(clients, []).append((speed, late, spent * 1000 / calls[0]))

    def median(self, clients: int, column: int) -> float:
        """Of the rounds."""
        return statistics.median(one[column] for one in self.found[clients])


def noted(place: Place) -> list[tuple[str, float]]:
    """What left the workers so far, and when."""
    file = place.folder / NOTED
    lines = file.read_text("ascii").splitlines() if file.exists() else []
    return [(line.split()[0], float(line.split()[1])) for line in lines if len(line.split()) == 2]


@contextmanager
def worker(bench: Bench) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, killed at the end with all of its group."""
    place = bench.place
    words = [bench.engine.name, place.dsn, str(place.folder), str(place.stalled_after), "--work"]
    command = [sys.executable, "-c", WORK, *words]
    with (place.folder / "log").open("ab") as log:
        started = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def wait_for(bench: Bench, count: int, patience: float) -> list[tuple[str, float]]:
    """Until so many different messages left, or nothing came for `patience` seconds."""
    found, last = noted(bench.place), monotonic() + STARTING
    while len({message for message, _ in found}) < count and monotonic() - last < patience:
        sleep(0.05)
        before, found = len(found), noted(bench.place)
        last = monotonic() if len(found) > before else last
    return found


def emptied(bench: Bench, effort: Effort) -> tuple[Cell, ...]:
    """Drain what was accepted before, then once with everything well and once with a kill."""
    for _ in range(effort.count):
        bench.ready()()
    with worker(bench):
        found = wait_for(bench, effort.count, effort.patience)
        sleep(SETTLING)
    if not found:
        raise AssertionError((bench.place.folder / "log").read_text("utf-8"))
    times = sorted(at for _, at in found)
    speed = (len(found) - 1) / max(times[-1] - times[0], 1e-3)
    (bench.place.folder / NOTED).unlink()
    for _ in range(effort.count):
        bench.ready()()
    with worker(bench):
        wait_for(bench, effort.count // 2, effort.patience)
    began = monotonic()
    with worker(bench):
        found = wait_for(bench, effort.count, effort.patience)
    different = {message for message, _ in found}
    after = max(0.0, max(at for _, at in found) - began) if len(different) == effort.count else "never"
    return bench.engine.name, speed, effort.count - len(different), len(found) - len(different), after


@contextmanager
def opened(server: Postgres, where: Path, effort: Effort) -> Iterator[list[Bench]]:
    """All engines that are installed, each in a database of its own."""
    with ExitStack() as stack, psycopg.connect(server.dsn, autocommit=True) as connection:
        found: list[Bench] = []
        for number, engine in enumerate(one for one in ENGINES if one.here):
            connection.execute(f"create database engine_{number}")
            folder = where / str(number)
            folder.mkdir()
            dsn = make_conninfo(server.dsn, dbname=f"engine_{number}")
            place = Place(dsn=dsn, folder=folder, stalled_after=effort.stalled_after)
            ready = stack.enter_context(engine.accepting(place))
            found.append(Bench(engine=engine, place=place, ready=ready))
        yield found


def tables(*, quick: bool) -> Iterator[Table]:
    """What goes in, then what comes out."""
    effort = QUICK if quick else FULL
    absent = tuple(f"{one.name} is not installed." for one in ENGINES if not one.here)
    with tempfile.TemporaryDirectory() as where, Postgres(Path(where) / "state") as server:
        pid = int(next(Path(where).rglob("postmaster.pid")).read_text("utf-8").split()[0])
        with opened(server, Path(where), effort) as benches:
            # Drained first: afterwards whoever accepts fast would have more to drain.
            drained = tuple(emptied(bench, effort) for bench in benches if bench.engine.work)
            for bench in benches:
                bench.take(CLIENTS[-1], effort.seconds / 4, pid)
                bench.found.clear()
            for turn in range(effort.rounds):
                for clients in CLIENTS:
                    for at in rotated([str(number) for number in range(len(benches))], turn):
                        benches[int(at)].take(clients, effort.seconds, pid)
        yield Table(
            name="engines", title="Engines: accept", method=ACCEPT_METHOD, columns=ACCEPT,
            rows=tuple(row(bench, benches[0]) for bench in benches), notes=absent,
        )  # fmt: skip
        yield Table(
            name="engine-drain", title="Engines: drain, and after a kill", columns=DRAIN, rows=drained,
            method=DRAIN_METHOD.format(count=effort.count, patience=effort.patience), notes=(*NAIVE, *absent),
        )  # fmt: skip


def row(bench: Bench, floor: Bench) -> tuple[Cell, ...]:
    """Medians; the share is the median of the shares of the rounds."""
    shares = [mine[0] / its[0] for mine, its in zip(bench.found[4], floor.found[4], strict=True)]
    speeds = (bench.median(clients, 0) for clients in CLIENTS)
    return bench.engine.name, *speeds, statistics.median(shares), bench.median(4, 1), bench.median(4, 2)
