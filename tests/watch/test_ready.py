"""Whether messages can be taken is said soon, also when the database keeps silent."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from psycopg.conninfo import conninfo_to_dict

from gateway.shell.house import House
from gateway.shell.store import Store
from gateway.shell.watch.ready import Readiness
from tests.database import wait_until


def test_a_silent_database_is_said_to_be_silent(house: House, dsn: str) -> None:
    """One question is asked, however often people look; when it is answered the gateway is ready again."""
    with Store(dsn, largest=1, patience=30.0) as small:
        ready = Readiness(replace(house, store=small), patience=0.1)
        with small.session():
            for _ in range(3):
                ready._looked = -10.0
                assert [one.why for one in ready.look() if not one.ok] == ["it does not answer in time"]
        wait_until(lambda: all(one.ok for one in ready.look()), seconds=10)


def test_a_network_that_is_cut_is_noticed_in_seconds(dsn: str) -> None:
    """Whatever the system would wait; who says otherwise in the setting is followed."""
    said = conninfo_to_dict(Store(f"{dsn} connect_timeout=3 application_name=mine").dsn)
    assert (said["connect_timeout"], said["tcp_user_timeout"], said["keepalives_idle"]) == ("3", "10000", "5")
    assert said["host"] == conninfo_to_dict(dsn)["host"]


def test_a_silent_database_is_waited_for_once(house: House, dsn: str) -> None:
    """Later looks know that it is silent: none waits as long again as the first one did."""
    with Store(dsn, largest=1, patience=30.0) as small:
        ready = Readiness(replace(house, store=small), patience=1.0)
        with small.session():
            began = monotonic()
            for _ in range(6):
                ready._looked = -10.0
                assert [one.why for one in ready.look() if not one.ok] == ["it does not answer in time"]
            assert monotonic() - began < 4
