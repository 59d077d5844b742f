-- What the gateway keeps: revision 1 of the tables, applied as a whole. Later changes are revisions of their own below
-- gateway/shell/migrations. Times are UTC instants given by the gateway's clock, never by the database's.

-- Which revisions of these tables were applied. serves_from: the oldest program, by its own revision, that still works.
create table revision (
  number integer primary key,
  kind text not null check (kind in ('expand', 'contract')),
  serves_from integer not null,
  at timestamptz not null
);

-- Programs that live on this database: a revision that would break an older one waits for it. By the database's clock.
create table instance (
  id uuid primary key,
  name text not null,
  program text not null,
  revision integer not null,
  started_at timestamptz not null,
  seen_at timestamptz not null
);

-- What people were told is wrong, until they were told that it is over. The row `looked` says when somebody last looked.
create table alert (
  key text primary key,
  kind text not null,
  level smallint not null,
  since timestamptz not null,
  told_at timestamptz,
  told_level smallint not null default 0,
  words jsonb not null
);

-- A message as it came. Bytes are not compressed: hashing and the network want them plain. payload is null where the
-- document is in the wire body as it stands: there from payload_at on (counted from 0), or the whole of it where that
-- is null too. ways: how many deliveries were made of it.
create table message (
  received_at timestamptz not null,
  id uuid not null,
  sender text not null,
  receiver text,
  type text not null,
  message_id text not null,
  conversation_id text not null,
  priority text not null,
  answers uuid,
  facts jsonb not null,
  wire bytea,
  payload bytea,
  payload_at integer,
  payload_size integer,
  ways smallint not null,
  primary key (received_at, id)
) partition by range (received_at);
alter table message alter column wire set storage external;
alter table message alter column payload set storage external;
create index message_alone on message (sender, received_at desc, id desc) where ways = 0;
create index message_type on message (type, received_at desc, id desc);

-- One row per message ever accepted: what makes a repeat a repeat, and the answer it gets.
create table message_key (
  partner text not null,
  message_id text not null,
  entry uuid not null,
  received_at timestamptz not null,
  content_digest text not null,
  answer bytea,
  answer_facts jsonb,
  primary key (partner, message_id)
);
alter table message_key alter column answer set storage external;
create index message_key_age on message_key using brin (received_at);

-- Everything a person may look for: business keys, message ids, conversation ids.
create table message_ref (
  received_at timestamptz not null,
  value text not null,
  scheme text not null,
  entry uuid not null
) partition by range (received_at);
-- Any part of a number can be looked for where this extension is: Debian has it in postgresql-contrib.
do $$ begin
  create extension if not exists pg_trgm;
exception when others then
  raise notice 'pg_trgm is not here: numbers are found by their beginning only (%)', sqlerrm;
end $$;
create index message_ref_value on message_ref (value text_pattern_ops, received_at desc, entry desc);

-- One row per way a message goes on. out_id: of our envelope, whose first 48 bits are those of its entry, and so it is
-- found (own_ids.out_id). seq is the order of acceptance and the cursor of a partner that pulls. What has the same
-- order_key leaves in that order, whatever its rank (0 urgent, 1 usual, 2 bulk); a strand is the part of a lane that one
-- worker serves at a time. next_at: when this message alone may be tried again.
create table delivery (
  entry uuid not null,
  corridor text not null,
  received_at timestamptz not null,
  seq bigint generated always as identity,
  lane text not null,
  strand smallint not null default 0,
  rank smallint not null default 1,
  order_key bigint not null default 0,
  sender text not null,
  receiver text not null,
  out_id uuid not null,
  state text not null default 'queued',
  attempts integer not null default 0,
  next_at timestamptz not null default 'epoch',
  deadline timestamptz not null,
  legal_due timestamptz,
  code text not null default '',
  detail text not null default '',
  settled_at timestamptz,
  answer_due timestamptz,
  answered_by uuid,
  answered_at timestamptz,
  silent_at timestamptz,
  primary key (entry, corridor)
) with (fillfactor = 80);
create index delivery_lane on delivery (lane, strand, rank, seq) where state = 'queued';
create index delivery_bound on delivery (lane, order_key, seq) where state = 'queued';
create index delivery_late on delivery (lane, deadline) where state = 'queued';
create index delivery_legal on delivery (legal_due) where state = 'queued' and legal_due is not null;
create index delivery_state on delivery (state, received_at desc, entry desc);
create index delivery_receiver on delivery (receiver, state, received_at desc, entry desc);
create index delivery_sender on delivery (sender, state, received_at desc, entry desc);
create index delivery_due on delivery (answer_due)
  where answer_due is not null and answered_by is null and silent_at is null;

