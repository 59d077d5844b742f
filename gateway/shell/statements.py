"""The statements that write: each is one round trip and one commit."""

from __future__ import annotations

from typing import Final, LiteralString

_KEPT: Final[LiteralString] = """
with k as (
  insert into message_key (partner, message_id, entry, received_at, content_digest, answer, answer_facts)
  values (%(sender)s, %(message_id)s, %(id)s, %(received_at)s, %(content_digest)s, %(answer)b, %(answer_facts)s)
  on conflict do nothing
  returning entry, received_at
), m as (
  insert into message (received_at, id, sender, receiver, type, message_id, conversation_id, priority, answers,
                       facts, wire, payload, payload_at, payload_size, ways)
  select received_at, entry, %(sender)s, %(receiver)s, %(type)s, %(message_id)s, %(conversation_id)s, %(priority)s,
         %(answers)s, %(facts)s, %(wire)b, %(payload)b, %(payload_at)s, %(payload_size)s, %(ways)s
  from k
), r as (
  insert into message_ref (received_at, value, scheme, entry)
  select k.received_at, x.value, x.scheme, k.entry
  from k, unnest(%(schemes)s::text[], %(values)s::text[]) as x(scheme, value)
"""
_ANSWERED: Final[LiteralString] = """), a as (
  update delivery set answered_by = k.entry, answered_at = %(at)s
  from k
  where delivery.entry = %(answers)s and delivery.receiver = %(sender)s and delivery.answered_by is null
"""
_QUEUED: Final[LiteralString] = """), d as (
  insert into delivery (entry, corridor, received_at, lane, strand, rank, order_key, sender, receiver, out_id, deadline,
                        legal_due, answer_due)
  select k.entry, x.corridor, k.received_at, x.lane, x.strand, %(rank)s, x.order_key, %(sender)s, x.partner, x.out_id,
         x.deadline, x.legal_due, x.answer_due
  from k, unnest(%(corridors)s::text[], %(lanes)s::text[], %(strands)s::smallint[], %(order_keys)s::bigint[],
                 %(partners)s::text[], %(out_ids)s::uuid[], %(deadlines)s::timestamptz[],
                 %(legal_dues)s::timestamptz[], %(answer_dues)s::timestamptz[])
       as x(corridor, lane, strand, order_key, partner, out_id, deadline, legal_due, answer_due)
"""
_QUEUED_ONCE: Final[LiteralString] = """), d as (
  insert into delivery (entry, corridor, received_at, lane, strand, rank, order_key, sender, receiver, out_id, deadline,
                        legal_due, answer_due)
  select k.entry, %(corridor)s, k.received_at, %(lane)s, %(strand)s, %(rank)s, %(order_key)s, %(sender)s, %(partner)s,
         %(out_id)s, %(deadline)s, %(legal_due)s, %(answer_due)s
  from k
"""
_LINKED: Final[LiteralString] = """), h as (
  select k.entry, c.id, c.seq + 1 as seq, c.head
  from k, lateral (
    select id, seq, head from chain
    where coalesce(current_setting('gateway.chain', true), '') in ('', id::text)
    order by id limit 1 for update skip locked
  ) c
), e as (
  insert into evidence (chain, seq, at, event, entry, digest, detail, previous, link)
  select id, seq, %(at)s, %(event)s, entry, %(digest)b, %(detail)s, head,
         sha256(head || convert_to(evidence_words(id, seq, %(at)s, %(event)s, entry, %(digest)b, %(detail)s), 'UTF8'))
  from h
  returning chain, seq, link
), c as (
  update chain set seq = e.seq, head = e.link from e where chain.id = e.chain
)
select coalesce((select link from e), link_evidence(%(at)s, %(event)s, k.entry, %(digest)b, %(detail)s)) from k
"""
"""`link_evidence`, said in one statement: it is called itself only where no chain is free, and waits for one."""
ACCEPT: Final[LiteralString] = _KEPT + _ANSWERED + _QUEUED + _LINKED
"""Message, key, search keys, answered question, deliveries and evidence; a repeat keeps nothing and returns no row."""
ACCEPT_UNASKED: Final[LiteralString] = _KEPT + _QUEUED_ONCE + _LINKED
"""The same for most messages: what answers nothing and goes one way."""

RECALL: Final[LiteralString] = """
select content_digest, answer_facts, answer, entry from message_key where partner = %s and message_id = %s
"""

REFUSE: Final[LiteralString] = """
with i as (
  insert into intake (incident, at, peer, claimed, size, digest, code, threat, detail, findings, alarm)
  values (%(incident)s, %(at)s, %(peer)s, %(claimed)s, %(size)s, %(digest)s, %(code)s, %(threat)s, %(detail)s,
          %(findings)s, %(alarm)s)
  on conflict do nothing
  returning incident
)
select link_evidence(%(at)s, %(event)s, %(entry)s, %(wire_digest)b, %(record)s) from i
"""

ANSWERED: Final[LiteralString] = """
select 1 from delivery where entry = %s and receiver = %s and answered_by is not null limit 1
"""

