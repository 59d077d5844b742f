"""A running gateway to measure: the processes that `gateway serve` starts, a partner, and apps that only sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.documents import ROOT
from bench.house import House
from bench.http_client import SIZE, sealed
from bench.http_keys import write_keys, write_records
from bench.http_load import Told, load
from gateway.cli.serve import environment
from gateway.shell.config import Settings
from gateway.shell.postgres import Postgres
from gateway.shell.processes import Troupe, free_port, python, served
from gateway.shell.watch.figures import share
from gateway.xml import canonical

HOST: Final = "127.0.0.1"
THREADS: Final[int] = Settings.model_fields["threads"].default
WORKERS: Final[int] = Settings.model_fields["workers"].default
"""Server processes and threads of each, as a gateway has them when nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server under load: which door it is and how messages for it are sealed."""

    server: str
    profile: str
    algorithm: str


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
        self._env: dict[str, dict[str, str]] = {}
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
        self._beside("partner")
        counted = share(self.state / "metrics")
        for name, algorithm in {"rsa": "rsa-sha256", "ec": "ecdsa-sha256"}.items():
            self._doors(name, algorithm, counted)
        like = sealed(self.state, self.url("rsa"), "soap", "rsa-sha256", 1)[0]
        (self.state / "like.xml").write_bytes(like.body)
        (self.state / "receipt.xml").write_bytes(canonical(House(SIZE).receipt()))
        for name in ("by_floor", "by_xmlsec", "by_zeep"):
            self._beside(name)
        for name in self.ports:
            self._troupe.await_http(self.url(name))

    def _beside(self, name: str) -> None:
        """An app of `bench.http_apps`, with as many threads as the doors have."""
        command = served("doors", HOST, self._promise(name), threads=THREADS, workers=WORKERS)
        env = {"BENCH_STATE": str(self.state), "PYTHONPATH": str(ROOT)}
        self._troupe.start(name, [*command[:-1], f"bench.http_apps:{name}"], env)

    def _doors(self, name: str, algorithm: str, counted: dict[str, str]) -> None:
        """What `gateway serve` starts, with its words and its environment."""
        tree = self._place / "trees" / name
        write_records(tree, algorithm, f"{self.url('partner')}/soap")
        words: dict[str, Any] = {
            "environment": "test", "state_dir": self.state, "roots": [tree], "host": HOST, "port": self._promise(name),
            "retry_seconds": [1, 2, 5], "pilot_seconds": 1,
        }  # fmt: skip
        settings = Settings(**words)
        self._env[name] = environment(settings, self.dsn) | counted | {"PYTHONPATH": str(ROOT)}
        command = served("front", HOST, settings.port, threads=settings.threads, workers=settings.workers)
        self._troupe.start(name, command, self._env[name])

    def _promise(self, name: str) -> int:
        self.ports[name] = free_port(HOST, 0, self._taken)
        return self.ports[name]

    def url(self, name: str) -> str:
        """Where a server listens."""
        return f"http://{HOST}:{self.ports[name]}"

    def work(self) -> None:
        """A worker delivers from now on."""
        self._worker.start("worker", python("gateway", "worker"), self._env["rsa"])

    def rest(self) -> None:
        """No worker any more."""
        self._worker.stop()

    def processes(self, name: str) -> list[int]:
        """The server's processes and, for our doors, the database's."""
        port, roll = str(self.ports[name]), json.loads((self._place / "processes.json").read_text("utf-8"))
        found = [pid for pid, words in roll if port in words]
        database = self._database.status().pid
        return found + ([database] if database and name in self._env else [])

    def send(
        self, candidate: Candidate, connections: int, count: int, *, rate: float = 0.0, processes: int = 1
    ) -> Told:
        """So many messages over so many connections in all; at an even pace, or as fast as answers come.

        Raises RuntimeError with the first answer that is no receipt.
        """
        words = self._words(candidate, connections // processes, count // processes)
        told = load([[*words, str(rate / processes)]] * processes)
        if told.errors:
            raise RuntimeError(told.first_error)
        return told

    def arrive(self, candidate: Candidate, connections: int, count: int, *, rate: float, seeds: Sequence[int]) -> Told:
        """So many messages at random times, from one process for each seed; answers that are no receipts count."""
        parts = len(seeds)
        words = self._words(candidate, connections // parts, count // parts)
        return load([[*words, str(rate / parts), str(seed)] for seed in seeds])

    def _words(self, candidate: Candidate, connections: int, count: int) -> list[str]:
        place = [str(self.state), self.url(candidate.server), candidate.profile, candidate.algorithm]
        return [*place, str(connections), str(count)]
