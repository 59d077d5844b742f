"""Old months go to files that prove themselves, and leave; nothing unfinished goes, and the evidence goes on."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from gateway.cli.program import run
from gateway.errors import ConfigurationError, MessageUnknown
from gateway.lifecycle import State
from gateway.model import Entry
from gateway.shell.archived import rows_of, verify_archive
from gateway.shell.config import Retention, load_settings
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.queries import message, messages, status
from gateway.shell.retention import archive_before, forget_keys, keep_house, months_back
from gateway.shell.store import Store
from gateway.shell.worker import Periodic, Worker
from tests.builders import CUSTOMS, HEALTH, FrozenClock, a_receipt, a_sealed
from tests.database import wait_until
from tests.store.months import Come, day
from tests.store.steps import ASK, count, enter, waiting


def test_a_month_that_has_not_ended_is_never_archived(store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """Whoever asks: messages of it may still come."""
    with pytest.raises(ConfigurationError, match="2027-01-01 has not come yet"):
        archive_before(store, datetime(2027, 1, 1, tzinfo=UTC), tmp_path, clock, drop=True)
    assert list(tmp_path.iterdir()) == []


def test_old_months_leave_and_prove_themselves(
    three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Two of three months go: bytes exact in the files, evidence unbroken in both places, and the row says where."""
    before = {name: count(store, name) for name in ("message", "evidence", "message_key", "delivery")}
    done = archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    gone = [one.month for one in done if one.dropped]
    assert gone[-2:] == ["2026-09", "2026-10"]
    assert count(store, "message") == 6
    assert (count(store, "message_key"), count(store, "delivery")) == (before["message_key"], before["delivery"])
    assert count(store, "evidence") < before["evidence"]
    assert count(store, "intake") == 0

    report = verify_archive(tmp_path)
    assert (report.broken, report.messages) == ("", 12)
    kept = verify_chains(store)
    assert kept.broken is None
    assert report.links + kept.links >= before["evidence"] + 2

    rows = {row["id"]: row for row in rows_of(tmp_path / "2026-09", "message")}
    assert rows[str(three[0].id)]["sender"] == CUSTOMS
    with pytest.raises(MessageUnknown, match=f"is archived in {tmp_path / '2026-09'}"):
        message(store, three[0].id)
    with pytest.raises(MessageUnknown, match="came on 2026-09-15 and is archived"):
        status(store, CUSTOMS, three[0].claims.message_id)
    assert {one.received_at.month for one in messages(store, partner=HEALTH).lines} == {11}
    assert len(messages(store, partner=HEALTH).lines) == 6


