"""A town with two of everything and a balancer before the doors, where processes may die: they are started again."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from gateway.cli.chaos_plan import KILL, STOP, Fault
from gateway.cli.demo_town import HOST, Ports, Say, Town, partner_records
from gateway.errors import ConfigurationError
from gateway.model import PartnerId
from gateway.shell.balancer import Balancer
from gateway.shell.processes import Troupe, free_port, python, served, signal_family
from gateway.shell.store import Store

DATABASE: Final = "database"
STALLED_SECONDS: Final = 4.0
_FIT: Final = 60.0
"""Seconds that everything has to run again."""


class BusyTown(Town):
    """Two doors, two workers, the database and the simulated partners, each a process that may be killed or paused."""

    def __init__(self, state: Path, say: Say) -> None:
        super().__init__(state, ports=Ports(console=0, doors=0, partners=dict.fromkeys(partner_records(), 0)), say=say)
        self._crew: Troupe | None = None
        self._balancer: Balancer | None = None
        self._pauses: list[tuple[Timer, int]] = []

    @property
    def killable(self) -> list[str]:
        """Everything that may be killed."""
        return [*self.crew.names(), DATABASE]

    @property
    def doors_of_partners(self) -> list[str]:
        """Partners that are called, and whose doors may be troubled."""
        return [str(one.id) for one in self.residents.values() if not one.pulls]

    @property
    def crew(self) -> Troupe:
        """The processes of this town. Only after `start`."""
        assert self._crew is not None  # noqa: S101 - started
        return self._crew

    def words(self) -> dict[str, object]:
        """Quick to retry and quick to miss a worker; no silence, so that every message is one of a partner's."""
        quick = {
            "retry_seconds": [1],
            "pilot_seconds": 1.0,
            "delivery_timeout": 3.0,
            "stalled_seconds": STALLED_SECONDS,
        }
        return {**super().words(), **quick, "silence_scale": 1.0, "public_url": self.url}

    def start_gateway(self, troupe: Troupe) -> None:
        """Two workers and two doors run behind the balancer."""
        self._crew, taken = troupe, {self.doors_port, self.console_port}
        places = [(HOST, free_port(HOST, 0, taken)) for _ in range(2)]
        for number, (_, port) in enumerate(places, 1):
            env = {**self.environment(), "GATEWAY_PORT": str(port)}
            troupe.start(f"worker-{number}", python("gateway", "worker"), env)
            troupe.start(f"gateway-{number}", served("front", HOST, port, threads=8), env)
        self._balancer = Balancer(HOST, self.doors_port, places)
        self._balancer.start()

    def stop(self) -> None:
        """Nobody is paused, every process has ended and the database is down."""
        self.wake_all()
        if self._balancer is not None:
            self._balancer.stop()
        super().stop()

    # --- faults ------------------------------------------------------------------------------------------------------
    def do(self, fault: Fault) -> None:
        """The fault happens now; what was killed runs again when this returns, what was paused wakes later."""
        if fault.act == KILL:
            self._kill(fault.whom)
        elif fault.act == STOP:
            self._pause(fault.whom, fault.lasts)
        else:
            self._trouble(fault)

    def renew(self) -> None:
        """What has ended is started again."""
        self.crew.renew()
        self.database.revive()

    def queued(self) -> int:
        """Deliveries that are on their way."""
        with Store(self.dsn, largest=1) as store:
            return int(store.fetch("select count(*) as n from delivery where state = 'queued'")[0]["n"])

    def wake_all(self) -> None:
        """Nobody is paused any more."""
        for pause, pid in self._pauses:
            pause.cancel()
            signal_family(pid, signal.SIGCONT)
        self._pauses.clear()

    def await_fit(self) -> None:
        """Every process answers, within a minute. Raises ConfigurationError."""
        self.wake_all()
        end = time.monotonic() + _FIT
        while True:
            self.renew()
            with suppress(ConfigurationError):
                self.await_answers(self.crew)
                return
            if time.monotonic() > end:
                raise ConfigurationError("the town does not come up again")

    def _kill(self, whom: str) -> None:
        pid = self._pid(whom)
        if pid:
            signal_family(pid, signal.SIGKILL)
            self._await_end(whom, pid)
        self.renew()

    def _pause(self, whom: str, seconds: float) -> None:
        pid = self._pid(whom)
        if not pid:
            return
        signal_family(pid, signal.SIGSTOP)
        pause = Timer(seconds, signal_family, (pid, signal.SIGCONT))
        pause.daemon = True
        pause.start()
        self._pauses.append((pause, pid))

    def _trouble(self, fault: Fault) -> None:
        url = f"http://{HOST}:{self.residents[PartnerId(fault.whom)].port}/fault"
        order = f"{url}?kind={fault.act}&times={fault.times}&seconds={fault.lasts:.2f}"
        with suppress(URLError, OSError):
            build_opener(ProxyHandler({})).open(Request(order, method="POST"), timeout=2).close()  # noqa: S310 - our own

    def _pid(self, whom: str) -> int | None:
        return self.database.status().pid if whom == DATABASE else self.crew.pid(whom)

    def _await_end(self, whom: str, pid: int) -> None:
        end = time.monotonic() + 10
        while not self._gone(whom, pid) and time.monotonic() < end:
            time.sleep(0.02)

    def _gone(self, whom: str, pid: int) -> bool:
        return self._pid(whom) != pid if whom == DATABASE else self.crew.has_ended(whom)
