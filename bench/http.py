"""A running gateway: durably accepted messages over HTTP, and the time until the partner's receipt is kept."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final, LiteralString

from bench.http_place import THREADS, WORKERS, Candidate, Installation
from bench.http_steady import steady
from bench.measure import rotated
from bench.processes import cpu_of
from bench.report import Cell, Table
from gateway.shell.store import Store

CLIENTS: Final = (1, 4, 16)
OURS: Final = "gateway, SOAP, RSA-2048: verified, validated, stored, receipt"
METHOD: Final = (
    "Declarations of 6 KB, signed and spelled to the last octet ahead, and posted by another process over kept "
    f"connections. The gateway is what `gateway serve` starts when nobody says otherwise: granian with {WORKERS} "
    f"process and, in it, `gateway.app:front` with {THREADS} threads, counting its figures, over the embedded "
    "PostgreSQL with all safety settings on; without a worker here, and without a console. Sender, server and database "
    "share the machine. Every answer of the gateway is a signed receipt that left after the commit. The apps beside it "
    "(granian, as many processes and threads) only verify and sign, with the key given, and keep nothing. Server CPU "
    "is that of the app and, for the gateway, of PostgreSQL, per message."
)

CANDIDATES: Final = {
    OURS: Candidate(server="rsa", profile="soap", algorithm="rsa-sha256"),
    "gateway, SOAP, P-256": Candidate(server="ec", profile="soap", algorithm="ecdsa-sha256"),
    "gateway, REST, P-256": Candidate(server="ec", profile="rest", algorithm="ecdsa-sha256"),
    "Flask, C calls alone, RSA-2048": Candidate(server="by_floor", profile="soap", algorithm="rsa-sha256"),
    "Flask, python-xmlsec, RSA-2048": Candidate(server="by_xmlsec", profile="soap", algorithm="rsa-sha256"),
    "Flask, zeep.wsse, RSA-2048": Candidate(server="by_zeep", profile="soap", algorithm="rsa-sha256"),
}


def tables(*, quick: bool) -> Iterator[Table]:
    """Delivery first, on an empty database; then accepting with no worker beside; then a load that never waits."""
    with TemporaryDirectory() as place, Installation(Path(place)) as installation:
        yield delivering(installation, 20 if quick else 400)
        yield accepting(installation, 1 if quick else 3, 20 if quick else 600)
        yield steady(installation, quick=quick)


# --- accepting -------------------------------------------------------------------------------------------------------
def accepting(installation: Installation, rounds: int, count: int) -> Table:
    """All candidates in turns, with each number of clients."""
    found: dict[tuple[str, int], list[tuple[float, ...]]] = {}
    for name, candidate in CANDIDATES.items():
        installation.send(candidate, 4, max(20, count // 10))
        found |= {(name, clients): [] for clients in CLIENTS}
    for turn in range(rounds):
        for clients in CLIENTS:
            for name in rotated(list(CANDIDATES), turn):
                found[name, clients].append(_one(installation, CANDIDATES[name], clients, count))
    rows = tuple(_row(name, clients, found) for clients in CLIENTS for name in CANDIDATES)
    return Table(
        name="http", title="Accept, over HTTP", method=METHOD, rows=rows,
        columns=("server", "clients", "messages/s", "p50 ms", "p99 ms", "server CPU ms", "× gateway SOAP RSA"),
        notes=("The last column compares messages a second, median of the per-round ratios.",),
    )  # fmt: skip


def _one(installation: Installation, candidate: Candidate, clients: int, count: int) -> tuple[float, ...]:
    processes = installation.processes(candidate.server)
    before = sum(map(cpu_of, processes))
    told = installation.send(candidate, clients, count)
    spent = sum(map(cpu_of, processes)) - before
    return told.rate, told.percentile(50), told.percentile(99), spent / count * 1e3


def _row(name: str, clients: int, found: dict[tuple[str, int], list[tuple[float, ...]]]) -> tuple[Cell, ...]:
    mine, ours = found[name, clients], found[OURS, clients]
    figures = (statistics.median(one[at] for one in mine) for at in range(4))
    share = statistics.median(one[0] / other[0] for one, other in zip(mine, ours, strict=True))
    return name, clients, *figures, share


# --- delivering ------------------------------------------------------------------------------------------------------
def delivering(installation: Installation, count: int) -> Table:
    """A steady flow, then a burst, with one worker; the partner verifies and signs, nothing else."""
    installation.work()
    rows: list[tuple[Cell, ...]] = []
    with Store(installation.dsn).open() as store:
        _flow(installation, store, 5, 0)
        for name, number, rate in (("5 a second", count // 4, 5), ("20 a second", count, 20), ("burst", count, 0)):
            rows.append((name, *_flow(installation, store, number, rate)))
    installation.rest()
    return Table(
        name="delivery", title="Deliver, until the partner's receipt is kept",
        method="From the moment a message was received to the commit of the partner's signed receipt: verified, "
        "validated, stored, translated, checked, sealed, kept, sent, receipt verified, settled. One worker, one "
        "partner with one lane (so in order, one at a time), RSA-2048 both ways, all on this machine.",
        columns=("flow", "messages", "p50 ms", "p99 ms", "accepted/s", "delivered/s"), rows=tuple(rows),
    )  # fmt: skip


_OPEN: Final = "select count(*) as n from delivery where state = 'queued'"
_ENDED_BADLY: Final = "select count(*) as n from delivery where state not in ('queued', 'delivered')"
_LAST: Final = (
    "select extract(epoch from received_at)::float8 as came, extract(epoch from settled_at)::float8 as settled "
    "from delivery order by seq desc limit %s"
)


def _flow(installation: Installation, store: Store, count: int, rate: float) -> list[Cell]:
    """Send, wait until all is delivered, and say how long that took."""
    told = installation.send(CANDIDATES[OURS], 4, count, rate=rate)
    _await_delivered(store)
    times = [(line["came"], line["settled"]) for line in store.fetch(_LAST, [count])]
    spent = sorted(settled - came for came, settled in times)
    elapsed = max(settled for _, settled in times) - min(came for came, _ in times)
    p99 = statistics.quantiles(spent, n=100)[98]
    return [count, statistics.median(spent) * 1e3, p99 * 1e3, told.rate, count / elapsed]


def _await_delivered(store: Store) -> None:
    end = monotonic() + 300
    while _number(store, _OPEN):
        if monotonic() > end:
            raise RuntimeError("deliveries do not end")
        sleep(0.05)
    if wrong := _number(store, _ENDED_BADLY):
        raise RuntimeError(f"{wrong:.0f} deliveries ended badly")


def _number(store: Store, statement: LiteralString) -> float:
    return float(store.fetch(statement)[0]["n"])
