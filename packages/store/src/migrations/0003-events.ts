import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import { queueColumns, QUEUE_STORAGE } from "./queue-table.ts";

/**
 * Queues, and what event triggers remember. None of these rows goes with its function or trigger by itself: a call
 * that was accepted keeps its status, and an event that was parked is not lost to a new deploy.
 */
const STATEMENTS: readonly string[] = [
  // The one clock of all queues, which tests replace. PostgreSQL inlines it, so that indexes serve comparisons with it.
  `create function queue_now() returns timestamptz language sql stable parallel safe
    as 'select statement_timestamp()'`,

  `create table tasks (
    id text primary key,
    org text not null,
    function text not null,
    revision integer,
    request jsonb not null,
    payload bytea,
    payload_ref text,
    expires_at timestamptz not null,
    callback jsonb,
    response jsonb,
    result bytea,
    result_ref text,
    error jsonb,
    ${queueColumns(["succeeded", "failed", "timeout", "cancelled", "expired"])},
    check (num_nonnulls(payload, payload_ref) <= 1),
    check (num_nonnulls(result, result_ref) <= 1)
  ) ${QUEUE_STORAGE}`,
  `create index tasks_queued on tasks (org, function, run_at) where state = 'queued'`,
  `create index tasks_overdue on tasks (expires_at) where state = 'queued'`,
  `create index tasks_running on tasks (id) where state = 'running'`,
  `create index tasks_finished on tasks (finished_at) where finished_at is not null`,
  `create index tasks_function on tasks (org, function, id)`,

  // Apart from the tasks, since a key may be used again when its time is up, and its task may be gone before.
  `create table task_keys (
    org text not null,
    function text not null,
    key text not null,
    request_hash text not null,
    task_id text not null,
    expires_at timestamptz not null,
    primary key (org, function, key)
  )`,
  `create index task_keys_expires_at on task_keys (expires_at)`,

  // Who is to be told how a task ended. The row comes with the end itself, by whatever statement that comes: no end is
  // committed whose callback is not.
  `create table task_callbacks (
    task_id text primary key,
    org text not null,
    host text not null,
    function text not null,
    url text not null,
    status_code integer,
    error jsonb,
    ${queueColumns(["delivered", "failed"])}
  ) ${QUEUE_STORAGE}`,
  `create index task_callbacks_queued on task_callbacks (org, host, run_at) where state = 'queued'`,
  `create index task_callbacks_running on task_callbacks (task_id) where state = 'running'`,
  `create index task_callbacks_finished on task_callbacks (finished_at) where finished_at is not null`,
  `create function queue_task_callback() returns trigger language plpgsql as $$
    begin
      insert into task_callbacks (task_id, org, host, function, url)
      values (new.id, new.org, new.callback ->> 'host', new.function, new.callback ->> 'url')
      on conflict do nothing;
      return null;
    end
  $$`,
  `create trigger tasks_ended after update of state on tasks for each row
    when (new.callback is not null and old.finished_at is null and new.finished_at is not null)
    execute function queue_task_callback()`,

  // A trigger outlives its function until nothing of it runs and what it has at a broker is gone.
  `alter table triggers drop constraint triggers_org_function_fkey`,
  `create index triggers_deleting on triggers (id) where state = 'deleting'`,

  // A schedule goes with its trigger; what it fired stays until it is swept.
  `create table cron_schedules (
    trigger_id text primary key references triggers (id) on delete cascade,
    org text not null,
    function text not null,
    spec_version integer not null default 1,
    enabled boolean not null default true,
    next_fire_at timestamptz not null,
    last_scheduled_at timestamptz,
    tz_version text not null
  ) with (fillfactor = 70)`,
  `create index cron_schedules_next on cron_schedules (next_fire_at) where enabled`,
  `create table cron_fires (
    trigger_id text not null,
    scheduled_at timestamptz not null,
    org text not null,
    function text not null,
    at_most_once boolean not null default false,
    redrive_of text,
    status_code integer,
    error jsonb,
    ${queueColumns(["succeeded", "failed", "skipped", "missed"])},
    primary key (trigger_id, scheduled_at)
  ) ${QUEUE_STORAGE}`,
  `create index cron_fires_queued on cron_fires (run_at) where state = 'queued'`,
  `create index cron_fires_trigger on cron_fires (trigger_id, run_at) where state = 'queued'`,
  `create index cron_fires_running on cron_fires (trigger_id) where state = 'running'`,
  `create index cron_fires_finished on cron_fires (finished_at) where finished_at is not null`,

  // Events of brokers and schedules that were given up. The same event of a trigger is parked once.
  `create table dead_letters (
    id text primary key,
    org text not null,
    function text not null,
    trigger_id text not null,
    event_id text not null,
    source text not null,
    payload bytea,
    payload_ref text,
    json boolean not null,
    headers jsonb not null,
    reason text not null,
    attempts integer not null,
    first_failed_at timestamptz not null,
    last_failed_at timestamptz not null,
    status integer,
    error text not null,
    parked_at timestamptz not null default queue_now(),
    published_at timestamptz,
    redriven_at timestamptz,
    redriven_as text,
    unique (trigger_id, event_id),
    check (num_nonnulls(payload, payload_ref) = 1)
  )`,
  `create index dead_letters_function on dead_letters (org, function, id)`,

  // What is counted of events that did not succeed and that a broker still holds: its own counts include throttling.
  `create table event_attempts (
    trigger_id text not null references triggers (id) on delete cascade,
    event_id text not null,
    attempts integer not null,
    first_failed_at timestamptz not null,
    last_failed_at timestamptz not null,
    primary key (trigger_id, event_id)
  ) with (fillfactor = 70)`,

  // Positions in Kafka, kept here as well: a group that is empty for long loses its own.
  `create table stream_offsets (
    trigger_id text not null references triggers (id) on delete cascade,
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    at timestamptz not null,
    primary key (trigger_id, topic, partition)
  ) with (fillfactor = 70)`,
];

export const events: Migration = {
  async up(db: Kysely<never>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