KEEP: Final[LiteralString] = """
with l as (
  select number, expires_at from outgoing
  where received_at = %(received_at)s and entry = %(entry)s and corridor = %(corridor)s
  order by number desc limit 1
), i as (
  insert into outgoing (received_at, entry, corridor, number, kept_at, expires_at, facts, body)
  select %(received_at)s, %(entry)s, %(corridor)s, coalesce((select number from l), 0) + 1, %(at)s, %(expires_at)s,
         %(facts)s, %(body)b
  where not exists (select from l where expires_at is null or expires_at > %(at)s)
  on conflict do nothing
  returning entry
)
select link_evidence(%(at)s, 'sealed', i.entry, %(digest)b, %(detail)s) from i
"""

KEPT: Final[LiteralString] = """
select facts, body from outgoing
where received_at = %s and entry = %s and corridor = %s
order by number desc limit 1
"""

SETTLE: Final[LiteralString] = """
with d as (
  update delivery
  set state = %(state)s, attempts = greatest(attempts, %(attempt)s), code = %(code)s, detail = %(detail)s,
      settled_at = %(at)s
  where entry = %(entry)s and corridor = %(corridor)s and state = any(%(from)s)
  returning entry, corridor, received_at, lane
), r as (
  insert into receipt (received_at, entry, corridor, kept_at, id, facts, body)
  select received_at, entry, corridor, %(at)s, %(receipt_id)s, %(receipt)s, %(receipt_body)b
  from d where %(receipt_id)s::text is not null
  on conflict do nothing
  returning entry
), l as (
  update lane set failures = 0, held_since = null, next_at = '-infinity', pilot = null, code = '', detail = '',
                  released_at = %(at)s, sent = 0,
                  backlog = (select count(*) - 1 from delivery q where q.lane = d.lane and q.state = 'queued')
  from d where lane.lane = d.lane and lane.failures > 0 and %(reached)s
)
select (select link_evidence(%(at)s, %(event)s, d.entry, %(digest)b, %(record)s)),
       (select link_evidence(%(at)s, 'receipt', r.entry, %(receipt_digest)b, %(receipt_record)s) from r),
       (select link_evidence(%(at)s, 'alarm', d.entry, null, %(record)s) where %(alarm)s)
from d
"""
"""A partner that was reached is no longer out: its lane opens, and from now on its backlog is worked off."""

HOLD: Final[LiteralString] = """
with d as (
  update delivery set attempts = greatest(attempts, %(attempt)s), code = %(code)s, detail = %(detail)s
  where entry = %(entry)s and corridor = %(corridor)s and state = 'queued'
  returning entry, lane
), l as (
  insert into lane as l (lane, failures, held_since, next_at, pilot, code, detail)
  select lane, 1, %(at)s, %(until)s, entry, %(code)s, %(detail)s from d
  on conflict (lane) do update
  set failures = l.failures + 1, held_since = coalesce(l.held_since, excluded.held_since), pilot = excluded.pilot,
      next_at = greatest(l.next_at, excluded.next_at), code = excluded.code, detail = excluded.detail,
      released_at = null
)
select link_evidence(%(at)s, 'attempt', d.entry, null, %(record)s) from d
"""
"""The partner is out: the whole lane waits until `until`, then one pilot message goes."""

DEFER: Final[LiteralString] = """
with d as (
  update delivery set attempts = greatest(attempts, %(attempt)s), code = %(code)s, detail = %(detail)s,
                      next_at = least(%(until)s, deadline)
  where entry = %(entry)s and corridor = %(corridor)s and state = 'queued'
  returning entry, corridor, lane, order_key, seq, next_at
), f as (
  update delivery set next_at = d.next_at
  from d
  where delivery.lane = d.lane and delivery.order_key = d.order_key and delivery.state = 'queued'
    and delivery.seq > d.seq and delivery.next_at < d.next_at
)
select link_evidence(%(at)s, 'attempt', d.entry, null, %(record)s) from d
"""
"""One message waits, and with it what may not overtake it."""

SILENT: Final[LiteralString] = """
with d as (
  update delivery set silent_at = %(at)s
  where entry = %(entry)s and corridor = %(corridor)s and answered_by is null and silent_at is null
  returning entry
)
select link_evidence(%(at)s, 'silent', d.entry, null, %(record)s) from d
"""

REQUEUE: Final[LiteralString] = """
with d as (
  update delivery set state = 'queued', code = '', detail = '', settled_at = null, deadline = %(deadline)s,
                      next_at = 'epoch', attempts = 0
  where entry = %(entry)s and corridor = %(corridor)s and state = any(%(from)s)
    and exists (select from message m where m.received_at = delivery.received_at and m.id = delivery.entry)
  returning entry, lane
), e as (
  select link_evidence(%(at)s, 'requeued', d.entry, null, %(record)s) from d
)
select d.lane from d, e
"""
"""It reads the message, and so waits for a month that is leaving; one that has left is not queued again."""

OUTGOING: Final[LiteralString] = """
select m.id, m.sender, m.type, m.received_at, m.priority, m.answers, m.facts, document_of(m) as payload
from delivery d
join message m on m.received_at = d.received_at and m.id = d.entry
where d.entry between %(first)s and %(last)s and d.out_id = %(out_id)s and d.receiver = %(receiver)s
  and exists (select from outgoing o where o.received_at = d.received_at and o.entry = d.entry
              and o.corridor = d.corridor)
"""
