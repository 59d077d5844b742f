"""Whether the pieces of long bodies still make what the evidence speaks of; hashed one piece at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, LiteralString

from gateway.shell.large_rows import WIRE, Hashed, Stretch, stretch_of
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
STRETCHES: Final[LiteralString] = """
select 'accepted', facts #> '{document,large}' from message
where received_at = %(at)s and id = %(entry)s and %(part)s = 'wire' and facts #> '{document,large}' is not null
union all
select 'sealed', facts -> 'large' from outgoing
where received_at = %(at)s and entry = %(entry)s
  and regexp_replace(facts #>> '{large,name}', '^[^ ]+ [^ ]+ ', '') = %(part)s
"""
WHOLE: Final[LiteralString] = """
select true from evidence where entry = %s and digest = %s and event in ('accepted', 'notice') limit 1
"""
SAID: Final[Mapping[str, LiteralString]] = {
    "accepted": """
select true from evidence where entry = %s and event in ('accepted', 'notice') and detail ->> 'payload' = %s limit 1
""",
    "sealed": """
select true from evidence where entry = %s and event = 'sealed' and encode(digest, 'hex') = %s limit 1
""",
}


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
                hashed = Hashed(_stretches(connection, at, entry, part))
            hashed.update(octets)
            last = (at, entry, part)
    return None if last is None or _said(connection, last, hashed) else last[1]


def _stretches(connection: Connection, at: Any, entry: Any, part: str) -> list[Stretch]:
    found = connection.execute(STRETCHES, {"at": at, "entry": entry, "part": part}).fetchall()
    return [stretch_of(event, facts) for event, facts in found]


def _said(connection: Connection, place: Any, hashed: Hashed) -> bool:
    """What came is said as a whole; the document in it, and what left of it, by itself."""
    _, entry, part = place
    if part == WIRE and connection.execute(WHOLE, [entry, hashed.whole.digest()]).fetchone() is None:
        return False
    return bool(hashed.stretches) and all(
        connection.execute(SAID[one.event], [entry, one.hashed.hexdigest()]).fetchone() is not None
        for one in hashed.stretches
    )
