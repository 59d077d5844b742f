"""How fast the console's list answers over a full store: first page, searches, filters, the two-second poll.

    python -m bench.console [--messages 100000] [--rounds 20]

Method: own embedded server with all safety settings on; messages of one day written in bulk (two business keys and one
delivery each, 2 % failed, 1 % on their way); every page is asked through the whole WSGI application in this process,
so a time holds routing, queries and the page's HTML. The table shows the median and the slowest of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import psycopg
import uuid6

from gateway import registry
from gateway.setup import Setup
from gateway.shell.config import Settings
from gateway.shell.console import make_console
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from gateway.testing import LoopCourier, counting_ids, make_trust

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
FILL = """
create temporary table seeded as
select n, gen_random_uuid() as id, %(now)s - n * interval '1 second' * %(gap)s as at,
       (array['LPCO_QUERY', 'DEC_LODGED', 'LPCO_DEBIT', 'HEALTH_PERMIT_ANSWER'])[1 + n %% 4] as type,
       'KZ11VTS' || lpad(n::text, 8, '0') as permit, '57505/231126/' || lpad((n / 4)::text, 7, '0') as declaration,
       case when n %% 50 = 0 then 'failed' when n %% 100 = 1 then 'queued' else 'delivered' end as state
from generate_series(1, %(count)s) as n;
"""
COPY = (
    """
insert into message (received_at, id, sender, receiver, type, message_id, conversation_id, priority, facts, wire, ways)
select at, id, 'customs_kz', 'health_kz', type, 'urn:uuid:' || id, 'c-' || n / 4, 'B',
       jsonb_build_object('document', jsonb_build_object('version', '1', 'schema', 'xsd/lpco/query.xsd@0',
         'keys', jsonb_build_array(jsonb_build_array('permit', permit), jsonb_build_array('declaration', declaration))),
         'padding', repeat('x', 900)), convert_to(repeat('<a/>', 500), 'UTF8'), 1 from seeded
""",
    "insert into message_ref select at, permit, 'permit', id from seeded",
    "insert into message_ref select at, declaration, 'declaration', id from seeded",
    """
insert into delivery (entry, corridor, received_at, lane, sender, receiver, out_id, state, deadline, code, settled_at)
select id, 'health-query', at, 'health_kz', 'customs_kz', 'health_kz', gen_random_uuid(), state, at + interval '1 day',
       case state when 'failed' then 'mapping.gap' else '' end,
       case state when 'queued' then null else at end from seeded
""",
    "analyze",
)
PAGES = (
    "/", "/rows", "/?window=all", "/?state=failed", "/?state=delivered", "/?state=queued&window=all",
    "/?partner=health_kz", "/?type=DEC_LODGED", "/?type=AEO_MASTER_FULL", "/?search=KZ11VTS00050000",
    "/?search=KZ11VTS", "/?search=57505/231126/0000777", "/?search=nothing", "/lanes", "/refused",
)  # fmt: skip


@dataclass(frozen=True)
class House:
    """What the console is made over."""

    settings: Settings
    store: Store
    ledger: PostgresLedger
    setup: Setup


def fill(dsn: str, count: int) -> None:
    """`count` messages lie within one day before NOW."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(FILL, {"now": NOW, "gap": 80_000 / count, "count": count})
        for statement in COPY:
            connection.execute(statement)


def house(store: Store, state: Path) -> House:
    """The shipped adapters over the store, partners in memory."""
    rules = registry.load()
    names = {side for one in rules.corridors.values() for side in (one.sender, one.receiver)} - {"gateway"}
    trust = make_trust({name: "soap-gw-1" for name in names})

    def clock() -> datetime:
        return NOW + timedelta(seconds=1)

    ledger = PostgresLedger(store, rules.corridors.values(), clock=clock, ids=uuid6.uuid7)
    setup = Setup(
        partners=trust.partners, schemas=rules.schemas, corridors=rules.corridors, translations=rules.translations,
        keyring=trust.keyring, ledger=ledger, courier=LoopCourier(trust, clock=clock, ids=counting_ids("bench")),
        clock=clock, ids=uuid6.uuid7,
    )  # fmt: skip
    return House(Settings(state_dir=state, database_url=store.dsn), store, ledger, setup)


def main() -> None:
    """Fill, ask, tell."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--messages", type=int, default=100_000)
    words.add_argument("--rounds", type=int, default=20)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as place, Postgres(Path(place) / "postgres") as server:
        apply_schema(server.dsn, NOW)
        fill(server.dsn, given.messages)
        with Store(server.dsn) as store:
            client = make_console(house(store, Path(place))).test_client()
            print(f"{given.messages} messages, {given.rounds} rounds, milliseconds")
            print("\npage | median | slowest\n---|---|---")
            for path in PAGES:
                took = [ask(client, path) for _ in range(given.rounds)]
                print(f"`{path}` | {statistics.median(took):.1f} | {max(took):.1f}")


def ask(client: object, path: str) -> float:
    """Milliseconds of one page."""
    started = perf_counter()
    answer = client.get(path, base_url="http://127.0.0.1:8080")  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text[:300]
    return (perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
