"""Lanes keep their order and their own troubles; a worker may die at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import LiteralString

import psycopg
import pytest

from gateway.errors import Busy, DeliveryFailed, DeliveryRefused, GatewayError, MappingGap
from gateway.lifecycle import State
from gateway.model import Delivery
from gateway.shell.evidence import verify_chains
from gateway.shell.lanes import hurry, lane_counts, pause, resume
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres, command_of
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from gateway.shell.worker import Worker
from tests.builders import CHINA, HEALTH, CountedIds, FrozenClock, some_corridors
from tests.database import wait_until
from tests.store.steps import ASK, LIST, Partners, ask, events, states, waiting

ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker(store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock) -> Worker:
    return Worker(
        store, ledger, partners.forward, clock=clock, sweep_every=0.02, heartbeat=0.2, stalled_after=1.0, concurrency=4
    )


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    """The worker serves in a thread of its own."""
    stop = Event()
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_lane_is_served_in_order(store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker) -> None:
    """What was queued before and what comes meanwhile arrives once, in the order of acceptance."""
    entries = [ask(ledger, number) for number in range(1, 31)]
    with running(worker):
        entries += [ask(ledger, number) for number in range(31, 61)]
        wait_until(lambda: states(store) == ["delivered"] * 60)
    sent = [f"{waiting(store, entry.id).message_id} 1" for entry in entries]
    assert [body for _, body in partners.got] == sent
    assert verify_chains(store).broken is None


def test_a_partner_that_is_down_stops_only_its_own_lane(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker, clock: FrozenClock
) -> None:
    """Its messages wait in order; the same bytes leave when it is back."""

    def down(delivery: Delivery) -> None:
        raise DeliveryFailed("connection refused")

    partners.troubles[HEALTH] = down
    for number in range(1, 6):
        ask(ledger, number)
        ask(ledger, number, corridor=LIST)
    with running(worker):
        wait_until(lambda: sum(lane == CHINA for lane, _ in partners.got) == 5)
        wait_until(lambda: [one.failures for one in lane_counts(store) if one.lane == HEALTH] == [1])
        assert [lane for lane, _ in partners.got].count(HEALTH) == 1
        del partners.troubles[HEALTH]
        clock.move(seconds=30)
        wait_until(lambda: states(store) == ["delivered"] * 10)
    bodies = [body for lane, body in partners.got if lane == HEALTH]
    assert bodies[0] == bodies[1]
    assert [body.rsplit(" ", 1)[1] for body in bodies] == ["1"] * 6
    assert events(store).count("attempt") == 1


def test_a_fault_of_one_message_ends_that_message_only(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker
) -> None:
    """A mapping gap fails it, a refusal of the receiver refuses it; the next ones go on."""

    def trouble(delivery: Delivery) -> None:
        if delivery.entry.id.int == 2:
            raise MappingGap("a required target stays empty")
        if delivery.entry.id.int == 3:
            raise DeliveryRefused("fault Sender")

    partners.troubles[HEALTH] = trouble
    for number in range(1, 5):
        ask(ledger, number)
    with running(worker):
        wait_until(lambda: states(store) == ["delivered", "failed", "refused", "delivered"])


def test_a_crash_in_our_own_code_does_not_block_the_lane_for_ever(
    store: Store, clock: FrozenClock, ids: CountedIds
) -> None:
    """It is tried five times, then it fails and the lane goes on."""
    ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=ids, retries=(timedelta(0),))
    partners = Partners(ledger)
    partners.troubles[HEALTH] = lambda delivery: None if delivery.entry.id.int == 2 else 1 // 0
    first = ask(ledger, 1)
    ask(ledger, 2)
    with running(Worker(store, ledger, partners.forward, clock=clock, sweep_every=0.02)):
        wait_until(lambda: states(store) == ["failed", "delivered"])
    assert waiting(store, first.id).attempt == 6
    assert events(store).count("attempt") == 4


def test_a_message_whose_deadline_passed_expires(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker, clock: FrozenClock
) -> None:
    """It is not sent; the lane goes on with the next."""
    ask(ledger, 1)
    clock.move(hours=25)
    with running(worker):
        wait_until(lambda: states(store) == ["expired"])
    assert partners.got == []


def test_a_paused_lane_waits_for_a_person(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker, clock: FrozenClock
) -> None:
    """Pause, hurry and resume are in the evidence."""
    pause(store, HEALTH, at=clock(), who="operator", why="their request")
    ask(ledger, 1)
    ask(ledger, 1, corridor=LIST)
    with running(worker):
        wait_until(lambda: "delivered" in states(store))
        hurry(store, HEALTH, at=clock(), who="operator", why="by mistake")
        assert sorted(states(store)) == ["delivered", "queued"]
        resume(store, HEALTH, at=clock(), who="operator", why="they are back")
        wait_until(lambda: states(store) == ["delivered"] * 2)
    assert {"paused", "hurried", "resumed"} <= set(events(store))


def test_two_workers_share_lanes_and_send_nothing_twice(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker, clock: FrozenClock
) -> None:
    """The lane belongs to one worker at a time."""
    other = Worker(store, ledger, partners.forward, clock=clock, sweep_every=0.02, stint=0.05)
    with running(worker), running(other):
        for number in range(1, 41):
            ask(ledger, number)
            ask(ledger, number, corridor=LIST)
        wait_until(lambda: states(store) == ["delivered"] * 80)
    assert len(partners.got) == len(set(partners.got)) == 80
    for lane, corridor in ((HEALTH, ASK), (CHINA, LIST)):
        rows = store.fetch("select out_id from delivery where corridor = %s order by seq", [corridor])
        assert [body for at, body in partners.got if at == lane] == [f"urn:uuid:{row['out_id']} 1" for row in rows]


def test_what_ended_meanwhile_ends_nothing_else(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """A partner fetches what is late between look and deed, and the chore fails: both are told, and it goes on."""
    first = ask(ledger, 1)
    ask(ledger, 2)
    done: list[str] = []

    def give_up(delivery: Delivery, error: GatewayError) -> None:
        if delivery.entry.id == first.id:
            ledger.settle(delivery, State.DELIVERED)
        ledger.settle(delivery, State.EXPIRED, code=error.code)

    def chore() -> None:
        done.append("tried")
        raise KeyError("a corridor that went")

    clock.move(hours=25)
    worker = Worker(
        store, ledger, partners.forward, clock=clock, give_up=give_up, pulls=[HEALTH], sweep_every=0.02, chore=chore,
        chore_every=0.02,
    )  # fmt: skip
    with running(worker):
        wait_until(lambda: states(store) == ["delivered", "expired"] and len(done) > 1)
    assert partners.got == []


def test_what_has_no_room_now_waits_alone(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker, clock: FrozenClock
) -> None:
    """A full spool is no lost database: the others go on, the attempt is known, and it is tried when it is due."""

    def full(delivery: Delivery) -> None:
        if delivery.entry.id.int == 1:
            raise Busy("the room for long messages is full")

    partners.troubles[HEALTH] = full
    for number in range(1, 4):
        ask(ledger, number)
    with running(worker):
        wait_until(lambda: states(store) == ["queued", "delivered", "delivered"])
        wait_until(lambda: events(store).count("attempt") == 1)
        del partners.troubles[HEALTH]
        clock.move(minutes=1)
        wait_until(lambda: states(store) == ["delivered"] * 3)
    assert events(store).count("attempt") == 1


def test_nothing_goes_by_a_clock_that_nobody_trusts(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """It leapt ten days ahead: nothing expires, no pilot and no slot is taken, no chore is done, until it is right."""
    believed, done = Event(), Event()
    ask(ledger, 1)
    ask(ledger, 1, corridor=LIST)
    clock.move(days=10)
    worker = Worker(
        store, ledger, partners.forward, clock=clock, trusted=believed.is_set, pulls=[CHINA], chore=done.set,
        sweep_every=0.02,
    )  # fmt: skip
    leads = (
        "select 1 from pg_locks where locktype = 'advisory' and granted "
        "and database = (select oid from pg_database where datname = current_database())"
    )
    with running(worker):
        wait_until(lambda: store.fetch(leads))
        assert (states(store), partners.got, done.is_set()) == (["queued", "queued"], [], False)
        clock.move(days=-10)
        believed.set()
        wait_until(lambda: states(store) == ["delivered", "queued"] and done.is_set())
    assert store.fetch("select 1 from lane where next_at > '2026-11-24' or slot > '2026-11-24'") == []


def test_an_end_that_the_queue_could_not_note_does_not_stop_the_lane(
    dsn: str, store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker
) -> None:
    """The connection is lost while a job's end is written: the job looks as if it ran for ever, and is ended."""
    slow = (
        "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return old; end $$; "
        "create trigger slow before delete on procrastinate_jobs for each row execute function slow()"
    )
    cut: LiteralString = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where state = 'active' and query ilike '%finish_job%' and pid <> pg_backend_pid()"
    )
    with psycopg.connect(dsn, autocommit=True) as beside, running(worker):
        beside.execute(slow)
        ask(ledger, 1)
        wait_until(lambda: beside.execute(cut).fetchall())
        beside.execute("drop trigger slow on procrastinate_jobs")
        ask(ledger, 2)
        wait_until(lambda: states(store) == ["delivered", "delivered"])


