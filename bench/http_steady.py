"""A running gateway at seven tenths of what it can do: how long a sender waits that comes when it comes."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final

from bench.http_load import Told
from bench.http_place import THREADS, WORKERS, Candidate, Installation
from bench.measure import rotated
from bench.report import Cell, Table
from gateway.shell.store import Store

SHARE: Final = 0.7
SENDERS: Final = 2
"""Processes that send."""
CLOSED: Final = (4, 16)
OPEN: Final = 64
"""Connections in all: with either number of clients the most is looked for; and one is free for what is due."""
STYLES: Final = {
    "SOAP, RSA-2048": Candidate(server="rsa", profile="soap", algorithm="rsa-sha256"),
    "SOAP, P-256": Candidate(server="ec", profile="soap", algorithm="ecdsa-sha256"),
    "REST, P-256": Candidate(server="ec", profile="rest", algorithm="ecdsa-sha256"),
}
COLUMNS: Final = (
    "messages", "worker", "most/s", "offered/s", "answered/s", "p50 ms", "p95 ms", "p99 ms", "p99 of the rounds",
    "longest ms", "errors", "delivered/s",
)  # fmt: skip
METHOD: Final = (
    f"Durable accepts over HTTP, as above: 6 KB, signed, {WORKERS} server process with {THREADS} threads as `gateway "
    f"serve` starts them, one commit and one signed receipt each. First {CLOSED[0]}, then {CLOSED[1]} clients in "
    f"{SENDERS} processes send as fast as receipts come: the better rate is the most. Then, at once, messages arrive "
    "at seven tenths of it, at random times (exponential gaps, seeded) whatever becomes of those before, and a time "
    "counts from the moment when the message was due, not from when it was sent: waiting in our own sender counts "
    f"too. {SENDERS} processes, {OPEN} kept connections. Every request is signed and spelled to its last octet "
    "before the first one leaves. Times are of receipts; anything else is an error. With the worker on, it seals, "
    "sends and settles what was accepted, one lane in order, its partner on the same machine; what the rounds "
    "without it left fills its lane, so it takes what it can get. Medians of the rounds; the longest time and the "
    "errors are of all rounds."
)
_COUNT: Final = "select count(*) as n from delivery where state = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long: rounds, messages that find the most, seconds at seven tenths of it."""

    rounds: int
    closed: int
    seconds: float


FULL: Final = Effort(rounds=3, closed=800, seconds=20.0)
QUICK: Final = Effort(rounds=1, closed=40, seconds=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of a style: the most a second, what was offered, what came of it, what left meanwhile, what is left."""

    most: float
    offered: float
    told: Told
    delivered: float
    left: int


def steady(installation: Installation, *, quick: bool) -> Table:
    """Every style in turns, without a worker and with one."""
    effort = QUICK if quick else FULL
    found: dict[tuple[str, str], list[Round]] = {(style, worker): [] for worker in ("off", "on") for style in STYLES}
    with Store(installation.dsn).open() as store:
        for turn in range(effort.rounds):
            styles = rotated(list(STYLES), turn)
            for style in styles:
                found[style, "off"].append(_round(installation, store, STYLES[style], effort, turn))
            with _working(installation, store):
                for style in styles:
                    found[style, "on"].append(_round(installation, store, STYLES[style], effort, turn))
    return Table(
        name="steady", title="Accept, over HTTP, at 70 % of the most", method=METHOD, columns=COLUMNS,
        rows=tuple(_row(style, worker, rounds) for (style, worker), rounds in found.items()),
        notes=tuple(_notes(found)),
    )  # fmt: skip


def _round(installation: Installation, store: Store, style: Candidate, effort: Effort, turn: int) -> Round:
    most = max(installation.send(style, clients, effort.closed, processes=SENDERS).rate for clients in CLOSED)
    offered = most * SHARE
    count, seeds = max(SENDERS * 2, round(offered * effort.seconds)), [turn * SENDERS + at for at in range(SENDERS)]
    before = _delivered(store)
    told = installation.arrive(style, OPEN, count, rate=offered, seeds=seeds)
    delivered, left = (_delivered(store) - before) / told.elapsed, int(store.fetch(_COUNT, ["queued"])[0]["n"])
    return Round(most=most, offered=offered, told=told, delivered=delivered, left=left)


@contextmanager
def _working(installation: Installation, store: Store) -> Iterator[None]:
    """A worker runs and has begun to deliver; there must be something to deliver."""
    before, end = _delivered(store), monotonic() + 60
    installation.work()
    try:
        while _delivered(store) == before:
            if monotonic() > end:
                raise RuntimeError("the worker delivers nothing")
            sleep(0.05)
        yield
    finally:
        installation.rest()


def _delivered(store: Store) -> int:
    return int(store.fetch(_COUNT, ["delivered"])[0]["n"])


def _notes(found: dict[tuple[str, str], list[Round]]) -> Iterator[str]:
    sent = [one.told for rounds in found.values() for one in rounds]
    each = 1e3 * sum(told.cpu for told in sent) / max(1, sum(len(told.times) + told.errors for told in sent))
    yield f"The senders took {each:.2f} ms of a core for each message, on the same cores."
    if empty := sum(not one.left for (_, worker), rounds in found.items() for one in rounds if worker == "on"):
        yield f"The lane was empty at the end of {empty} rounds with a worker."
    if wrong := next((told.first_error for told in sent if told.first_error), ""):
        yield f"The first error: {wrong[:200]}"


def _row(style: str, worker: str, rounds: list[Round]) -> tuple[Cell, ...]:
    late = [one.told.percentile(99) for one in rounds]
    rates = ([one.most for one in rounds], [one.offered for one in rounds], [one.told.rate for one in rounds])
    early = ([one.told.percentile(at) for one in rounds] for at in (50, 95))
    return (
        style, worker, *(statistics.median(figures) for figures in (*rates, *early, late)),
        f"{min(late):,.0f}-{max(late):,.0f}", max(max(one.told.times) for one in rounds) * 1e3,
        sum(one.told.errors for one in rounds), statistics.median(one.delivered for one in rounds),
    )  # fmt: skip