-- Written when a lane stumbles, recovers, is limited in its rate or stopped by a person; one without a row is due.
-- failures > 0: the partner is out since held_since, and at next_at one more pilot message goes. released_at: when it
-- came back, with so many waiting (backlog), of which so many were sent since. slot: when the next message may leave.
create table lane (
  lane text primary key,
  paused boolean not null default false,
  failures integer not null default 0,
  held_since timestamptz,
  next_at timestamptz not null default '-infinity',
  pilot uuid,
  code text not null default '',
  detail text not null default '',
  released_at timestamptz,
  backlog bigint not null default 0,
  sent bigint not null default 0,
  slot timestamptz not null default 'epoch'
) with (fillfactor = 20);

-- What left, byte for byte; a later number replaces one whose time had passed.
create table outgoing (
  received_at timestamptz not null,
  entry uuid not null,
  corridor text not null,
  number integer not null,
  kept_at timestamptz not null,
  expires_at timestamptz,
  facts jsonb not null,
  body bytea not null,
  primary key (received_at, entry, corridor, number)
) partition by range (received_at);
alter table outgoing alter column body set storage external;

create table receipt (
  received_at timestamptz not null,
  entry uuid not null,
  corridor text not null,
  kept_at timestamptz not null,
  id text not null,
  facts jsonb not null,
  body bytea not null,
  primary key (received_at, entry, corridor, id)
) partition by range (received_at);
alter table receipt alter column body set storage external;

-- Bodies too long for a row, in pieces of a megabyte: what came (part `wire`), and what left where it differs.
create table spooled (
  received_at timestamptz not null,
  entry uuid not null,
  part text not null,
  number integer not null,
  octets bytea not null,
  primary key (received_at, entry, part, number)
) partition by range (received_at);
alter table spooled alter column octets set storage external;

-- A record of what was refused, never its content.
create table intake (
  incident uuid primary key,
  at timestamptz not null,
  peer text not null,
  claimed text not null,
  size bigint not null,
  digest text not null,
  code text not null,
  threat text not null,
  detail text not null,
  findings jsonb not null,
  alarm boolean not null
);
create index intake_at on intake (at desc, incident desc);

-- The business document of a message.
create function document_of(m message) returns bytea language sql immutable as $$
  select coalesce(m.payload, substr(m.wire, m.payload_at + 1, m.payload_size), m.wire)
$$;

-- A delivery as the line takes it: the entry, what was kept of an earlier try, and what to relate to.
create view delivery_way as
select d.seq, d.entry, d.corridor, d.lane, d.order_key, d.receiver, d.state, d.attempts, d.deadline, d.out_id,
       d.answer_due, d.answered_by, d.silent_at,
       coalesce(question.message_id, earlier.id) as relates_to, kept.facts as sealed_facts, kept.body as sealed_body,
       m.id, m.sender, m.type, m.received_at, m.priority, m.answers, m.facts, document_of(m) as payload
from delivery d
join message m on m.received_at = d.received_at and m.id = d.entry
-- an answer: the question's own id, for the partner who asked it
left join lateral (
  select a.message_id
  from delivery o join message a on a.received_at = o.received_at and a.id = o.entry
  where o.entry = m.answers and a.sender = d.receiver
  limit 1
) question on true
-- a follow-up of the same sender, or an answer passed on to a third: the id our envelope had for this receiver
left join lateral (
  select 'urn:uuid:' || o.out_id as id
  from delivery o
  where o.receiver = d.receiver and o.entry = coalesce(m.answers, (
    select k.entry from message_key k where k.partner = m.sender and k.message_id = m.facts #>> '{claims,relates_to}'
  ))
  order by o.seq limit 1
) earlier on true
left join lateral (
  select o.facts, o.body
  from outgoing o
  where o.received_at = d.received_at and o.entry = d.entry and o.corridor = d.corridor
  order by o.number desc limit 1
) kept on true;

