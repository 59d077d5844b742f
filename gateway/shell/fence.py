"""The fence: a worker that was paused and taken for dead finds its lane gone when it wakes, and can do nothing there.

What a worker writes about a lane goes through the one connection that holds the lane (`Store.only`), so that taking
the lane away - ending that connection - ends its writes too. Before bytes leave, the hold is proven once more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, LiteralString

from gateway.model import Sealed, Wire
from gateway.ports import Courier
from gateway.shell.store import Connection, Store

_HOLDER: Final[LiteralString] = """
select pg_terminate_backend(l.pid)
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and l.database = (select oid from pg_database where datname = current_database())
  and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(%s, 0)
  and a.pid <> pg_backend_pid()
  and (%s::interval is null or (a.state <> 'active' and a.state_change <= clock_timestamp() - %s::interval))
"""


_UNENDED: Final[LiteralString] = """
select j.id, j.lock from procrastinate_jobs j
where j.status = 'doing' and not exists (
    select from procrastinate_events e where e.job_id = j.id and e.type = 'started'
    and e.at > clock_timestamp() - case when j.task_name = 'drain' then make_interval(secs => %(seconds)s)
                                        else interval '1 day' end)
  and not exists (
    select from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended('lane ' || j.lock, 0))
"""
"""Other tasks hold no lane: a day is longer than any of them takes."""


class FencedCourier:
    """A courier that sends only while this thread still holds what it holds; raises Busy when that is gone."""

    def __init__(self, courier: Courier, store: Store) -> None:
        self._courier = courier
        self._store = store

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """POST the bytes, unless the lane was taken from us."""
        self._store.prove_hold()
        return self._courier.deliver(endpoint, sealed)


def take_lane(connection: Connection, lane: str) -> bool:
    """The lane is free: the connection of the worker that gave no sign of life is ended. False = nobody held it."""
    return _take(connection, f"lane {lane}", None)


def take_lead(connection: Connection, silent: timedelta) -> bool:
    """The lead is free if the one who has it asked the database nothing for so long. False = it was not taken."""
    return _take(connection, "gateway sweeper", silent)


def unended(connection: Connection, seconds: float) -> list[tuple[int, str]]:
    """Jobs (id, lock) that run for so long by the queue's word, while nobody holds the lane they serve.

    The end of a job is one statement of the queue; when its connection is lost just then, the job stays as it was.
    """
    return [(row[0], row[1]) for row in connection.execute(_UNENDED, {"seconds": seconds})]


def _take(connection: Connection, name: str, silent: timedelta | None) -> bool:
    return connection.execute(_HOLDER, [name, silent, silent]).fetchone() is not None
