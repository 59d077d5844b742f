"""What people and partners ask of the store. Every page is an index range: its time does not grow with the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from gateway.errors import MessageUnknown
from gateway.lifecycle import State
from gateway.model import MessageId, PartnerId
from gateway.shell import rows
from gateway.shell.listing import SHORTEST, How, listing
from gateway.shell.own_ids import outgoing_words, uuid_of
from gateway.shell.pages import (
    DeliveryLine,
    EvidenceLine,
    IntakeLine,
    IntakePage,
    KeptBytes,
    KeptReceipt,
    MessageLine,
    MessagePage,
    MessageStory,
    Overdue,
    Status,
)
from gateway.shell.parts import searches_parts
from gateway.shell.retention import archived_in
from gateway.shell.store import Store

LINES: Final[LiteralString] = """
select m.id, m.received_at, m.sender, m.type, m.message_id, m.conversation_id, m.priority,
       m.facts #> '{document,keys}' as keys, d.receivers, d.states, d.settled_at, d.code
from unnest(%s::timestamptz[], %s::uuid[]) as x(received_at, id)
join message m on m.received_at = x.received_at and m.id = x.id
left join lateral (
  select array_agg(receiver order by seq) as receivers, array_agg(state) as states,
         case when bool_and(settled_at is not null) then max(settled_at) end as settled_at,
         coalesce(max(code) filter (where state not in ('queued', 'delivered')), '') as code
  from delivery where entry = m.id
) d on true
order by m.received_at desc, m.id desc
"""
WHEN: Final[LiteralString] = """
select received_at from delivery where entry = %(id)s
union all
select m.received_at
from evidence e
join message m on m.id = e.entry and m.received_at between e.at - interval '1 day' and e.at + interval '1 day'
where e.entry = %(id)s and e.event in ('accepted', 'notice')
limit 1
"""
WHOLE: Final[LiteralString] = """
select m.id, m.sender, m.type, m.message_id, m.received_at, m.priority, m.answers, m.facts, m.wire,
       document_of(m) as payload, k.answer, k.answer_facts
from message m left join message_key k on k.partner = m.sender and k.message_id = m.message_id and k.entry = m.id
where m.received_at = %s and m.id = %s
"""
DELIVERIES: Final[LiteralString] = """
select corridor, receiver, lane, state, attempts, 'urn:uuid:' || out_id as message_id, deadline, code, detail,
       settled_at, answer_due, answered_by, silent_at
