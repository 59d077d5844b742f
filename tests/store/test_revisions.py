"""Tables change while programs run: what expands is served by the old ones, what contracts waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psycopg
import pytest

from gateway.errors import ConfigurationError
from gateway.lifecycle import State
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.presence import Presence, live_instances
from gateway.shell.queries import message, messages, overdue, status
from gateway.shell.revisions import REVISION, apply_schema, known_revisions, standing
from gateway.shell.store import Store
from tests.builders import CUSTOMS, NOW, CountedIds, FrozenClock, a_receipt, a_sealed, some_corridors
from tests.store.steps import ask, waiting

LATER = [Path(__file__).with_name("later_revisions")]


def live(ledger: PostgresLedger, store: Store, number: int) -> None:
    """Everything that a program does to the tables, by today's statements."""
    entry = ask(ledger, number)
    delivery = waiting(store, entry.id)
    ledger.keep(delivery, a_sealed(b"out"))
    ledger.postpone(delivery, code="x", detail="")
    ledger.settle(delivery, State.FAILED)
    assert ledger.requeue(entry.id, delivery.corridor, who="me", why="")
    ledger.settle(waiting(store, entry.id), State.DELIVERED, receipt=a_receipt(delivery.message_id))
    assert message(store, entry.id).state == status(store, CUSTOMS, entry.claims.message_id).state == "delivered"
    assert messages(store, search=entry.claims.message_id).lines
    overdue(store, NOW)


def test_the_newest_revision_is_the_programs_own() -> None:
    """The number a program names is the last module there is."""
    assert [one.number for one in known_revisions()] == list(range(1, REVISION + 1))


def test_an_old_program_works_on_expanded_tables(ledger: PostgresLedger, store: Store, dsn: str) -> None:
    """Before, while and after; and it may still start."""
    live(ledger, store, 1)
    ends = Event()

    def work() -> int:
        number = 1
        while not ends.is_set():
            number += 1
            live(ledger, store, number)
        return number

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(work)
        try:
            after = apply_schema(dsn, NOW, program=REVISION + 1, also=LATER)
        finally:
            ends.set()
        lived = running.result(30)
    assert (after.revision, after.pending) == (REVISION + 1, ())
    live(ledger, store, lived + 1)
    assert verify_chains(store).broken is None
    again = apply_schema(dsn, NOW)
    assert (again.revision, again.program) == (REVISION + 1, REVISION)


def test_what_contracts_waits_for_older_programs(store: Store, dsn: str) -> None:
    """The column stays while one lives; it goes when that one has ended; then old programs are refused."""
    old = Presence(store, REVISION, role="worker")
    old.start()
    held = apply_schema(dsn, NOW, program=REVISION + 2, also=LATER)
    assert held.revision == REVISION + 1
    assert [one.number for one in held.pending] == [REVISION + 2]
    assert [one.name.split()[0] for one in held.held_by] == ["worker"]
    assert store.run(lambda connection: standing(connection, program=REVISION + 2, also=LATER)) == held
    old.stop()
    assert apply_schema(dsn, NOW, program=REVISION + 2, also=LATER).pending == ()
    with pytest.raises(ConfigurationError, match=f"from {REVISION + 1} on; this one is {REVISION}"):
        apply_schema(dsn, NOW)
    with pytest.raises(ConfigurationError, match=f"from {REVISION + 1} on"):
        Presence(store, REVISION).start()
    assert store.run(live_instances) == []


def test_a_program_that_gives_no_sign_does_not_hold_up(store: Store) -> None:
    """A machine that burnt down is not waited for."""
    Presence(store, REVISION).beat()
    assert len(store.run(live_instances)) == 1
    store.run(lambda connection: connection.execute("update instance set seen_at = seen_at - interval '61 seconds'"))
    assert store.run(live_instances) == []


def test_a_revision_that_failed_left_nothing(dsn: str, tmp_path: Path) -> None:
    """The next start tries it again."""
    text = (LATER[0] / "r0002.py").read_text("utf-8")
    broken = text.replace("create table office", "create table message")
    (tmp_path / "r0002.py").write_text(broken, "utf-8")
    with pytest.raises(Exception, match="already exists"):
        apply_schema(dsn, NOW, program=REVISION + 1, also=[tmp_path])
    with psycopg.connect(dsn) as connection:
        assert standing(connection).revision == REVISION
    assert apply_schema(dsn, NOW, program=REVISION + 1, also=LATER).revision == REVISION + 1


def test_tables_from_before_the_revisions_are_refused(dsn: str) -> None:
    """With a sentence that says what to do."""
    with psycopg.connect(dsn) as connection:
        connection.execute("drop table revision")
        connection.execute("create table schema_version (version integer)")
    with pytest.raises(ConfigurationError, match="use an empty database"):
        apply_schema(dsn, NOW)


def test_closing_the_store_signs_the_program_off(dsn: str, store: Store) -> None:
    """So nobody waits a minute for it."""
    with Store(dsn) as other:
        Presence(other, REVISION).start()
        assert len(store.run(live_instances)) == 1
    assert store.run(live_instances) == []


def test_two_versions_hand_messages_to_each_other(ledger: PostgresLedger, store: Store, dsn: str) -> None:
    """What one accepts the other delivers, each by its own statements; what contracts waits for the older."""
    old = Presence(store, REVISION)
    old.start()
    apply_schema(dsn, NOW, program=REVISION + 1, also=LATER)
    with Store(dsn) as theirs:
        Presence(theirs, REVISION + 1).start()
        newer = PostgresLedger(theirs, some_corridors(), clock=FrozenClock(), ids=CountedIds(10_000))
        assert sorted(one.revision for one in store.run(live_instances)) == [REVISION, REVISION + 1]
        for number in range(1, 4):
            of_old, of_new = ask(ledger, number), ask(newer, 1_000 + number)
            theirs.write("update message set office = 'KZ50101' where id = %s returning id", [of_new.id])
            for takes, reads, entry in ((newer, theirs, of_old), (ledger, store, of_new)):
                delivery = waiting(reads, entry.id)
                takes.settle(delivery, State.DELIVERED, receipt=a_receipt(delivery.message_id, id=f"r-{entry.id}"))
                assert message(reads, entry.id).state == "delivered"
        rows = theirs.fetch("select office, count(*) as n from message group by 1")
        assert {row["office"]: row["n"] for row in rows} == {"": 3, "KZ50101": 3}
        held = apply_schema(dsn, NOW, program=REVISION + 2, also=LATER)
        assert (held.revision, len(held.held_by)) == (REVISION + 1, 1)
    assert verify_chains(store).broken is None
