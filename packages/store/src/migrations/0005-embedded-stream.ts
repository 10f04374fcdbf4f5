import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Which group each stream trigger reads as: its name must not change when a second organisation comes, and only what the
 * platform made is removed with it.
 *
 * Topics where no Kafka is configured: a log per partition, and groups whose members lease partitions. A lease has an
 * epoch, so that one who was away too long commits nothing. Topics belong to nobody, as Kafka's do.
 */
const STATEMENTS: readonly string[] = [
  `create table stream_trigger_groups (
    trigger_id text primary key references triggers (id) on delete cascade,
    group_name text not null,
    topic text not null,
    created boolean not null
  )`,
  `create table stream_topics (
    name text primary key,
    retention_ms bigint not null,
    retention_bytes bigint not null,
    created_at timestamptz not null default queue_now()
  )`,
  // An append locks its partitions' rows, so that offsets become visible in their order and without gaps.
  `create table stream_partitions (
    topic text not null references stream_topics (name) on delete cascade,
    partition integer not null,
    first_offset bigint not null default 0,
    next_offset bigint not null default 0,
    bytes bigint not null default 0,
    primary key (topic, partition)
  ) with (fillfactor = 50)`,
  `create table stream_records (
    topic text not null,
    partition integer not null,
    record_offset bigint not null,
    key bytea,
    value bytea,
    headers jsonb,
    at timestamptz not null default queue_now(),
    primary key (topic, partition, record_offset),
    foreign key (topic, partition) references stream_partitions (topic, partition) on delete cascade
  ) with (autovacuum_vacuum_cost_delay = 0)`,

  `create table stream_groups (
    group_name text not null,
    topic text not null references stream_topics (name) on delete cascade,
    partition integer not null,
    next_offset bigint not null,
    owner text,
    epoch bigint not null default 0,
    lease_until timestamptz,
    primary key (group_name, topic, partition),
    check ((owner is null) = (lease_until is null))
  ) with (fillfactor = 50)`,
  `create table stream_members (
    group_name text not null,
    topic text not null references stream_topics (name) on delete cascade,
    member text not null,
    lease_until timestamptz not null,
    primary key (group_name, topic, member)
  ) with (fillfactor = 50)`,
];

export const embeddedStream: Migration = {
  async up(db: Kysely<never>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
