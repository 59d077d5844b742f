"""What comes while months leave, or after they left: it is not lost, what left is not touched, later ones go on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from uuid import UUID

import psycopg
import pytest

from gateway.cli.program import run
from gateway.errors import ConfigurationError, MessageUnknown
from gateway.lifecycle import State
from gateway.model import Entry
from gateway.shell import statements
from gateway.shell.archive import write_month
from gateway.shell.archived import rows_of, verify_archive
from gateway.shell.config import Retention
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.months import month_of
from gateway.shell.queries import message
from gateway.shell.retention import Archived, archive_before, archived_in, keep_house
from gateway.shell.revisions import ensure_months
from gateway.shell.rows import jsonb
from gateway.shell.store import Store
from tests.builders import CUSTOMS, HEALTH, FrozenClock, a_receipt, an_entry, an_intake, some_claims
from tests.database import wait_until
from tests.store.months import Come, day
from tests.store.steps import ASK, TELL, count, enter, states, waiting


def left(done: list[Archived]) -> list[str]:
    """The months that left."""
    return [one.month for one in done if one.dropped]


def holds(store: Store, folder: Path) -> None:
    """The evidence holds in both places."""
    assert verify_archive(folder).broken == ""
    assert verify_chains(store).broken is None


def parts(store: Store, month: str) -> bool:
    """Whether this month has a partition."""
    return bool(store.fetch("select to_regclass(%s) is not null as there", [f"message_{month}"])[0]["there"])


def noted(store: Store) -> list[dict[str, object]]:
    """What the database knows of the archives of months before November."""
    return store.fetch("select * from archive where month < '2026-11-01' order by month")


def come_late(ledger: PostgresLedger, store: Store, at: datetime, *, settled: bool = True) -> Entry:
    """A message whose head came at that time is kept only now."""
    entry = an_entry(UUID(int=777 + at.month), some_claims(f"urn:uuid:late-{at:%Y-%m}"), received_at=at)
    enter(ledger, entry)
    if settled:
        ledger.settle(waiting(store, entry.id), State.REFUSED, code="delivery.refused")
    return entry


def test_a_month_that_left_and_stands_again_empty_goes_without_a_word(
    three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """A start does not make it anew; where it was made, its archive stays as it is, and the next months leave."""
    clock.now = day(11, 2)
    assert left(archive_before(store, day(11, 1), tmp_path, clock, drop=True))[-1] == "2026-10"
    before = noted(store)
    store.run(lambda connection: ensure_months(connection, clock(), 3))
    assert (parts(store, "202610"), parts(store, "202702")) == (False, True)
    store.fetch("select ensure_month(%s), ensure_month(%s)", [day(10), day(4)])
    for _ in range(2):
        assert archive_before(store, day(11, 1), tmp_path, clock, drop=True) == []
        assert (noted(store), parts(store, "202610"), parts(store, "202604")) == (before, False, False)
    clock.now = day(12, 2)
    assert left(archive_before(store, day(12, 1), tmp_path, clock, drop=True)) == ["2026-11"]
    assert verify_archive(tmp_path).messages == 18
    holds(store, tmp_path)


def test_what_comes_after_its_month_left_goes_with_the_next(
    three: list[Entry], ledger: PostgresLedger, store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """It is found until then, and after that the folder is told that it is in; what had left is not touched."""
    clock.now = datetime(2026, 11, 1, 0, 0, 5, tzinfo=UTC)
    archive_before(store, clock(), tmp_path, clock, drop=True)
    before, files = noted(store), (tmp_path / "2026-10" / "manifest.json").read_bytes()
    late = come_late(ledger, store, datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    older = come_late(ledger, store, day(5))
    ledger.refuse(an_intake(UUID(int=99), at=day(10)))
    for _ in range(2):
        assert archive_before(store, clock(), tmp_path, clock, drop=True) == []
    assert message(store, late.id).entry.id == late.id
    holds(store, tmp_path)

    clock.now = day(12, 1)
    assert left(archive_before(store, clock(), tmp_path, clock, drop=True)) == ["2026-11"]
    assert (noted(store), (tmp_path / "2026-10" / "manifest.json").read_bytes()) == (before, files)
    for table, column in (("message", "id"), ("message_key", "entry"), ("delivery", "entry")):
        entries = [row[column] for row in rows_of(tmp_path / "2026-11", table)]
        assert len(entries) == len(set(entries)) == 8
        assert {str(late.id), str(older.id)} < set(entries)
    assert len(list(rows_of(tmp_path / "2026-11", "intake"))) == 1
    assert (count(store, "message"), count(store, "intake"), parts(store, "202605")) == (0, 0, False)
    for entry, month in ((late, "2026-11"), (older, "2026-11"), (three[3], "2026-10")):
        with pytest.raises(MessageUnknown, match=f"is archived in {tmp_path / month}"):
            message(store, entry.id)
    holds(store, tmp_path)


def test_what_came_late_and_is_not_finished_holds_the_month_it_would_go_with(
    three: list[Entry], ledger: PostgresLedger, store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Also when that month is in files already."""
    clock.now = day(12, 2)
    archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    archive_before(store, day(12, 1), tmp_path, clock)
    late = come_late(ledger, store, day(10, 31), settled=False)
    assert archive_before(store, day(12, 1), tmp_path, clock, drop=True)[-1].held_by == (late.id,)
    ledger.settle(waiting(store, late.id), State.REFUSED, code="delivery.refused")
    assert left(archive_before(store, day(12, 1), tmp_path, clock, drop=True)) == ["2026-11"]
    assert archived_in(store, late.received_at, late.id) == str(tmp_path / "2026-11")
    holds(store, tmp_path)


