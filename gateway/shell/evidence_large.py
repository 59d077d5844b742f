"""Whether the pieces of long bodies still make what the evidence speaks of; hashed one piece at a time."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from gateway.shell.large_rows import WIRE, Hashed
from gateway.shell.store import Connection

ABSENT: Final[LiteralString] = """
select m.id from message m
where m.wire is null and m.payload is null
  and not exists (select from spooled s where s.received_at = m.received_at and s.entry = m.id and s.part = 'wire')
union all
select o.entry from outgoing o
where o.facts ? 'large' and not exists (
  select from evidence e where e.entry = o.entry and e.event = 'sealed'
  and e.digest = decode(o.facts #>> '{large,digests,sha256}', 'hex'))
union all
select o.entry from outgoing o
where o.facts ? 'large' and not exists (
  select from spooled s where s.received_at = o.received_at and s.entry = o.entry
  and s.part = regexp_replace(o.facts #>> '{large,name}', '^[^ ]+ [^ ]+ ', ''))
limit 1
"""
PIECES: Final[LiteralString] = """
select received_at, entry, part, number, octets from spooled order by received_at, entry, part, number
"""
DOCUMENT: Final[LiteralString] = """
select facts #> '{document,large}' from message where received_at = %s and id = %s
"""
SAID: Final[LiteralString] = """
select true from evidence
where entry = %s and digest = %s and event = any(%s) and (%s::text is null or detail ->> 'payload' = %s) limit 1
"""


def broken_body(connection: Connection) -> Any:
    """The entry of the first long body that is not what was kept; None = all of them are."""
    row = connection.execute(ABSENT).fetchone()
    if row is not None:
        return row[0]
    hashed, last = Hashed(), None
    with connection.cursor("pieces", scrollable=False) as cursor:
        cursor.itersize = 1
        for at, entry, part, _number, octets in cursor.execute(PIECES, binary=True):
            if last not in (None, (at, entry, part)) and not _said(connection, last, hashed):
                return last[1]
            if last != (at, entry, part):
                hashed = Hashed(_document(connection, at, entry) if part == WIRE else None)
            hashed.update(octets)
            last = (at, entry, part)
    return None if last is None or _said(connection, last, hashed) else last[1]


def _document(connection: Connection, at: Any, entry: Any) -> Any:
    row = connection.execute(DOCUMENT, [at, entry]).fetchone()
    return row and row[0]


def _said(connection: Connection, place: Any, hashed: Hashed) -> bool:
    _, entry, part = place
    events = ["accepted", "notice"] if part == WIRE else ["sealed"]
    payload = hashed.stretch.hexdigest() if hashed.has_stretch else None
    words = [entry, hashed.whole.digest(), events, payload, payload]
    return connection.execute(SAID, words).fetchone() is not None
