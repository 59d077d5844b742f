"""Which programs live on this database, and for which revision of the tables they were written."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import structlog
from psycopg.rows import TupleRow

from gateway import __version__
from gateway.errors import Busy, ConfigurationError
from gateway.shell.store import Store

EVERY: Final = 10.0
"""Seconds between two signs of life."""
LIVES: Final = 60
"""Seconds after its last sign for which a program counts as alive."""

BEAT: Final[LiteralString] = """
insert into instance (id, name, program, revision, started_at, seen_at)
values (%(id)s, %(name)s, %(program)s, %(revision)s, now(), now())
on conflict (id) do update set seen_at = now()
"""
LIVE: Final[LiteralString] = """
select id, name, program, revision, started_at, seen_at from instance
where seen_at > now() - make_interval(secs => %s) order by started_at, id
"""
FORGET: Final[LiteralString] = "delete from instance where seen_at < now() - interval '1 day'"
"""All times here are the database's: many machines' clocks are compared, and nothing but life hangs on it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A program that lives on the database."""

    id: UUID
    name: str
    program: str
    revision: int
    started_at: datetime
    seen_at: datetime


class Presence:
    """`start` registers this program and keeps giving signs of life until `stop`, or until the store is closed."""

    def __init__(self, store: Store, revision: int, *, role: str = "gateway", every: float = EVERY) -> None:
        self._store = store
        self._every = every
        self._row: dict[str, Any] = {
            "id": uuid4(),
            "name": f"{role} {socket.gethostname()}:{os.getpid()}",
            "program": __version__,
            "revision": revision,
        }
        self._stop = Event()
        self._thread = Thread(target=self._live, name="presence", daemon=True)

    def start(self) -> None:
        """Registered. Raises Busy without a database; ConfigurationError when the tables moved on just before."""
        self.beat()
        needed = self._store.fetch("select coalesce(max(serves_from), 0) as n from revision")[0]["n"]
        if needed > self._row["revision"]:
            self.stop()
            raise ConfigurationError(f"the tables serve gateways from {needed} on; this one is {self._row['revision']}")
        self._store.before_close(self.stop)
        self._thread.start()

    def beat(self) -> None:
        """One sign of life."""
        self._store.run(lambda connection: connection.execute(BEAT, self._row))

    def stop(self) -> None:
        """Gone: no revision waits for this program any more."""
        if self._stop.is_set():
            return
        self._stop.set()
        try:
            self._store.run(lambda connection: connection.execute("delete from instance where id = %(id)s", self._row))
        except (Busy, psycopg.Error) as error:
            log.warning("presence.not-signed-off", error=str(error))

    def _live(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self.beat()
            except (Busy, psycopg.Error) as error:
                log.warning("presence.no-sign", error=str(error))


def live_instances(connection: psycopg.Connection[TupleRow]) -> list[Instance]:
    """Programs that gave a sign of life lately, the oldest first."""
    return [
        Instance(
            id=row[0], name=row[1], program=row[2], revision=row[3],
            started_at=row[4].astimezone(UTC), seen_at=row[5].astimezone(UTC),
        )
        for row in connection.execute(LIVE, [LIVES])
    ]  # fmt: skip
