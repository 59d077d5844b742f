"""The one query behind every list of messages: it starts at the narrowest index and filters from there."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final, LiteralString

from psycopg.sql import SQL, Composable, Composed, Literal

from gateway.lifecycle import State
from gateway.shell.rows import clean, plain_id

SHORTEST: Final = 3
"""Characters from which a search text also means "begins with", and "has in it"."""
MOST_CANDIDATES: Final = 5000
"""A text that more keys begin with, or have in them, finds the newest of these; the next page goes on from there."""
LAST_CHARACTER: Final = "\U0010ffff"

BRANCH: Final[LiteralString] = """
(select distinct x.received_at, x.{id} as id from {table} x
 where {start} and (x.received_at, x.{id}) < (%(at)s, %(id)s) and x.received_at >= %(since)s{rest}
 order by 1 desc, 2 desc limit %(limit)s)
"""
OF_PARTNER: Final[LiteralString] = """
 and (exists (select from delivery d where d.entry = x.{id} and %(partner)s in (d.sender, d.receiver))
      or exists (select from message m
                 where m.received_at = x.received_at and m.id = x.{id} and m.sender = %(partner)s))
"""
IN_STATE: Final[LiteralString] = """
 and exists (select from delivery s where s.entry = x.{id} and s.state = %(state)s)
"""
OF_TYPE: Final[LiteralString] = """
 and exists (select from message t where t.received_at = x.received_at and t.id = x.{id} and t.type = %(type)s)
"""
IN_HERE: Final[LiteralString] = """
 and x.received_at >= coalesce((select max((month + interval '1 month') at time zone 'UTC') from archive
                                where dropped_at is not null), '-infinity')
"""
"""Ways of messages are known longer than the messages."""
ITS_TYPE: Final[LiteralString] = " and x.type = %(type)s"
SIDES: Final[tuple[LiteralString, ...]] = (
    "x.state = {} and x.sender = %(partner)s", "x.state = {} and x.receiver = %(partner)s",
)  # fmt: skip
"""A partner's deliveries are an index range in each state."""
ALONE: Final[LiteralString] = "x.sender = %(partner)s and x.ways = 0"
"""What a partner sent and nobody was sent: the gateway itself was told."""
IS_STATE: Final[LiteralString] = "x.state = %(state)s"
EXACT: Final[LiteralString] = "x.value = %(search)s"
CANDIDATES: Final[LiteralString] = """
(select c.received_at, c.entry
 from (select to_date(right(p.relname, 6), 'YYYYMM') as month
       from pg_inherits i join pg_class p on p.oid = i.inhrelid
       where i.inhparent = 'message_ref'::regclass order by 1 desc) p
 cross join lateral (
   select v.received_at, v.entry from message_ref v
   where v.received_at >= p.month::timestamp at time zone 'UTC'
     and v.received_at < (p.month + interval '1 month') at time zone 'UTC'
     and v.received_at <= %(at)s and v.received_at >= %(since)s and {condition}
   limit %(most)s
 ) c
 limit %(most)s)
"""
"""The months are looked through from the newest on, until there are enough."""
BEGINS: Final[LiteralString] = "v.value ~>=~ %(search)s and v.value ~<~ %(beyond)s"
HAS: Final[LiteralString] = "v.value like %(like)s and v.scheme not in ('message', 'conversation')"
MESSAGE, ENTRY = SQL("id"), SQL("entry")
MESSAGES, DELIVERIES = SQL("message"), SQL("delivery")


class How(StrEnum):
    """How keys were compared with the text that was looked for."""

    EXACT = "exact"
    BEGINS = "begins"
    HAS = "has"


def listing(
    *,
    search: str | None,
    state: str | None,
    partner: str | None,
    type: str | None = None,
    how: How = How.EXACT,
) -> tuple[Composed, dict[str, Any]]:
    """The query and its words but for `at`, `id` (the cursor), `since` and `limit`."""
    sought = plain_id(clean(search)) if search else ""
    words: dict[str, Any] = {"search": sought, "state": state, "partner": partner, "type": type}
    if sought and how != How.EXACT:
        low = sought if len(sought) >= SHORTEST else sought + LAST_CHARACTER
        like = "%" + re.sub(r"([\\%_])", r"\\\1", sought) + "%"
        words |= {"search": low, "beyond": sought + LAST_CHARACTER, "like": like, "most": MOST_CANDIDATES}
    rest = [OF_PARTNER] if partner else []
    rest += [IN_STATE] if state else []
    rest += [OF_TYPE] if type else []
    if sought:
        branches = [_sought(how, rest)]
    elif partner:
        rest = [OF_TYPE] if type else []
        states = [Literal(one) for one in ([state] if state else [one.value for one in State])]
        branches = [_branch(DELIVERIES, ENTRY, SQL(side).format(one), rest) for one in states for side in SIDES]
        branches += [] if state else [_branch(MESSAGES, MESSAGE, SQL(ALONE), rest)]
    elif state:
        branches = [_branch(DELIVERIES, ENTRY, SQL(IS_STATE), [OF_TYPE] if type else [])]
    else:
        branches = [_branch(MESSAGES, MESSAGE, SQL("true"), rest)]
    return SQL("select * from ({}) u order by 1 desc, 2 desc limit %(limit)s").format(
        SQL(" union ").join(branches)
    ), words


def _sought(how: How, rest: list[LiteralString]) -> Composed:
    if how == How.EXACT:
        return _branch(SQL("message_ref"), ENTRY, SQL(EXACT), rest)
    return _branch(
        SQL(CANDIDATES).format(condition=SQL(BEGINS if how == How.BEGINS else HAS)), ENTRY, SQL("true"), rest
    )


def _branch(table: Composable, column: SQL, start: Composable, rest: list[LiteralString]) -> Composed:
    own = [ITS_TYPE if one is OF_TYPE and table == MESSAGES else one for one in rest]
    own = [*own, IN_HERE] if table == DELIVERIES else own
    more = SQL("").join([SQL(one).format(id=column) for one in own])
    return SQL(BRANCH).format(id=column, table=table, start=start, rest=more)
