"""The one query behind every list of messages: it starts at the narrowest index and filters from there."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from psycopg.sql import SQL, Composed

from gateway.lifecycle import State
from gateway.shell.rows import clean, plain_id

SHORTEST_PREFIX: Final = 3
"""Characters from which a search text also means "begins with"."""
MOST_CANDIDATES: Final = 5000
"""Of one prefix; a prefix that more keys begin with shows the newest of these."""
LAST_CHARACTER: Final = "\U0010ffff"

BRANCH: Final[LiteralString] = """
(select distinct x.received_at, x.{id} as id from {table} x
 where {start} and (x.received_at, x.{id}) < (%(at)s, %(id)s) and x.received_at >= %(since)s{rest}
 order by 1 desc, 2 desc limit %(limit)s)
"""
OF_PARTNER: Final[LiteralString] = """
 and (exists (select from delivery d where d.entry = x.{id} and d.receiver = %(partner)s)
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
EXACT: Final[LiteralString] = "x.value = %(search)s"
BEGINS: Final[LiteralString] = "true"
CANDIDATES: Final[LiteralString] = """
(select received_at, entry from message_ref where value ~>=~ %(search)s and value ~<~ %(beyond)s limit %(most)s)
"""
MESSAGE, ENTRY = SQL("id"), SQL("entry")


def listing(
    *,
    search: str | None,
    state: str | None,
    partner: str | None,
    type: str | None = None,
    prefix: bool = False,
) -> tuple[Composed, dict[str, Any]]:
    """The query and its words but for `at`, `id` (the cursor), `since` and `limit`."""
    sought = plain_id(clean(search)) if search else ""
    words: dict[str, Any] = {"search": sought, "state": state, "partner": partner, "type": type}
    if sought and prefix:
        low = sought if len(sought) >= SHORTEST_PREFIX else sought + LAST_CHARACTER
        words |= {"search": low, "beyond": sought + LAST_CHARACTER, "most": MOST_CANDIDATES}
    rest = [OF_PARTNER] if partner else []
    rest += [IN_STATE] if state else []
    rest += [OF_TYPE] if type else []
    if sought:
        branches = [_branch(CANDIDATES, ENTRY, BEGINS, rest) if prefix else _branch("message_ref", ENTRY, EXACT, rest)]
    elif state and state != State.DELIVERED:
        branches = [_branch("delivery", ENTRY, "x.state = %(state)s", [one for one in rest if one is not IN_STATE])]
    elif partner:
        rest = [one for one in rest if one is not OF_PARTNER]
        sent = _branch("message", MESSAGE, "x.sender = %(partner)s", rest)
        branches = [sent, _branch("delivery", ENTRY, "x.receiver = %(partner)s", rest)]
    else:
        branches = [_branch("message", MESSAGE, "true", rest)]
    return SQL("select * from ({}) u order by 1 desc, 2 desc limit %(limit)s").format(
        SQL(" union ").join(branches)
    ), words


def _branch(table: LiteralString, column: SQL, start: LiteralString, rest: list[LiteralString]) -> Composed:
    own = [ITS_TYPE if one is OF_TYPE and table == "message" else one for one in rest]
    own = [*own, IN_HERE] if table == "delivery" else own
    more = SQL("").join([SQL(one).format(id=column) for one in own])
    return SQL(BRANCH).format(id=column, table=SQL(table), start=SQL(start), rest=more)
