"""`gateway lanes` against a real database: what waits, what died, and what a person does, with name and reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.program import run
from gateway.lifecycle import State
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from tests.builders import AEO, CHINA, CUSTOMS, HEALTH, CountedIds, FrozenClock, some_corridors
from tests.database import dsn, server, store
from tests.store.steps import ask, states, waiting

__all__ = ["dsn", "server", "store"]


@pytest.fixture
def ledger(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PostgresLedger:
    """A ledger whose database the commands find in their settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(f"database_url = {json.dumps(store.dsn)}\n", "utf-8")
    return PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds())


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line."""
    code = run(["lanes", *words])
    caught = capsys.readouterr()
    return code, caught.out, caught.err


def test_an_outage_is_told_with_whom_to_call(
    ledger: PostgresLedger, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list for people, and the same as JSON."""
    ledger.postpone(waiting(store, ask(ledger, 1).id), code="delivery.failed", detail="HTTP 503")
    code, out, _ = told(capsys)
    assert code == 0
    assert HEALTH in out
    assert "out for" in out
    assert "duty officer, permit register" in out
    assert "delivery.failed: HTTP 503" in out
    lane = json.loads(told(capsys, "list", "--json")[1])[0]
    assert (lane["state"], lane["queued"], lane["failures"], lane["code"]) == ("out", 1, 1, "delivery.failed")
    assert lane["contact"]["email"]


def test_lanes_of_partners_that_got_nothing_yet_are_listed(
    ledger: PostgresLedger, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """All partners that have a record, open and empty; a lane that was used stands once."""
    lanes = json.loads(told(capsys, "--json")[1])
    assert {HEALTH, CHINA, CUSTOMS, AEO} <= {lane["lane"] for lane in lanes}
    assert {(lane["state"], lane["queued"]) for lane in lanes} == {("open", 0)}
    ask(ledger, 1)
    again = json.loads(told(capsys, "--json")[1])
    assert len(again) == len(lanes)
    assert [lane["queued"] for lane in again if lane["lane"] == HEALTH] == [1]
    assert told(capsys)[1].count("open") == len(lanes)


def test_a_person_holds_releases_and_hurries_a_lane(
    ledger: PostgresLedger, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each act is in the evidence; an unknown lane is guessed."""
    ask(ledger, 1)
    for word in ("hold", "retry", "release"):
        assert told(capsys, word, HEALTH, "--why", "ticket 4711", "--who", "Айгүл")[0] == 0
    query = "select event, detail from evidence where detail ? 'who' order by at, chain, seq"
    found = [(row["event"], row["detail"]) for row in store.fetch(query)]
    assert [event for event, _ in found] == ["paused", "hurried", "resumed"]
    assert found[0][1] == {"lane": HEALTH, "who": "Айгүл", "why": "ticket 4711"}
    code, _, err = told(capsys, "hold", "health_kx", "--why", "ticket 4711")
    assert code == 2
    assert f"Did you mean {HEALTH}?" in err
    assert told(capsys, "hold", HEALTH)[0] == 2


def test_what_was_not_done_is_not_said(
    ledger: PostgresLedger, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lane that nobody holds is not released, and on a held one nothing is tried."""
    ask(ledger, 1)
    code, out, err = told(capsys, "release", HEALTH, "--why", "ticket 4711")
    assert (code, out) == (1, "")
    assert "nobody holds it" in err
    assert store.fetch("select event from evidence where event = 'resumed'") == []
    told(capsys, "hold", HEALTH, "--why", "ticket 4711")
    code, out, _ = told(capsys, "retry", HEALTH, "--why", "ticket 4711")
    assert (code, out) == (0, f"{HEALTH}: held by a person, so nothing leaves until it is released\n")
    assert told(capsys, "release", HEALTH, "--why", "ticket 4711")[:2] == (0, f"{HEALTH}: released\n")
    assert told(capsys, "retry", HEALTH, "--why", "ticket 4711")[1] == f"{HEALTH}: tries now\n"


def test_a_dead_letter_is_listed_and_sent_again(
    ledger: PostgresLedger, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its id, once."""
    entry = ask(ledger, 1)
    ledger.settle(waiting(store, entry.id), State.EXPIRED, code="delivery.expired")
    (dead,) = json.loads(told(capsys, "dead", "--json")[1])
    assert (dead["entry"], dead["state"], dead["contact"]["language"]) == (str(entry.id), "expired", "kk")
    assert str(entry.id) in told(capsys, "dead")[1]
    assert told(capsys, "resend", str(entry.id), "--why", "they are back")[0] == 0
    assert states(store) == ["queued"]
    code, _, err = told(capsys, "resend", str(entry.id), "--why", "once more")
    assert (code, err.strip()) == (1, "nothing to send again")
    assert told(capsys, "resend", "4711", "--why", "they are back")[0] == 2


def test_what_is_due_soon_is_told_first(ledger: PostgresLedger, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 while something waits against the clock."""
    ask(ledger, 1)
    code, out, _ = told(capsys, "due", "--hours", "1000000", "--json")
    assert code == 1
    (one,) = json.loads(out)
    assert one["priority"] == "B"
    assert one["due"] == one["deadline"]
