"""A town whose processes die where they are told to, and are started again at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from gateway.cli.demo_town import BUSINESS_CLOCK, Ports, Town, partner_records
from gateway.shell.processes import Troupe
from gateway.shell.store import Store


class Stage(Town):
    """The town of the demo, in processes forked from one that has everything in memory."""

    def __init__(self, state: Path) -> None:
        free = Ports(console=0, doors=0, partners=dict.fromkeys(partner_records(), 0))
        super().__init__(state, ports=free)
        self._dir = state
        self._makers = multiprocessing.get_context("forkserver")
        self._makers.set_forkserver_preload(["tests.store.crash.life"])
        self._lives: dict[str, Any] = {}
        self._paused: list[Any] = []

    def words(self) -> dict[str, object]:
        """Quick retries, short silences, and what the lives need beside the settings."""
        return {
            **super().words(),
            "silence_scale": 1.0,
            "stalled_seconds": 1.0,
            "retry_seconds": [1],
            "pilot_seconds": 1.0,
            "delivery_timeout": 5.0,
        }

    def start_gateway(self, troupe: Troupe) -> None:
        """Doors and worker live."""
        del troupe
        self.begin("doors")
        self.begin("worker")

    def start_partners(self, troupe: Troupe) -> None:
        """The partners live."""
        del troupe
        self.begin("partners")

    def stop(self) -> None:
        """Every life has ended and the database is down."""
        for life in (*self._lives.values(), *self._paused):
            life.kill()
            life.join(10)
        super().stop()

    # --- lives and deaths --------------------------------------------------------------------------------------------
    def begin(self, half: str) -> int:
        """A new life of a half; its process id."""
        from tests.store.crash.life import live

        words = self.words() if half != "partners" else self._partner_words()
        log = self._dir / "logs" / f"{half}.log"
        life = self._makers.Process(target=live, args=(half, words, str(self._arm), str(log)), daemon=True)
        life.start()
        self._lives[half] = life
        return int(life.pid)

    def down(self, half: str) -> None:
        """This half does not live."""
        self._lives[half].kill()
        self._lives[half].join(10)

    def arm(self, point: str, act: str = "kill") -> None:
        """Who passes this point next ends there."""
        fresh = self._arm.with_suffix(".new")
        fresh.write_text(f"{act} {point}", "ascii")
        fresh.rename(self._arm)

    def await_death(self, half: str, seconds: float = 20.0) -> None:
        """The half was killed at the point that was armed."""
        life = self._lives[half]
        life.join(seconds)
        if life.exitcode != -9:
            point = self._arm.read_text("ascii") if self._arm.exists() else "the point was passed"
            raise AssertionError(f"{half} did not die ({life.exitcode}): {point}\n{self.log(half)}")

    def await_stop(self, half: str, seconds: float = 20.0) -> None:
        """The half stands still at the point that was armed, and is set aside."""
        stat = Path(f"/proc/{self._lives[half].pid}/stat")
        wait_until(lambda: stat.read_text("ascii").rpartition(")")[2].split()[0] == "T", f"{half} stands", seconds)
        self._paused.append(self._lives.pop(half))

    def wake(self, half: str) -> None:
        """The one that stood still goes on; the one that took its place is killed."""
        woken = self._paused.pop()
        os.kill(woken.pid, signal.SIGCONT)
        self.down(half)
        self._lives[half] = woken

    def log(self, half: str) -> str:
        """The end of what a half said."""
        return (self._dir / "logs" / f"{half}.log").read_text("utf-8", "replace")[-3000:]

    # --- what came of it ---------------------------------------------------------------------------------------------
    def received(self, partner: str, conversation: str) -> list[str]:
        """Types of what a partner has in its book of a conversation, oldest first."""
        file = self._dir / "demo" / partner / "host.sqlite"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as book:
            query = "select type from received where conversation = ? order by seq"
            return [row[0] for row in book.execute(query, [conversation])]

    def sent(self) -> list[str]:
        """Ids of our envelopes in the order they were sent, repeats too."""
        with suppress(FileNotFoundError):
            return (self._dir / "sent").read_text("ascii").split()
        return []

    def ask_for_later(self) -> None:
        """Who receives the next message asks for it later (425)."""
        (self._dir / "later").touch()

    def let_time_pass(self, conversation: str) -> None:
        """The answer to this question is overdue now."""
        with self.open_store() as store:
            store.write(
                "update delivery d set answer_due = d.received_at from message m where m.id = d.entry"
                " and m.conversation_id = %s returning 1",
                [conversation],
            )

    def open_store(self) -> Store:
        """The database of the gateway."""
        return Store(self.dsn, largest=2).open()

    def _partner_words(self) -> dict[str, object]:
        residents = [
            {"id": one.id, "profile": one.profile, "signs_with": one.signs_with, "port": one.port, "pulls": one.pulls,
             "clock": BUSINESS_CLOCK}
            for one in self.residents.values()
        ]  # fmt: skip
        return {"state_dir": str(self._dir), "url": self.url, "residents": residents}

    @property
    def _arm(self) -> Path:
        return self._dir / "arm"


def wait_until(true: Callable[[], object], what: str, seconds: float = 25.0) -> None:
    """Look again and again until something is true; fail at the deadline."""
    end = monotonic() + seconds
    while not true():
        if monotonic() > end:
            raise AssertionError(f"not true after {seconds} s: {what}")
        sleep(0.02)
