"""Tables whose indexes rest while they are filled, and are built at once afterwards: many times faster than row by row.

Only for a server that is measured and thrown away, and only by its superuser: an index is put to rest in the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

MEANWHILE: Final = {
    "autovacuum": "off", "full_page_writes": "off", "max_wal_size": "3GB", "checkpoint_timeout": "30min",
}  # fmt: skip
"""A crash would lose the load, and nothing else is there to be lost. Commits may be late too: each loader says so."""
LEAVES: Final[LiteralString] = """
select oid::regclass::text from pg_class where oid = %(table)s::regclass and relkind = 'r'
union all
select relid::regclass::text from pg_partition_tree(%(table)s) where isleaf and relid <> %(table)s::regclass
"""
REST: Final[LiteralString] = """
update pg_index set indisready = false, indisvalid = false
where indrelid = any(%s::regclass[]) and (select relkind from pg_class where oid = indexrelid) = 'i'
"""
"""REINDEX builds them again, as `indisready` and `indisvalid` say that they are not whole."""
RESTING: Final[LiteralString] = "select count(*) from pg_index where not (indisready and indisvalid)"


@contextmanager
def unindexed(connection: Connection, tables: Sequence[str]) -> Iterator[None]:
    """No index of these tables or of their partitions is kept up until `finish`; the server writes as little as it can.

    The connection commits each statement by itself.
    """
    found = [leaf for table in tables for leaf in leaves(connection, table)]
    for name, word in MEANWHILE.items():
        connection.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(word)))
    connection.execute("select pg_reload_conf()")
    connection.execute(REST, [found])
    try:
        yield
    finally:
        for name in MEANWHILE:
            connection.execute(sql.SQL("alter system reset {}").format(sql.Identifier(name)))
        connection.execute("select pg_reload_conf()")


def leaves(connection: Connection, table: str) -> list[str]:
    """The partitions of a table, or the table itself."""
    return [str(name) for (name,) in connection.execute(LEAVES, {"table": table})]


def finish(connection: Connection, leaf: str) -> None:
    """The indexes of this partition are whole, and its pages as autovacuum would leave them."""
    connection.execute("set maintenance_work_mem = '512MB'")
    connection.execute("set max_parallel_maintenance_workers = 1")
    connection.execute(sql.SQL("reindex table {}").format(sql.Identifier(leaf)))
    connection.execute(sql.SQL("vacuum {}").format(sql.Identifier(leaf)))


def require_whole(connection: Connection) -> None:
    """Raises RuntimeError when an index rests still."""
    found = connection.execute(RESTING).fetchone()
    if found is None or found[0]:
        raise RuntimeError("an index rests still")
