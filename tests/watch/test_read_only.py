"""A database that answers and takes no writes: the gateway is not ready, and refuses in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from psycopg.conninfo import make_conninfo

from gateway.shell.doors import make_doors
from gateway.shell.house import House
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from gateway.testing import counting_ids
from tests.builders import FrozenClock, some_corridors


@pytest.fixture
def doors(house: House, dsn: str, clock: FrozenClock) -> Iterator[FlaskClient]:
    """The doors of a gateway whose database was set to be read only."""
    with Store(make_conninfo(dsn, options="-c default_transaction_read_only=on")) as store:
        ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=counting_ids("read only"))
        setup = replace(house.setup, ledger=ledger)
        with make_doors(replace(house, store=store, ledger=ledger, setup=setup)).test_client() as client:
            yield client


def test_it_is_not_ready(doors: FlaskClient) -> None:
    """Whoever balances load looks elsewhere."""
    health = doors.get("/health").get_json()
    assert doors.get("/ready").status_code == 503
    assert (health["status"], health["database"]) == ("degraded", False)


def test_a_refusal_that_cannot_be_recorded_is_still_a_refusal(doors: FlaskClient) -> None:
    """In the words of the door it came to."""
    unknown, broken = doors.get("/api/v1/nothing"), doors.post("/soap", data=b"<x", content_type="text/xml")
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "http.not-found")
    assert b"envelope.malformed" in broken.data