def test_an_id_that_was_archived_is_still_a_repeat(
    three: list[Entry], ledger: PostgresLedger, store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """The stored answer again, until the keys' own time has passed."""
    archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    assert enter(ledger, three[0], a_sealed(b"another")) == a_sealed()
    assert not ledger.requeue(three[0].id, ASK, who="me", why="")
    assert forget_keys(store, day(10, 1)) == 12
    assert ledger.recall(CUSTOMS, three[0].claims.message_id) is None
    assert ledger.recall(CUSTOMS, three[3].claims.message_id) is not None
    forget_keys(store, day(12, 1))
    assert ledger.recall(CUSTOMS, three[6].claims.message_id) is not None
    assert verify_chains(store).broken is None


@pytest.mark.parametrize("state", [{"settled": False}, {"answered": False}], ids=str)
def test_what_is_not_finished_stays_with_its_month_and_all_later_ones(
    come: Come, store: Store, clock: FrozenClock, tmp_path: Path, state: dict[str, bool]
) -> None:
    """Archived they are; gone they are not, until the last one has ended."""
    come(8)
    open_one = come(9, **state)
    come(10)
    come(11)
    done = archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    held = {one.month: one for one in done}
    assert (held["2026-09"].held_by, held["2026-09"].dropped) == ((open_one.id,), False)
    assert (held["2026-10"].held_by, held["2026-10"].dropped) == ((), False)
    assert message(store, open_one.id).entry.id == open_one.id
    assert verify_chains(store).broken is None


def test_what_came_after_the_files_were_written_stays(
    come: Come, ledger: PostgresLedger, store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """A month that changed is written again before it goes."""
    late = come(10, settled=False)
    come(11)
    archive_before(store, day(11, 1), tmp_path, clock)
    ledger.settle(waiting(store, late.id), State.DELIVERED, receipt=a_receipt("x"))
    assert archive_before(store, day(11, 1), tmp_path, clock, drop=True)[-1].dropped
    assert verify_archive(tmp_path).broken == ""
    assert [row["entry"] for row in rows_of(tmp_path / "2026-10", "receipt")] == [str(late.id)]


@pytest.mark.parametrize("table", ["message", "outgoing", "receipt", "message_key", "evidence"])
def test_a_changed_file_is_found_out(
    three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path, table: str
) -> None:
    """By its hash; and when the manifest was changed with it, by the evidence."""
    archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    file, note = tmp_path / "2026-10" / f"{table}.jsonl.gz", tmp_path / "2026-10" / "manifest.json"
    rows = list(rows_of(tmp_path / "2026-10", table))
    column = {"message": "payload", "message_key": "answer", "evidence": "words"}.get(table, "body")
    rows[-1 if table == "evidence" else 0][column] = "AAAA"
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    assert verify_archive(tmp_path).broken == f"2026-10: {table} is not the file its manifest names"
    told = json.loads(note.read_text())
    told["files"][table]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    note.write_text(json.dumps(told))
    assert "does not hold" in verify_archive(tmp_path).broken or "no link speaks" in verify_archive(tmp_path).broken


def test_a_chain_that_begins_elsewhere_is_found_out(
    three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path
) -> None:
    """Whoever cuts more away than was archived must say so in the evidence, and cannot."""
    archive_before(store, day(11, 1), tmp_path, clock, drop=True)
    with store.session() as connection:
        connection.execute(
            "with gone as (delete from evidence where chain = 0"
            " and seq = (select min(seq) from evidence where chain = 0) returning chain, seq, link)"
            " update anchor set seq = gone.seq, link = gone.link from gone where anchor.chain = gone.chain"
        )
    broken = verify_chains(store).broken
    assert broken is not None
    assert "an archive ends" in broken.why


def test_the_policy_keeps_house(three: list[Entry], store: Store, clock: FrozenClock, tmp_path: Path) -> None:
    """Months ahead exist, old ones leave, ids are forgotten later; twice is once; without a policy nothing goes."""
    clock.now = day(12)
    assert keep_house(store, Retention(), clock) == []
    policy = Retention(months=1, keys_months=2, archive=tmp_path, months_ahead=5)
    assert [one.month for one in keep_house(store, policy, clock) if one.dropped][-2:] == ["2026-09", "2026-10"]
    assert [one.dropped for one in keep_house(store, policy, clock)] == []
    assert count(store, "message") == 6
    assert store.fetch("select to_regclass('message_202705') is not null as there")[0]["there"]
    assert {row["received_at"].month for row in store.fetch("select received_at from message_key")} == {10, 11}
    assert months_back(day(1), 2) == datetime(2025, 11, 1, tzinfo=UTC)


def test_the_commands_archive_and_verify(
    three: list[Entry], dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`gateway db archive`, then `gateway db verify` of both places; the second needs no database."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", dsn)
    assert run(["db", "archive", str(tmp_path / "a"), "--before", "2026-11-01", "--drop"]) == 0
    assert "left the database" in capsys.readouterr().out
    assert run(["db", "verify"]) == 0
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "")
    capsys.readouterr()
    assert run(["db", "verify", "--archive", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.startswith("12 messages and ")
    assert run(["db", "verify", "--archive", str(tmp_path)]) == 1


@pytest.mark.parametrize("words", ["months = 3", 'months = 3\narchive = "/a"\nkeys_months = 2'])
def test_a_policy_that_would_lose_something_is_refused(tmp_path: Path, words: str) -> None:
    """Nothing leaves without an archive; ids are known at least as long as messages."""
    file = tmp_path / "gateway.toml"
    file.write_text(f"[retention]\n{words}\n", "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert "months" in refused.value.findings[0].params["reason"]


def test_of_many_workers_one_keeps_house(store: Store, ledger: PostgresLedger, clock: FrozenClock) -> None:
    """Each hour once, whoever lives."""
    done: list[datetime] = []
    stop = Event()
    workers = [
        Worker(
            store,
            ledger,
            lambda _delivery: None,
            clock=clock,
            periodic=[Periodic(name="retention", cron="* * * * * *", do=done.append)],
        )
        for _ in range(2)
    ]
    threads = [Thread(target=worker.run, args=(stop,)) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(done) >= 3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert len(set(done)) == len(done)
