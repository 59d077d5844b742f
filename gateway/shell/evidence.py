"""Whether the evidence still says what it said: every link of every chain, and every byte it speaks of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg.sql import SQL

from gateway.shell.evidence_large import broken_body
from gateway.shell.store import Connection, Store

LINE_WORDS: Final[LiteralString] = """
concat_ws(E'\\n', chain::text, seq::text,
  to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event, coalesce(entry::text, '-'),
  coalesce(encode(digest, 'hex'), '-'), detail::text)
"""
WORDS: Final = SQL("select chain, seq, link, previous, {} from evidence order by chain, seq").format(SQL(LINE_WORDS))
"""Spelled out here too: a function changed in the database must not vouch for itself."""

ANCHORS: Final[LiteralString] = "select chain, seq, encode(link, 'hex') from anchor"
ARCHIVED: Final[LiteralString] = """
select detail -> 'cut' from evidence where event = 'archived' order by detail ->> 'month' desc limit 1
"""

CONTENT: Final[tuple[tuple[str, LiteralString], ...]] = (
    (
        "message bytes",
        """
select e.chain, e.seq, m.id from message m
left join evidence e on e.entry = m.id and e.event in ('accepted', 'notice')
where e.entry is null or e.digest <> sha256(coalesce(m.wire, m.payload))
   or e.detail ->> 'payload' <> encode(sha256(
        coalesce(m.payload, substr(m.wire, m.payload_at + 1, m.payload_size), m.wire)), 'hex') limit 1
""",
    ),
    (
        "stored answer",
        """
select e.chain, e.seq, k.entry as id from message_key k
join evidence e on e.entry = k.entry and e.event = 'accepted'
where e.detail ->> 'answer' <> encode(sha256(k.answer), 'hex') limit 1
""",
    ),
    (
        "sealed bytes",
        """
select null::int as chain, null::bigint as seq, o.entry as id from outgoing o
where not o.facts ? 'large' and not exists (
  select from evidence e where e.entry = o.entry and e.event = 'sealed' and e.digest = sha256(o.body))
or o.facts ? 'large' and o.body <> '' and not exists (
  select from evidence e where e.entry = o.entry and e.event = 'sealed'
  and e.detail ->> 'around' = encode(sha256(o.body), 'hex') || ' ' || (o.facts ->> 'split'))
limit 1
""",
    ),
    (
        "receipt bytes",
        """
select null::int as chain, null::bigint as seq, r.entry as id from receipt r
where not exists (select from evidence e where e.entry = r.entry and e.event = 'receipt' and e.digest = sha256(r.body))
limit 1
""",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first place where the evidence does not hold."""

    chain: int | None
    seq: int | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """How many links were recomputed; `broken` None = all of them hold. `root` stands for all heads at this moment."""

    links: int
    chains: int
    root: str
    broken: Broken | None


def verify_chains(store: Store, *, content: bool = True) -> ChainReport:
    """Recompute every link from its own words and, with `content`, the digest of every kept byte they speak of.

    Everything is read from one snapshot, so accepting goes on meanwhile.
    """

    def work(connection: Connection) -> ChainReport:
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read read only")
            return _verify(connection, content=content)

    return store.run(work)


def _verify(connection: Connection, *, content: bool) -> ChainReport:
    heads = {row[0]: (row[1], row[2]) for row in connection.execute("select id, seq, head from chain order by id")}
    root = hashlib.sha256(b"".join(head for _, head in heads.values())).hexdigest()
    links, broken = _links(connection, heads)
    if broken is None:
        broken = _anchors(connection)
    if broken is None and content:
        broken = _content(connection)
    return ChainReport(links=links, chains=len(heads), root=root, broken=broken)


def _links(connection: Connection, heads: dict[int, tuple[int, bytes]]) -> tuple[int, Broken | None]:
    last = {chain: (0, hashlib.sha256(f"chain {chain}".encode()).digest()) for chain in heads}
    last |= {row[0]: (row[1], row[2]) for row in connection.execute("select chain, seq, link from anchor")}
    links = 0
    with connection.cursor("links") as cursor:
        cursor.itersize = 5000
        for row in cursor.execute(WORDS):
            why = _fault(row, last)
            if why:
                return links, Broken(chain=row[0], seq=row[1], why=why)
            last[row[0]] = (row[1], row[2])
            links += 1
    for chain, head in heads.items():
        if last[chain] != head:
            return links, Broken(chain=chain, seq=last[chain][0] + 1, why="the chain ends before its head")
    return links, None


def _anchors(connection: Connection) -> Broken | None:
    """Where chains begin must be what the evidence itself says was archived, no more and no less."""
    found = {str(row[0]): [row[1], row[2]] for row in connection.execute(ANCHORS)}
    row = connection.execute(ARCHIVED).fetchone()
    if found == (row[0] if row else {}):
        return None
    return Broken(chain=None, seq=None, why="the chains do not begin where the evidence says that an archive ends")


def _fault(row: Any, last: dict[int, tuple[int, bytes]]) -> str:
    chain, seq, link, previous, words = row
    before = last.get(chain)
    if before is None or seq != before[0] + 1:
        return "a link is missing before this one"
    if previous != before[1]:
        return "it does not continue the link before it"
    if hashlib.sha256(previous + words.encode()).digest() != link:
        return "its words are not those it was made over"
    return ""


def _content(connection: Connection) -> Broken | None:
    for what, query in CONTENT:
        row = connection.execute(query).fetchone()
        if row is not None:
            return Broken(chain=row[0], seq=row[1], why=f"{what} of {row[2]} are not those that were kept")
    entry = broken_body(connection)
    if entry is not None:
        return Broken(chain=None, seq=None, why=f"the pieces of {entry} are not those that were kept")
    return None