-- The evidence: parallel hash chains, so that no commit waits for another one's link.
create table chain (
  id smallint primary key,
  seq bigint not null,
  head bytea not null
) with (fillfactor = 20);
insert into chain select n, 0, sha256(convert_to('chain ' || n, 'UTF8')) from generate_series(0, 31) as n;

create table evidence (
  chain smallint not null,
  seq bigint not null,
  at timestamptz not null,
  event text not null check (event ~ '^[a-z-]+$'),
  entry uuid,
  digest bytea,
  detail jsonb not null,
  previous bytea not null,
  link bytea not null,
  primary key (chain, seq)
);
create index evidence_entry on evidence (entry) where entry is not null;

-- Months that were written to files. cut: chain -> [links, head] up to which the month's evidence leaves with it. late:
-- messages that came for a month which had left before, and are in this one's files.
create table archive (
  month date primary key,
  folder text not null,
  manifest bytea not null,
  cut jsonb not null,
  late uuid[] not null default '{}',
  archived_at timestamptz not null,
  dropped_at timestamptz
);

-- Where a chain goes on in this database when its beginning is in an archive; an 'archived' event says the same.
create table anchor (
  chain smallint primary key,
  seq bigint not null,
  link bytea not null
);

-- The words a link is made over, one field a line; detail is last, so that no value can look like another field.
create function evidence_words(
  chain smallint, seq bigint, at timestamptz, event text, entry uuid, digest bytea, detail jsonb
) returns text language sql stable as $$
  select concat_ws(E'\n', chain::text, seq::text, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                   event, coalesce(entry::text, '-'), coalesce(encode(digest, 'hex'), '-'), detail::text)
$$;

-- Append one event. A transaction takes the first free chain and stays on it, so it holds one chain at most.
create function link_evidence(
  at timestamptz, event text, entry uuid, digest bytea, detail jsonb
) returns bytea language plpgsql volatile as $$
declare
  mine smallint := nullif(current_setting('gateway.chain', true), '')::smallint;
  held chain;
  made bytea;
begin
  if mine is null then
    select * into held from chain order by id limit 1 for update skip locked;
    if not found then
      mine := floor(random() * 32)::smallint;
      select * into held from chain where id = mine for update;
    end if;
    perform set_config('gateway.chain', held.id::text, true);
  else
    select * into held from chain where id = mine for update;
  end if;
  held.seq := held.seq + 1;
  made := sha256(held.head || convert_to(evidence_words(held.id, held.seq, at, event, entry, digest, detail), 'UTF8'));
  insert into evidence values (held.id, held.seq, at, event, entry, digest, detail, held.head, made);
  update chain set seq = held.seq, head = made where id = held.id;
  return made;
end
$$;

-- The partitions of the month that `at` lies in. Attaching takes no lock that readers or writers would wait for.
create function ensure_month(at timestamptz) returns void language plpgsql as $$
declare
  first timestamptz := date_trunc('month', at, 'UTC');
  next timestamptz := date_trunc('month', date_trunc('month', at, 'UTC') + interval '40 days', 'UTC');
  parent text;
  part text;
begin
  perform pg_advisory_xact_lock(hashtextextended('gateway ensure_month', 0));
  foreach parent in array array['message', 'message_ref', 'outgoing', 'receipt', 'spooled'] loop
    part := parent || to_char(first at time zone 'UTC', '_YYYYMM');
    continue when to_regclass(part) is not null;
    execute format('create table %I (like %I including all)', part, parent);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, part, first, next);
    continue when parent <> 'message_ref' or not exists (select from pg_extension where extname = 'pg_trgm');
    execute format(
      'create index %I on %I using gin (value gin_trgm_ops) where scheme not in (''message'', ''conversation'')',
      part || '_parts', part);
  end loop;
end
$$;
