import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/**
 * Vectors and their attributes, by namespace. A row that was deleted stays for a while without its contents, so that
 * whoever keeps vectors in memory learns of it by its version.
 */
const STATEMENTS: readonly string[] = [
  `create table vector_namespaces (
    id integer generated always as identity primary key,
    org text not null,
    name text collate "C" not null,
    id_type text check (id_type in ('uint', 'uuid', 'string')),
    distance_metric text,
    dimensions integer,
    schema jsonb not null default '{}',
    version bigint not null default 0,
    row_count bigint not null default 0,
    bytes bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (org, name)
  ) with (fillfactor = 50)`,
  // Ids that are numbers have zeros before them, so that their order is that of the text.
  `create table vector_rows (
    namespace integer not null references vector_namespaces (id) on delete cascade,
    id text collate "C" not null,
    attributes jsonb not null,
    vector bytea,
    version bigint not null,
    deleted boolean not null default false,
    primary key (namespace, id)
  )`,
  `create index vector_rows_version on vector_rows (namespace, version)`,
];

export const vectors: Migration = {
  async up(db: Kysely<never>) {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