def test_a_killed_worker_loses_nothing(
    store: Store, ledger: PostgresLedger, partners: Partners, worker: Worker, tmp_path: Path
) -> None:
    """Killed in mid-send: another worker goes on, in order; only the message in hand is sent again, byte for byte."""
    entries = [ask(ledger, number) for number in range(1, 21)]
    sent = tmp_path / "sent"
    script = Path(__file__).with_name("dying_worker.py")
    with subprocess.Popen(
        [sys.executable, str(script), store.dsn, str(sent), "7"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        wait_until(lambda: sent.exists() and len(sent.read_text().splitlines()) == 7)
        process.send_signal(signal.SIGKILL)
    with running(worker):
        wait_until(lambda: states(store) == ["delivered"] * 20, seconds=60)
    ours = [body for _, body in partners.got]
    everything = [*sent.read_text().splitlines(), *ours]
    expected = [f"{waiting(store, entry.id).message_id} 1" for entry in entries]
    assert everything[:7] == expected[:7]
    assert everything[7:] == expected[6:]
    assert verify_chains(store).broken is None


def test_a_worker_outlives_its_database(tmp_path: Path, clock: FrozenClock, ids: CountedIds) -> None:
    """Killed and started again while lanes are served: everything arrives, in order."""
    server = Postgres(tmp_path)
    apply_schema(server.start(), clock())
    with Store(server.dsn) as store:
        ledger = PostgresLedger(store, some_corridors(), clock=clock, ids=ids)
        partners = Partners(ledger)
        entries = [ask(ledger, number) for number in range(1, 301)]
        with running(Worker(store, ledger, partners.forward, clock=clock, heartbeat=0.2, stalled_after=1.0)):
            wait_until(lambda: len(partners.got) > 20)
            pid = server.status().pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not command_of(pid))
            server.start()
            wait_until(lambda: states(store) == ["delivered"] * 300, seconds=60)
        sent = [body for _, body in partners.got]
        assert list(dict.fromkeys(sent)) == [f"{waiting(store, entry.id).message_id} 1" for entry in entries]
        assert len(sent) <= 302
        assert verify_chains(store).broken is None
    server.stop()


def test_only_the_fetching_partner_empties_its_lane(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """A worker leaves it alone until the deadline."""
    ask(ledger, 1)
    ask(ledger, 1, corridor=LIST)
    with running(Worker(store, ledger, partners.forward, clock=clock, sweep_every=0.02, pulls={CHINA})):
        wait_until(lambda: states(store) == ["delivered", "queued"])
        clock.move(hours=25)
        wait_until(lambda: states(store) == ["delivered", "expired"])
    assert [lane for lane, _ in partners.got] == [HEALTH]


def test_the_leading_worker_does_the_chores(
    store: Store, ledger: PostgresLedger, partners: Partners, clock: FrozenClock
) -> None:
    """What the house needs done once for all workers."""
    done = Event()
    with running(Worker(store, ledger, partners.forward, clock=clock, sweep_every=0.02, chore=done.set)):
        assert done.wait(30)
