import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { QUEUE_STORAGE } from "./queue-table.ts";

/**
 * Message queues where no NATS is configured, with JetStream's semantics: streams number their messages, and durable
 * consumers have a position in them and hold, for a time, what was delivered and is not done. And what triggers
 * remember of their consumers, of either broker.
 *
 * Publishers of one stream take turns (the lock of its row), so that numbers become visible in their order; pulls of one
 * consumer do so too. Both bring many messages at once. Errors carry a SQLSTATE of their own: MQ001 no such stream,
 * MQ002 the stream is full, MQ003 no such consumer.
 */
const STATEMENTS: readonly string[] = [
  `create table mq_streams (
    id integer generated always as identity primary key,
    name text not null unique,
    subjects text[] not null,
    retention text not null check (retention in ('workqueue', 'limits')),
    max_age_ms bigint not null,
    max_messages bigint not null,
    max_bytes bigint not null,
    max_message_bytes integer not null,
    duplicate_window_ms bigint not null,
    last_seq bigint not null default 0,
    -- Set and cleared by the sweep.
    is_full boolean not null default false,
    created_at timestamptz not null default queue_now()
  ) with (fillfactor = 50)`,

  // Messages leave at the old end, and on a work queue as soon as they are done.
  `create table mq_messages (
    stream_id integer not null references mq_streams (id) on delete cascade,
    seq bigint not null,
    subject text collate "C" not null,
    headers jsonb not null,
    body bytea not null,
    published_at timestamptz not null default queue_now(),
    primary key (stream_id, seq)
  ) ${QUEUE_STORAGE}`,
  `create index mq_messages_subject on mq_messages (stream_id, subject, seq)`,
  `create index mq_messages_published_at on mq_messages (stream_id, published_at)`,

  // Apart from the messages, which may be done and gone within the window.
  `create table mq_message_ids (
    stream_id integer not null references mq_streams (id) on delete cascade,
    id text collate "C" not null,
    seq bigint not null,
    at timestamptz not null,
    primary key (stream_id, id)
  ) ${QUEUE_STORAGE}`,
  `create index mq_message_ids_at on mq_message_ids (stream_id, at)`,

  `create table mq_consumers (
    id bigint generated always as identity primary key,
    stream_id integer not null references mq_streams (id) on delete cascade,
    name text not null,
    description text not null,
    subject text collate "C" not null,
    -- Of a subject with wildcards, as a regular expression.
    pattern text,
    max_ack_pending integer not null,
    -- Everything at or before it was delivered, or is not for this consumer.
    position bigint not null,
    created_at timestamptz not null default queue_now(),
    unique (stream_id, name)
  ) with (fillfactor = 50)`,

  // What is out. \`due_at\` is the end of a lease or of a delay: after it, it is delivered again. \`deliveries\` fences.
  `create table mq_pending (
    consumer_id bigint not null references mq_consumers (id) on delete cascade,
    seq bigint not null,
    due_at timestamptz not null,
    deliveries integer not null default 1,
    primary key (consumer_id, seq)
  ) ${QUEUE_STORAGE}`,

  // No reference to triggers: a consumer is removed after its trigger, and this says which one that was.
  `create table mq_bindings (
    org text not null,
    function text not null,
    key text not null,
    stream text not null,
    name text not null,
    subject text not null,
    created boolean not null,
    adopted_attempts integer,
    position bigint not null,
    stream_created text not null,
    incarnation integer not null,
    bound_at timestamptz not null default queue_now(),
    primary key (org, function, key),
    unique (stream, name)
  )`,

  // In the order given: the sequence of each message, and whether the stream had it already.
  `create function mq_publish(p_stream text, p_subjects text[], p_ids text[], p_headers jsonb[], p_bodies bytea[])
  returns table (n bigint, seq bigint, duplicate boolean) language plpgsql as $$
  #variable_conflict use_column
  declare
    s mq_streams%rowtype;
    told text;
  begin
    select * into s from mq_streams where name = p_stream for update;
    if not found then raise exception 'there is no stream %', p_stream using errcode = 'MQ001'; end if;
    if s.is_full then raise exception 'the stream % is full', p_stream using errcode = 'MQ002'; end if;
    return query
      with given as materialized (
        select g.* from unnest(p_subjects, p_ids, p_headers, p_bodies) with ordinality as g (subject, id, headers, body, n)
      ), known as materialized (
        select g.n, i.seq from given g join mq_message_ids i on i.stream_id = s.id and i.id = g.id
        where i.at > queue_now() - s.duplicate_window_ms * interval '1 millisecond'
      ), fresh as materialized (
        select first.id, first.n, s.last_seq + row_number() over (order by first.n) as seq from (
          select g.id, min(g.n) as n from given g where not exists (select from known k where k.n = g.n) group by g.id
        ) as first
      ), stored as (
        insert into mq_messages (stream_id, seq, subject, headers, body)
        select s.id, f.seq, g.subject, g.headers, g.body from fresh f join given g on g.n = f.n order by f.seq
      ), noted as (
        insert into mq_message_ids as i (stream_id, id, seq, at)
        select s.id, f.id, f.seq, queue_now() from fresh f order by f.id
        on conflict (stream_id, id) do update set seq = excluded.seq, at = excluded.at
      ), counted as (
        update mq_streams set last_seq = s.last_seq + (select count(*) from fresh) where mq_streams.id = s.id
      )
      select g.n, coalesce(k.seq, f.seq), k.seq is not null or f.n <> g.n
      from given g left join known k on k.n = g.n left join fresh f on f.id = g.id order by g.n;
    select string_agg(distinct subject, E'\\n') into told from unnest(p_subjects) as subject;
    if octet_length(told) > 7000 then told := '>'; end if;
    perform pg_notify('hanzo_fn_mq', p_stream || E'\\n' || told);
  end $$`,

  // What is due again comes first, then what is new: each for the time of the lease. A crash of the database may
  // undo it, and then it is delivered again: that is worth no wait for the disk.
  `create function mq_pull(p_consumer bigint, p_limit integer, p_bytes bigint, p_lease_ms double precision)
  returns table (
    seq bigint, subject text, headers jsonb, body bytea, published_at timestamptz, deliveries integer
  ) language plpgsql as $$
  #variable_conflict use_column
  declare
    c mq_consumers%rowtype;
    until timestamptz := queue_now() + p_lease_ms * interval '1 millisecond';
    again bigint[];
    again_bytes bigint;
    fresh bigint[];
    room integer;
    scanned bigint;
  begin
    perform set_config('synchronous_commit', 'off', true);
    select * into c from mq_consumers where id = p_consumer for update;
    if not found then raise exception 'there is no such consumer' using errcode = 'MQ003'; end if;

    with due as materialized (
      select p.seq from mq_pending p where p.consumer_id = c.id and p.due_at <= queue_now()
      order by p.seq limit p_limit for update skip locked
    ), sized as (
      select d.seq, octet_length(m.body) as size, sum(octet_length(m.body)) over (order by d.seq) as upto
      from due d join mq_messages m on m.stream_id = c.stream_id and m.seq = d.seq
    )
    select array_agg(z.seq), coalesce(max(z.upto), 0) into again, again_bytes from sized z
    where z.upto - z.size < p_bytes;
    if again is not null then
      update mq_pending p set due_at = until, deliveries = p.deliveries + 1
      where p.consumer_id = c.id and p.seq = any (again);
    end if;

    select c.max_ack_pending - count(*) into room from (
      select from mq_pending p where p.consumer_id = c.id limit c.max_ack_pending
    ) as held;
    room := least(room, p_limit - coalesce(cardinality(again), 0));
    -- Two statements of one meaning: each has an index of its own.
    if room > 0 and again_bytes < p_bytes then
      if c.pattern is null then
        select found.seqs, found.position into fresh, scanned from (
          with next as materialized (
            select m.seq, octet_length(m.body) as size from mq_messages m
            where m.stream_id = c.stream_id and m.subject = c.subject and m.seq > c.position
            order by m.seq limit room
          ), sized as materialized (select x.seq, again_bytes + sum(x.size) over (order by x.seq) - x.size as before from next x)
          select (select array_agg(z.seq) from sized z where z.before < p_bytes) as seqs,
            case when (select count(*) from sized z where z.before < p_bytes) < room
              and not exists (select from sized z where z.before >= p_bytes)
              then (select s.last_seq from mq_streams s where s.id = c.stream_id)
              else (select max(z.seq) from sized z where z.before < p_bytes) end as position
        ) as found;
      else
        select found.seqs, found.position into fresh, scanned from (
          with next as materialized (
            select m.seq, octet_length(m.body) as size from mq_messages m
            where m.stream_id = c.stream_id and m.subject ~ c.pattern and m.seq > c.position
            order by m.seq limit room
          ), sized as materialized (select x.seq, again_bytes + sum(x.size) over (order by x.seq) - x.size as before from next x)
          select (select array_agg(z.seq) from sized z where z.before < p_bytes) as seqs,
            case when (select count(*) from sized z where z.before < p_bytes) < room
              and not exists (select from sized z where z.before >= p_bytes)
              then (select s.last_seq from mq_streams s where s.id = c.stream_id)
              else (select max(z.seq) from sized z where z.before < p_bytes) end as position
        ) as found;
      end if;
      insert into mq_pending (consumer_id, seq, due_at) select c.id, taken.seq, until from unnest(fresh) as taken (seq)
        on conflict do nothing;
      if scanned > c.position then update mq_consumers set position = scanned where id = c.id; end if;
    end if;

    return query
      select m.seq, m.subject, m.headers, m.body, m.published_at, p.deliveries
      from unnest(again || fresh) as taken (seq)
      join mq_messages m on m.stream_id = c.stream_id and m.seq = taken.seq
      join mq_pending p on p.consumer_id = c.id and p.seq = taken.seq
      order by m.seq;
  end $$`,

  // Of whichever consumers. A success counts whoever has the message by now; everything else only where it is ours.
  `create function mq_settle(
    p_consumers bigint[], p_seqs bigint[], p_deliveries integer[], p_verbs text[], p_delays_ms double precision[]
  ) returns void language plpgsql as $$
  begin
    perform set_config('synchronous_commit', 'off', true);
    with given as materialized (
      select * from unnest(p_consumers, p_seqs, p_deliveries, p_verbs, p_delays_ms)
        as g (consumer_id, seq, deliveries, verb, delay_ms)
    ), held as materialized (
      select p.consumer_id, p.seq, g.verb, g.delay_ms from given g
      join mq_pending p on p.consumer_id = g.consumer_id and p.seq = g.seq
      where g.verb = 'ack' or p.deliveries = g.deliveries
      order by p.consumer_id, p.seq for update of p
    ), gone as (
      delete from mq_pending p using held h
      where p.consumer_id = h.consumer_id and p.seq = h.seq and h.verb in ('ack', 'park')
      returning p.consumer_id, p.seq
    ), done as (
      delete from mq_messages m using gone g, mq_consumers c, mq_streams s
      where c.id = g.consumer_id and s.id = c.stream_id and s.retention = 'workqueue'
        and m.stream_id = s.id and m.seq = g.seq
    )
    update mq_pending p set due_at = queue_now() + h.delay_ms * interval '1 millisecond'
    from held h where p.consumer_id = h.consumer_id and p.seq = h.seq and h.verb = 'retry';
  end $$`,
];

export const embeddedMq: Migration = {
  async up(db: Kysely<never>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
