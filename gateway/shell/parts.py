"""Search for any part of a business key: the indexes it needs, on every month."""

from __future__ import annotations

from typing import Final, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier

from gateway.shell.store import Store

LACKING: Final[LiteralString] = """
select p.relname, x.indexrelid is not null as begun
from pg_inherits i
join pg_class p on p.oid = i.inhrelid
left join pg_index x on x.indexrelid = to_regclass(p.relname || '_parts')
where i.inhparent = 'message_ref'::regclass and x.indisvalid is not true
order by p.relname desc
"""
EXTENSION: Final[LiteralString] = "select from pg_extension where extname = 'pg_trgm'"
INDEX: Final[LiteralString] = """
create index concurrently {} on {} using gin (value gin_trgm_ops) where scheme not in ('message', 'conversation')
"""


def searches_parts(store: Store) -> bool:
    """True where any part of a business key can be looked for, not only its beginning: every month has its index."""
    return bool(store.fetch(EXTENSION)) and not store.fetch(LACKING)


def index_parts(dsn: str) -> list[str]:
    """Index the months that came before the extension `pg_trgm` did, newest first; returns their tables.

    Nothing is locked meanwhile. What was begun and not ended is made anew. Without the extension nothing is done.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        if connection.execute(EXTENSION).fetchone() is None:
            return []
        found = connection.execute(LACKING).fetchall()
        for table, begun in found:
            index = Identifier(f"{table}_parts")
            if begun:
                connection.execute(SQL("drop index concurrently {}").format(index))
            connection.execute(SQL(INDEX).format(index, Identifier(table)))
        return [table for table, _ in found]