from delivery where entry = %s order by seq
"""
SEALED: Final[LiteralString] = """
select corridor, number, kept_at, facts, body from outgoing where received_at = %s and entry = %s order by kept_at
"""
RECEIPTS: Final[LiteralString] = """
select corridor, kept_at, facts, body from receipt where received_at = %s and entry = %s order by kept_at
"""
EVIDENCE: Final[LiteralString] = """
select chain, seq, at, event, coalesce(encode(digest, 'hex'), '') as digest, detail, encode(link, 'hex') as link
from evidence where entry = %s order by at, chain, seq
"""
RELATED: Final[LiteralString] = """
select distinct received_at, entry from (
  (select received_at, entry from delivery where entry = %(answers)s)
  union all
  (select o.received_at, o.entry from delivery d join delivery o on o.entry = d.answered_by where d.entry = %(id)s)
  union all
  (select received_at, entry from message_ref where value = %(talk)s and scheme = 'conversation'
   order by received_at desc limit 50)
) x where entry <> %(id)s
"""
OWN: Final[LiteralString] = """
select k.message_id, m.type, k.received_at, k.entry
from message_key k left join message m on m.received_at = k.received_at and m.id = k.entry
where k.partner = %s and k.message_id = %s
"""
OVERDUE: Final[LiteralString] = """
select w.*
from (
  select entry, corridor from delivery
  where answer_due <= %s and answered_by is null and silent_at is null and state in ('queued', 'delivered')
  order by answer_due limit %s
) d
join delivery_way w using (entry, corridor)
order by w.answer_due
"""
INTAKES: Final[LiteralString] = """
select incident, at, peer, claimed, size, digest, code, threat, detail, findings, alarm from intake
where (at, incident) < (%(at)s, %(id)s) and at >= %(since)s and (not %(alarms)s or alarm)
order by at desc, incident desc limit %(limit)s
"""
BY_ID: Final[LiteralString] = """
select entry from delivery where entry between %(first)s and %(last)s and out_id = %(out_id)s
union
select entry from delivery where entry = %(out_id)s
limit 1
"""
LAST: Final = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
FIRST: Final = datetime.min.replace(tzinfo=UTC)


def messages(
    store: Store,
    *,
    search: str | None = None,
    state: str | None = None,
    partner: str | None = None,
    type: str | None = None,
    since: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> MessagePage:
    """Messages newest first: all, or those a person looks for.

    `search` is a business key, message id or conversation id: the exact text, else what begins with it, else business
    keys that have it in them, where the database can do that (`searches_parts`). `state` is that of any delivery,
    `partner` sent or receives it. Raises ValueError for a cursor that is not ours.
    """
    (at, last), how = read_cursor(cursor), _how(cursor)
    given = {"at": at, "id": last, "since": since or FIRST, "limit": limit + 1}
    found: list[dict[str, Any]] = []
    ways = [How.EXACT, How.BEGINS, How.HAS] if search and cursor is None else [how]
    for how in ways:
        if how == How.HAS and (len(search or "") < SHORTEST or not searches_parts(store)):
            break
        query, words = listing(search=search, state=state, partner=partner, type=type, how=how)
        found = store.fetch(query, words | given)
        if found:
            break
    lines = _lines(store, [(row["received_at"], row["id"]) for row in found[:limit]])
    end = found[limit - 1] if len(found) > limit else None
    return MessagePage(lines=lines, next=write_cursor(end["received_at"], end["id"], how) if end else None, how=how)


def message(store: Store, entry: UUID) -> MessageStory:
    """All that is kept of one message. Raises MessageUnknown."""
    when = store.fetch(WHEN, {"id": entry})
    whole = store.fetch(WHOLE, [when[0]["received_at"], entry]) if when else []
    if when and not whole:
        raise MessageUnknown(f"message {entry} is archived in {archived_in(store, when[0]['received_at'], entry)}")
    if not whole:
        raise MessageUnknown(f"no message {entry}")
    row, place = whole[0], [when[0]["received_at"], entry]
    facts, deliveries = row["facts"], _deliveries(store, entry)
    return MessageStory(
        entry=rows.entry_of(row),
        wire=row["wire"],
        wire_facts=facts.get("wire", {}),
        seal=facts.get("seal", {}),
        steps=facts.get("steps", {}),
        answer=rows.sealed_of(row["answer_facts"], row["answer"]) if row["answer_facts"] else None,
        state=whole_state([one.state for one in deliveries]),
        deliveries=deliveries,
        sealed=tuple(_kept_bytes(one) for one in store.fetch(SEALED, place)),
        receipts=tuple(_kept_receipt(one) for one in store.fetch(RECEIPTS, place)),
        evidence=tuple(EvidenceLine(**in_utc(one)) for one in store.fetch(EVIDENCE, [entry])),
        related=_related(store, row),
    )


def entry_by_our_id(store: Store, text: str) -> UUID | None:
    """The message that an id of ours names: its own, or that of an envelope we sent for it."""
    wanted = uuid_of(text.strip())
    found = store.fetch(BY_ID, outgoing_words(wanted)) if wanted else []
    return found[0]["entry"] if found else None


def status(store: Store, partner: PartnerId, message_id: MessageId) -> Status:
    """How a partner's own message stands. Raises MessageUnknown, for other partners' messages too."""
    found = store.fetch(OWN, [partner, rows.clean(message_id)])
    if not found:
        raise MessageUnknown(f"no message {message_id} of {partner}")
    row = found[0]
    if row["type"] is None:
        raise MessageUnknown(f"message {message_id} of {partner} came on {row['received_at']:%Y-%m-%d} and is archived")
    deliveries = _deliveries(store, row["entry"])
    return Status(
        message_id=row["message_id"],
        type=row["type"],
        received_at=row["received_at"].astimezone(UTC),
        state=whole_state([one.state for one in deliveries]),
        deliveries=deliveries,
    )


def overdue(store: Store, now: datetime, *, limit: int = 100) -> tuple[Overdue, ...]:
    """Questions whose answer should be here and is not, the longest waiting first; each once, until it is said."""
    return tuple(
        Overdue(
            entry=rows.entry_of(row), corridor=row["corridor"], receiver=row["receiver"], due=in_utc(row)["answer_due"]
        )
        for row in store.fetch(OVERDUE, [now, limit])
    )


def intakes(
    store: Store,
    *,
    since: datetime | None = None,
    alarms: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> IntakePage:
    """Refused messages newest first; `alarms` = only those that somebody must look at."""
    at, last = read_cursor(cursor)
    words = {"at": at, "id": last, "since": since or FIRST, "alarms": alarms, "limit": limit + 1}
    found = [in_utc(row) for row in store.fetch(INTAKES, words)]
    lines = tuple(IntakeLine(**{**row, "findings": tuple(row["findings"])}) for row in found[:limit])
    following = write_cursor(lines[-1].at, lines[-1].incident) if len(found) > limit else None
    return IntakePage(lines=lines, next=following)


def whole_state(states: list[str]) -> str:
    """The state of a message: that of its least happy delivery, and `queued` while any is on its way."""
    for state in (State.QUEUED, State.FAILED, State.REFUSED, State.EXPIRED, State.DELIVERED):
        if state in states:
            return state.value
    return State.DELIVERED.value


def write_cursor(at: datetime, last: UUID, how: How = How.EXACT) -> str:
    """Where a page ended, and how it was looked for."""
    return f"{at.astimezone(UTC).isoformat()}_{last}" + ("" if how == How.EXACT else f"_{how}")


def read_cursor(cursor: str | None) -> tuple[datetime, UUID]:
    """Where a page starts; ValueError for text that no page gave."""
    if cursor is None:
        return LAST
    at, _, last = cursor.partition("_")
    return datetime.fromisoformat(at).astimezone(UTC), UUID(last.partition("_")[0])


def _how(cursor: str | None) -> How:
    """How a page that goes on was looked for; ValueError for a word that is none of ours."""
    words = (cursor or "").split("_")
    return How(words[2]) if len(words) > 2 else How.EXACT  # noqa: PLR2004 - the third word


def in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """The same row with its times in UTC."""
    return {key: value.astimezone(UTC) if isinstance(value, datetime) else value for key, value in row.items()}


def _lines(store: Store, places: list[tuple[datetime, UUID]]) -> tuple[MessageLine, ...]:
    found = store.fetch(LINES, [[at for at, _ in places], [one for _, one in places]]) if places else []
    return tuple(_line(in_utc(row)) for row in found)


def _line(row: dict[str, Any]) -> MessageLine:
    states, receivers = row.pop("states") or [], row.pop("receivers") or []
    keys = tuple((scheme, value) for scheme, value in row.pop("keys"))
    return MessageLine(**row, keys=keys, receivers=tuple(receivers), state=whole_state(states))


def _deliveries(store: Store, entry: UUID) -> tuple[DeliveryLine, ...]:
    return tuple(DeliveryLine(**in_utc(row)) for row in store.fetch(DELIVERIES, [entry]))


def _kept_bytes(row: dict[str, Any]) -> KeptBytes:
    sealed = rows.sealed_of(row["facts"], row["body"])
    at = row["kept_at"].astimezone(UTC)
    return KeptBytes(corridor=row["corridor"], number=row["number"], kept_at=at, sealed=sealed)


def _kept_receipt(row: dict[str, Any]) -> KeptReceipt:
    receipt = rows.receipt_of(row["facts"], row["body"])
    return KeptReceipt(corridor=row["corridor"], kept_at=row["kept_at"].astimezone(UTC), receipt=receipt)


def _related(store: Store, row: dict[str, Any]) -> tuple[MessageLine, ...]:
    talk = rows.plain_id(row["facts"]["claims"].get("conversation_id", "") or "-")
    words = {"answers": row["answers"], "id": row["id"], "talk": talk}
    return _lines(store, [(one["received_at"], one["entry"]) for one in store.fetch(RELATED, words)])
