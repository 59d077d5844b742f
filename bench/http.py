"""A running gateway: durably accepted messages over HTTP, and the time until the partner's receipt is kept."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final, LiteralString

from bench.documents import ROOT
from bench.house import House
from bench.http_client import SIZE, sealed
from bench.http_keys import write_keys, write_records
from bench.measure import rotated
from bench.processes import cpu_of
from bench.report import Cell, Table
from gateway.shell.postgres import Postgres
from gateway.shell.processes import Troupe, free_port, python, served
from gateway.shell.store import Store
from gateway.xml import canonical

HOST: Final = "127.0.0.1"
THREADS: Final = 8
CLIENTS: Final = (1, 4, 16)
OURS: Final = "gateway, SOAP, RSA-2048: verified, validated, stored, receipt"
METHOD: Final = (
    "Declarations of 6 KB, sealed ahead and posted by another process over kept connections. Every server is granian "
    f"with one process and {THREADS} threads; sender, server and database share the machine. Every answer of the "
    "gateway is a signed receipt that left after the commit. The apps beside it only verify and sign, with the key "
    "given, and keep nothing. Server CPU is that of the app and, for the gateway, of PostgreSQL, per message."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server under load: which door it is and how messages for it are sealed."""

    server: str
    profile: str
    algorithm: str


CANDIDATES: Final = {
    OURS: Candidate(server="rsa", profile="soap", algorithm="rsa-sha256"),
    "gateway, SOAP, P-256": Candidate(server="ec", profile="soap", algorithm="ecdsa-sha256"),
    "gateway, REST, P-256": Candidate(server="ec", profile="rest", algorithm="ecdsa-sha256"),
    "Flask, C calls alone, RSA-2048": Candidate(server="by_floor", profile="soap", algorithm="rsa-sha256"),
    "Flask, python-xmlsec, RSA-2048": Candidate(server="by_xmlsec", profile="soap", algorithm="rsa-sha256"),
    "Flask, zeep.wsse, RSA-2048": Candidate(server="by_zeep", profile="soap", algorithm="rsa-sha256"),
}


def tables(*, quick: bool) -> Iterator[Table]:
    """Delivery first, on an empty database; then accepting, with no worker beside."""
    with TemporaryDirectory() as place, Installation(Path(place)) as installation:
        yield delivering(installation, 20 if quick else 400)
        yield accepting(installation, 1 if quick else 3, 20 if quick else 600)


class Installation:
    """Doors for RSA and for P-256 over one embedded database, a partner, and the apps beside, each a process."""

    def __init__(self, place: Path) -> None:
        self.state = place / "state"
        self._place = place
        self._database = Postgres(place / "database")
        self._troupe = Troupe(place)
        self._worker = Troupe(place / "worker")
        self._stack = ExitStack()
        self._taken: set[int] = set()
        self.ports: dict[str, int] = {}
        self.dsn = ""

    def __enter__(self) -> Installation:
        with ExitStack() as stack:
            stack.callback(self._database.stop)
            stack.callback(self._troupe.stop)
            stack.callback(self._worker.stop)
            self._start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        write_keys(self.state)
        self.dsn = self._database.start()
        self._serve("partner", "bench.http_apps:partner", self._beside())
        self._doors("rsa", "rsa-sha256")
        self._doors("ec", "ecdsa-sha256")
        like = sealed(self.state, self.url("rsa"), "soap", "rsa-sha256", 1)[0]
        (self.state / "like.xml").write_bytes(like.body)
        (self.state / "receipt.xml").write_bytes(canonical(House(SIZE).receipt()))
        for name in ("by_floor", "by_xmlsec", "by_zeep"):
            self._serve(name, f"bench.http_apps:{name}", self._beside())
        for name in self.ports:
            self._troupe.await_http(self.url(name))

    def _beside(self) -> dict[str, str]:
        return {"BENCH_STATE": str(self.state), "PYTHONPATH": str(ROOT)}

    def _doors(self, name: str, algorithm: str) -> None:
        tree = self._place / "trees" / name
        write_records(tree, algorithm, f"{self.url('partner')}/soap")
        self._serve(name, "gateway.app:front", self._settings(name, tree))

    def _settings(self, name: str, tree: Path) -> dict[str, str]:
        self.ports[name] = free_port(HOST, 0, self._taken)
        words = {
            "environment": "test", "state_dir": str(self.state), "roots": json.dumps([str(tree)]),
            "database_url": self.dsn, "host": HOST, "port": str(self.ports[name]), "threads": str(THREADS),
            "retry_seconds": "[1, 2, 5]",
            "pilot_seconds": "1",
        }  # fmt: skip
        return {f"GATEWAY_{key.upper()}": value for key, value in words.items()} | {"PYTHONPATH": str(ROOT)}

    def _serve(self, name: str, factory: str, env: dict[str, str]) -> None:
        if name not in self.ports:
            self.ports[name] = free_port(HOST, 0, self._taken)
        face = "front" if factory == "gateway.app:front" else "doors"
        command = served(face, HOST, self.ports[name], threads=THREADS)
        self._troupe.start(name, [*command[:-1], factory], env)

    def url(self, name: str) -> str:
        """Where a server listens."""
        return f"http://{HOST}:{self.ports[name]}"

    def work(self) -> None:
        """A worker delivers from now on."""
        env = self._settings("worker", self._place / "trees" / "rsa")
        self._worker.start("worker", python("gateway", "worker"), env)

    def rest(self) -> None:
        """No worker any more."""
        self._worker.stop()

    def processes(self, name: str) -> list[int]:
        """The server's processes and, for our doors, the database's."""
        port, roll = str(self.ports[name]), json.loads((self._place / "processes.json").read_text("utf-8"))
        found = [pid for pid, words in roll if port in words]
        database = self._database.status().pid
        return found + ([database] if database and name in ("rsa", "ec") else [])

    def send(self, candidate: Candidate, clients: int, count: int, rate: float = 0.0) -> dict[str, float]:
        """What a sending process measured."""
        words = [str(self.state), self.url(candidate.server), candidate.profile, candidate.algorithm]
        command = [sys.executable, "-m", "bench.http_client", *words, str(clients), str(count), str(rate)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode()[-3000:])
        return dict(json.loads(done.stdout))


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
    return told["rate"], told["p50"], told["p99"], spent / count * 1e3


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
    told = installation.send(CANDIDATES[OURS], 4, count, rate)
    _await_delivered(store)
    times = [(line["came"], line["settled"]) for line in store.fetch(_LAST, [count])]
    spent = sorted(settled - came for came, settled in times)
    elapsed = max(settled for _, settled in times) - min(came for came, _ in times)
    p99 = statistics.quantiles(spent, n=100)[98]
    return [count, statistics.median(spent) * 1e3, p99 * 1e3, told["rate"], count / elapsed]


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
