import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Everything of one function hangs on `functions` and goes with it, but for log lines and figures: a line may
 * arrive after the function is gone and must not fail its whole batch, so they carry no foreign key and are
 * removed by `deleteFunction` and the sweep.
 */
const STATEMENTS: readonly string[] = [
  `create table functions (
    org text not null,
    name text not null,
    generation bigint not null default 1,
    manifest jsonb not null,
    description text not null default '',
    scaling jsonb not null,
    network jsonb not null,
    traffic_mode text not null default 'latest' check (traffic_mode in ('latest', 'split')),
    next_revision integer not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (org, name)
  )`,
  `create table revisions (
    org text not null,
    function text not null,
    number integer not null,
    identity text not null,
    source_digest text not null,
    version text not null,
    runtime text not null,
    entry text not null,
    resources jsonb not null,
    environment jsonb not null,
    secrets jsonb not null,
    image_digest text,
    layer_key text,
    state text not null default 'pending'
      check (state in ('pending', 'building', 'starting', 'ready', 'failed')),
    failure jsonb,
    phases_ms jsonb not null default '{}',
    warnings jsonb not null default '[]',
    percent integer not null default 0 check (percent between 0 and 100),
    last_traffic_at timestamptz,
    proven boolean not null default false,
    created_at timestamptz not null,
    ready_at timestamptz,
    primary key (org, function, number),
    foreign key (org, function) references functions (org, name) on delete cascade
  )`,
  `create index revisions_source_digest on revisions (org, source_digest)`,
  `create table triggers (
    id text primary key,
    org text not null,
    function text not null,
    type text not null,
    key text not null,
    spec jsonb not null,
    state text not null default 'active' check (state in ('active', 'paused', 'blocked', 'deleting')),
    reason text,
    last_error text,
    last_fired_at timestamptz,
    next_fire_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (org, function, type, key),
    foreign key (org, function) references functions (org, name) on delete cascade
  )`,
  `create table http_routes (
    org text not null,
    function text not null,
    trigger_id text not null references triggers (id) on delete cascade,
    auth text not null check (auth in ('required', 'optional', 'none')),
    path text not null,
    method text not null,
    foreign key (org, function) references functions (org, name) on delete cascade
  )`,
  // These two hold two thirds of the uniqueness rule; that a required path never meets another organisation's
  // optional or none one is checked under an advisory lock (queries/http-routes.ts).
  `create unique index http_routes_per_org on http_routes (org, path, method)`,
  `create unique index http_routes_open on http_routes (path, method) where auth <> 'required'`,
  `create index http_routes_path on http_routes (path, method)`,
  `create index http_routes_function on http_routes (org, function)`,
  `create index http_routes_trigger on http_routes (trigger_id)`,
  `create table log_lines (
    id bigserial primary key,
    org text not null,
    function text not null,
    ts timestamptz not null,
    level smallint not null,
    msg text not null,
    revision text not null,
    instance text not null,
    request_id text,
    stream text not null,
    fields jsonb,
    bytes integer not null
  )`,
  `create index log_lines_function on log_lines (org, function, id)`,
  `create index log_lines_request on log_lines (org, request_id) where request_id is not null`,
  `create table log_sizes (
    org text not null,
    function text not null,
    bytes bigint not null,
    lines bigint not null,
    primary key (org, function)
  )`,
  `create table figures (
    org text not null,
    function text not null,
    revision text not null,
    trigger text not null,
    minute timestamptz not null,
    invocations bigint not null,
    errors bigint not null,
    timeouts bigint not null,
    cold_starts bigint not null,
    duration_ms_sum double precision not null,
    duration_buckets bigint[] not null,
    cold_ms_sum double precision not null,
    primary key (org, function, minute, revision, trigger)
  )`,
  `create index figures_minute on figures (minute)`,
  `create table api_keys (
    org text not null,
    id text not null,
    hash text not null unique,
    name text not null,
    permissions text[] not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz,
    primary key (org, id)
  )`,
  // Facts of the deployment, and of one organisation where `org` is not empty. Never a user's secret.
  `create table settings (
    org text not null,
    key text not null,
    value jsonb not null,
    updated_at timestamptz not null,
    primary key (org, key)
  )`,
];

export const initial: Migration = {
  async up(db: Kysely<never>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
