"""A town whose gateways and workers are as on machines of their own: each with its directory, address and network."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from gateway.cli.demo_town import HOST, Ports, Town, partner_records
from gateway.shell.balancer import Balancer
from gateway.shell.processes import Troupe, free_port, python


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where one program runs. `prefix` goes before its command; `host` is its address."""

    name: str
    host: str = HOST
    prefix: tuple[str, ...] = ()


class SpreadTown(Town):
    """`gateway serve` on each of `gateways`, behind a balancer that knows nothing of them; `gateway worker` on each of
    `workers`. Database and partners are reached at `reach`; `given` are settings of all programs."""

    def __init__(
        self, state: Path, gateways: Sequence[Machine], workers: Sequence[Machine], given: Mapping[str, object],
        *, reach: str = HOST,
    ) -> None:  # fmt: skip
        super().__init__(state, ports=Ports(console=0, doors=0, partners=dict.fromkeys(partner_records(), 0)))
        self._gateways, self._workers, self._given, self._reach = gateways, workers, given, reach
        self._passing: list[Balancer] = []
        self._urls: dict[str, str] = {}
        self.crew: Troupe

    def words(self) -> dict[str, object]:
        """All messages are those of partners: no silence."""
        return {**super().words(), "silence_scale": 1.0, "public_url": self.url, **self._given}

    @property
    def machines(self) -> Path:
        """Holds the state directories of all programs, by name."""
        return self._state / "machines"

    def url_of(self, machine: str) -> str:
        """The doors of one gateway."""
        return self._urls[machine]

    def start_gateway(self, troupe: Troupe) -> None:
        """Every program runs, in a directory of its own."""
        self.crew, taken = troupe, {self.doors_port, self.console_port}
        if self._reach != HOST:
            self._make_reachable()
        for machine in self._workers:
            troupe.start(machine.name, [*machine.prefix, *python("gateway", "worker")], self._environment(machine))
        doors = [(machine.host, free_port(HOST, 0, taken)) for machine in self._gateways]
        for machine, (host, port) in zip(self._gateways, doors, strict=True):
            self._urls[machine.name] = f"http://{host}:{port}"
            words = {"GATEWAY_HOST": host, "GATEWAY_PORT": str(port)}
            command = python("gateway", "serve", "--no-worker", "--no-console")
            troupe.start(machine.name, [*machine.prefix, *command], self._environment(machine) | words)
        self._pass_on(HOST, self.doors_port, doors)

    def await_answers(self, troupe: Troupe) -> None:
        """Every gateway answers, and every partner."""
        for url in self._urls.values():
            troupe.await_http(f"{url}/ready")
        super().await_answers(troupe)

    def stop(self) -> None:
        """Every process has ended, and no gateway waits for others to notice."""
        for machine in self._gateways if self._urls else ():
            with suppress(StopIteration, ProcessLookupError):
                os.kill(self.crew.pid(machine.name), signal.SIGINT)
        for one in self._passing:
            one.stop()
        super().stop()

    def _environment(self, machine: Machine) -> dict[str, str]:
        state = self.machines / machine.name
        state.mkdir(parents=True)
        for shared in ("keys", "trust"):
            (state / shared).symlink_to(self._state / shared)
        return {**self.environment(), "GATEWAY_STATE_DIR": str(state)}

    def _make_reachable(self) -> None:
        """The database by TCP, the partners through a door each at the same port."""
        self.dsn = make_conninfo(self.dsn, host=self._reach)
        for record in (self._state / "demo" / "tree" / "certs" / "partners").glob("*.toml"):
            text = record.read_text("utf-8").replace(f"http://{HOST}:", f"http://{self._reach}:")
            record.write_text(text, "utf-8")
        for resident in self.residents.values():
            self._pass_on(self._reach, resident.port, [(HOST, resident.port)])

    def _pass_on(self, host: str, port: int, doors: Sequence[tuple[str, int]]) -> None:
        one = Balancer(host, port, doors)
        one.start()
        self._passing.append(one)
