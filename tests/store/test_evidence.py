"""Whoever changes what was kept is found out."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import pytest

from gateway.cli.program import run
from gateway.lifecycle import State
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.store import Store
from tests.builders import CountedIds, a_receipt, a_sealed, an_intake
from tests.database import wait_until
from tests.store.steps import ask, chain_heads, waiting


@pytest.fixture
def full(ledger: PostgresLedger, store: Store, ids: CountedIds) -> Store:
    """Five messages, delivered, and one refused."""
    for number in range(1, 6):
        entry = ask(ledger, number)
        delivery = waiting(store, entry.id)
        ledger.keep(delivery, a_sealed(f"sealed {number}".encode()))
        ledger.settle(waiting(store, entry.id), State.DELIVERED, receipt=a_receipt(delivery.message_id))
    ledger.refuse(an_intake(ids()))
    return store


def test_untouched_evidence_holds(full: Store) -> None:
    """Every link is recomputed; the root stands for all heads."""
    report = verify_chains(full)
    assert (report.links, report.chains, report.broken) == (21, 32, None)
    assert len(report.root) == 64
    assert sum(links for _, links, _ in chain_heads(full)) == 21


def test_the_command_says_whether_it_holds(
    full: Store, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`gateway db verify` ends with 0 and the root, or with 1 and the first wrong place."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", dsn)
    root = verify_chains(full).root
    assert run(["db", "verify"]) == 0
    assert capsys.readouterr().out == f"21 links in 32 chains hold; root {root}\n"
    with full.session() as connection:
        connection.execute(
            "update message set wire = wire || '\\x20' where id = (select min(id::text)::uuid from message)"
        )
    assert run(["db", "verify", "--links-only"]) == 0
    assert run(["db", "verify"]) == 1
    assert "BROKEN chain 0, link 1: message bytes" in capsys.readouterr().err
    with full.session() as connection:
        connection.execute("delete from evidence where seq = 5")
    assert run(["db", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["broken"]["seq"] == 6


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        ('update evidence set detail = detail || \'{"code": "x"}\' where seq = 4', 4),
        ("update evidence set at = at + interval '1 microsecond' where seq = 7", 7),
        ("update evidence set entry = null where seq = 2", 2),
        ("update evidence set digest = null where seq = 2", 2),
        ("delete from evidence where seq = 5", 6),
        ("delete from evidence where seq = 21", 21),
        ("update evidence set link = '\\x00' where seq = 3", 3),
        ("update evidence set previous = '\\x00' where seq = 3", 3),
        ("update evidence set seq = seq + 100 where seq = 21", 121),
        ("truncate evidence", 1),
    ],
)
def test_a_changed_link_is_named(full: Store, change: LiteralString, seq: int) -> None:
    """The first link that does not hold, whatever field was touched."""
    with full.session() as connection:
        connection.execute(change)
    broken = verify_chains(full).broken
    assert broken is not None
    assert (broken.chain, broken.seq) == (0, seq)


@pytest.mark.parametrize(
    "change",
    [
        "update message set wire = wire || '\\x20' where message_id like '%-3'",
        "update message set payload = '\\x00' where message_id like '%-3'",
        "update message set payload_at = 1, payload_size = 3 where message_id like '%-3'",
        "update message_key set answer = '\\x00' where message_id like '%-3'",
        "update outgoing set body = body || '\\x00' where number = 1",
        "update receipt set body = '\\x00'",
    ],
)
def test_changed_bytes_are_found_out(full: Store, change: LiteralString) -> None:
    """The chain vouches for the bytes too."""
    with full.session() as connection:
        connection.execute(change)
    broken = verify_chains(full).broken
    assert broken is not None
    assert "are not those that were kept" in broken.why
    assert verify_chains(full, content=False).broken is None


def test_chains_do_not_wait_for_one_another(ledger: PostgresLedger, store: Store) -> None:
    """Commits at the same time use several chains, and all of them hold."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: ask(ledger, number), range(1, 200)))
    report = verify_chains(store)
    assert (report.links, report.broken) == (199, None)
    assert sum(links > 0 for _, links, _ in chain_heads(store)) > 1


def test_when_all_chains_are_taken_a_commit_waits_for_one(ledger: PostgresLedger, store: Store) -> None:
    """Nothing is kept without its link."""
    with store.session() as holder, ThreadPoolExecutor(1) as threads:
        with holder.transaction():
            holder.execute("select from chain for update")
            future = threads.submit(ask, ledger, 1)
            waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            wait_until(lambda: store.fetch(waits))
            assert not future.done()
        future.result(30)
    assert verify_chains(store).links == 1