def test_a_month_that_left_is_never_written_again(
    three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Neither its folder nor what is known of it."""
    clock.now = day(11, 2)
    archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    before = noted(store)
    with store.session() as connection, pytest.raises(ConfigurationError, match="2026-10 has left"):
        write_month(connection, month_of(day(10)), tmp_path, clock())
    assert noted(store) == before
    assert len(list(rows_of(tmp_path / "2026-10", "message"))) == 6
    holds(store, tmp_path)


def test_months_go_on_from_each_other_when_one_was_held_and_changed(
    come: Come, ledger: PostgresLedger, store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """The one that was held is written again, and so is what came after it and does not go on from there."""
    come(8)
    late = come(9, settled=False)
    come(10)
    come(11)
    clock.now = day(11, 2)
    assert archive_before(store, day(10, 1), tmp_path, clock, drop=True)[-1].held_by == (late.id,)
    ledger.settle(waiting(store, late.id), State.DELIVERED, receipt=a_receipt("x"))
    assert left(archive_before(store, day(11, 1), tmp_path, clock, drop=True)) == ["2026-09", "2026-10"]
    holds(store, tmp_path)


def test_a_gap_in_the_months_stops_nothing(come: Come, store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """Months for which nothing was ever made are passed; one that is filled later is found."""
    come(5)
    come(8)
    come(11)
    store.fetch("select ensure_month(%s)", [day(2)])
    clock.now = day(12)
    gone = left(keep_house(store, Retention(months=1, archive=tmp_path), clock))
    assert (gone[0], gone[1], gone[-1]) == ("2026-02", "2026-05", "2026-10")
    assert "2026-06" not in gone
    holds(store, tmp_path)


def test_an_answer_that_came_after_the_files_were_written_is_in_them(
    come: Come, ledger: PostgresLedger, store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """It changes a row of the month without adding one."""
    asked = come(9, answered=False)
    clock.now = day(11, 2)
    archive_before(store, day(10, 1), tmp_path, clock, drop=True)
    told = some_claims("urn:uuid:a-late", sender=HEALTH, receiver=CUSTOMS)
    answer = an_entry(UUID(int=78), told, corridors=(TELL,), answers=asked.id, received_at=clock())
    enter(ledger, answer)
    ledger.settle(waiting(store, answer.id, TELL), State.DELIVERED)
    assert left(archive_before(store, day(10, 1), tmp_path, clock, drop=True))[-1] == "2026-09"
    (row,) = rows_of(tmp_path / "2026-09", "delivery")
    assert row["answered_by"] == str(answer.id)


def test_a_message_queued_again_while_its_month_leaves_keeps_it(
    come: Come, store: Store, ledger: PostgresLedger, clock: FrozenClock, tmp_path: Path
) -> None:
    """It was written before the month was dropped and committed after that had looked at everything."""
    entry = come(9, settled=False)
    ledger.settle(waiting(store, entry.id), State.REFUSED, code="delivery.refused")
    clock.now = day(11, 2)
    done: list[Archived] = []
    leaving = Thread(target=lambda: done.extend(archive_before(store, day(10, 1), tmp_path, clock, drop=True)))
    with psycopg.connect(store.dsn) as person:
        person.execute(statements.REQUEUE, {
            "entry": entry.id, "corridor": ASK, "from": ["refused"], "deadline": day(12), "at": clock(),
            "record": jsonb({}),
        })  # fmt: skip
        leaving.start()
        query = "select 1 as n from pg_locks where not granted and relation = 'message'::regclass"
        wait_until(lambda: store.fetch(query) or not leaving.is_alive())
    leaving.join(60)
    assert left(done)[-1:] != ["2026-09"]
    assert waiting(store, entry.id).entry.id == entry.id
    assert archive_before(store, day(10, 1), tmp_path, clock, drop=True)[-1].held_by == (entry.id,)
    holds(store, tmp_path)


def test_a_message_whose_month_is_leaving_is_not_queued_again(
    come: Come, store: Store, ledger: PostgresLedger, clock: FrozenClock, dsn: str
) -> None:
    """Whoever asks after the drop waits for it, and then finds no message."""
    entry = come(9, settled=False)
    ledger.settle(waiting(store, entry.id), State.REFUSED, code="delivery.refused")
    asked: list[bool] = [ledger.requeue(UUID(int=4040), ASK, who="me", why="") for _ in range(3)]
    person = Thread(target=lambda: asked.append(ledger.requeue(entry.id, ASK, who="me", why="")))
    with psycopg.connect(dsn) as leaving:
        leaving.execute("drop table message_202609")
        person.start()
        wait_until(lambda: store.fetch("select 1 as n from pg_locks where not granted"))
    person.join(60)
    assert (asked, states(store)[0]) == ([False] * 4, "refused")


def test_a_session_elsewhere_finds_the_folder(three: list[Entry], dsn: str, clock: FrozenClock, tmp_path: Path) -> None:
    """Months are UTC months, whatever the time zone of the session."""
    with Store(f"{dsn} options='-c timezone=America/New_York'") as store:
        archive_before(store, day(11, 1), tmp_path, clock, drop=True)
        assert archived_in(store, three[0].received_at) == str(tmp_path / "2026-09")
        assert archived_in(store, datetime(2026, 10, 1, tzinfo=UTC)) == str(tmp_path / "2026-10")
        assert archived_in(store, datetime(2026, 10, 31, 23, 59, tzinfo=UTC)) == str(tmp_path / "2026-10")
        holds(store, tmp_path)


def test_a_month_that_is_written_to_is_not_waited_for(
    three: list[Entry],
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A writer that does not end holds up its month, and nobody else behind it; the command says so."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", store.dsn)
    with psycopg.connect(store.dsn) as writer:
        writer.execute("lock table receipt_202609 in row exclusive mode")
        assert run(["db", "archive", str(tmp_path), "--before", "2026-11-01", "--drop"]) == 0
    told = capsys.readouterr().out
    assert f"2026-09: {tmp_path / '2026-09'}; stays: it, or one before it, is in use" in told
    assert run(["db", "archive", str(tmp_path), "--before", "2026-11-01", "--drop"]) == 0
    assert f"2026-10: {tmp_path / '2026-10'}, left the database" in capsys.readouterr().out
    holds(store, tmp_path)


def test_a_month_that_cannot_be_archived_keeps_nothing_else_from_being_done(
    three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Ids are forgotten when their time has come, and the next time the month goes."""
    clock.now = day(12)
    archive_before(store, day(10, 1), tmp_path, clock, drop=True)
    (tmp_path / "2026-09").rename(tmp_path / "kept")
    (tmp_path / "file").write_text("no folder")
    broken = Retention(months=1, keys_months=2, archive=tmp_path / "file")
    assert keep_house(store, broken, clock) == []
    assert {row["received_at"].month for row in store.fetch("select received_at from message_key")} == {10, 11}
    assert left(keep_house(store, broken.model_copy(update={"archive": tmp_path}), clock)) == ["2026-10"]
    assert verify_chains(store).broken is None
