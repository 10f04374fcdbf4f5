import type { AttributeValue, Filter } from "@hanzo-fn/contract/layer";
import { sql, type Kysely, type RawBuilder } from "kysely";
import type { JsonObject } from "../json.ts";
import { batch } from "../queue/sql.ts";
import type { Database } from "../schema.ts";
import type { VectorIdType, VectorNamespaceRow } from "../schema-layer.ts";
import { filterSql } from "./vector-filter.ts";

export interface VectorRow {
  /** As it is kept: numbers with zeros before them (`paddedId`). */
  readonly id: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** 32-bit floats, little endian; several vectors of a row one after the other. */
  readonly vector: Buffer | null;
}

/** A row as of a version, for whoever keeps them in memory. */
export interface VectorChange {
  readonly id: string;
  /** Undefined where the row was deleted. */
  readonly vector: Buffer | null | undefined;
  readonly version: number;
}

export interface VectorNamespacePatch {
  readonly idType?: VectorIdType;
  readonly distanceMetric?: string;
  readonly dimensions?: number;
  readonly schema?: JsonObject;
}

/** What of rows is read; what is not is `{}` and null. */
export interface VectorColumns {
  readonly attributes: boolean;
  readonly vectors: boolean;
}

export interface VectorPageOptions extends VectorColumns {
  readonly filter?: Filter | undefined;
  /** Ids after this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface VectorPage {
  /** In the order of their ids. */
  readonly rows: readonly VectorRow[];
  /** False where rows may be among them that the filter does not hold. */
  readonly exact: boolean;
}

/** Namespaces of vectors and their rows. A write takes place in a transaction that holds its namespace. */
export interface VectorQueries {
  find(org: string, name: string): Promise<VectorNamespaceRow | undefined>;
  /** By name, up to `limit` after `after`. */
  list(
    org: string,
    options: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<VectorNamespaceRow[]>;
  /** The namespace, made where it is absent, held until the transaction ends. */
  hold(org: string, name: string): Promise<VectorNamespaceRow>;
  /** False where there was none. */
  remove(org: string, name: string): Promise<boolean>;
  /** The next version of a namespace that is held, with what changes of it. */
  advance(namespace: number, patch: VectorNamespacePatch): Promise<number>;
  /** Writes rows whole, present or not. */
  put(namespace: number, version: number, rows: readonly VectorRow[]): Promise<void>;
  /** Those that there were. */
  delete(namespace: number, version: number, ids: readonly string[]): Promise<string[]>;
  /** Those that there are, in no order. */
  get(namespace: number, ids: readonly string[], columns: VectorColumns): Promise<VectorRow[]>;
  /** Changes attributes, null removes one; a vector that is given replaces the row's. Those that there were. */
  patch(namespace: number, version: number, rows: readonly VectorRow[]): Promise<string[]>;
  page(namespace: VectorNamespaceRow, options: VectorPageOptions): Promise<VectorPage>;
  /** How many rows there are whose filter holds; undefined where PostgreSQL cannot say. */
  count(namespace: VectorNamespaceRow, filter: Filter): Promise<number | undefined>;
  /** Up to `limit` rows that changed after a version, oldest change first; all of a version, or none. */
  changes(namespace: number, after: number, limit: number): Promise<VectorChange[]>;
}

const LIVE = sql`not r.deleted`;

export function createVectorQueries(db: Kysely<Database>): VectorQueries {
  const rowsOf = async <R>(query: RawBuilder<R>): Promise<R[]> => (await query.execute(db)).rows;
  const selected = ({ attributes, vectors }: VectorColumns): RawBuilder<unknown> =>
    sql`r.id, ${attributes ? sql`r.attributes` : sql`'{}'::jsonb as attributes`},
      ${vectors ? sql`r.vector` : sql`null::bytea as vector`}`;
  return {
    find: (org, name) =>
      db
        .selectFrom("vectorNamespaces")
        .selectAll()
        .where("org", "=", org)
        .where("name", "=", name)
        .executeTakeFirst(),

    list: (org, { prefix, after, limit }) =>
      rowsOf(
        sql<VectorNamespaceRow>`select * from vector_namespaces
          where org = ${org} and starts_with(name, ${prefix}) and name > ${after} order by name limit ${limit}`,
      ),

    async hold(org, name) {
      await db
        .insertInto("vectorNamespaces")
        .values({ org, name, idType: null, distanceMetric: null, dimensions: null })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return db
        .selectFrom("vectorNamespaces")
        .selectAll()
        .where("org", "=", org)
        .where("name", "=", name)
        .forUpdate()
        .executeTakeFirstOrThrow();
    },

    async remove(org, name) {
      const result = await db
        .deleteFrom("vectorNamespaces")
        .where("org", "=", org)
        .where("name", "=", name)
        .executeTakeFirst();
      return result.numDeletedRows > 0n;
    },

    async advance(namespace, { schema, ...patch }) {
      const { version } = await db
        .updateTable("vectorNamespaces")
        .set((eb) => ({
          ...patch,
          ...(schema === undefined ? {} : { schema: JSON.stringify(schema) }),
          version: eb("version", "+", 1),
          updatedAt: sql<Date>`now()`,
        }))
        .where("id", "=", namespace)
        .returning("version")
        .executeTakeFirstOrThrow();
      return version;
    },

    async put(namespace, version, rows) {
      if (rows.length === 0) return;
      const given = batch("g", [
        { name: "id", type: "text", values: rows.map(({ id }) => id) },
        { name: "attributes", type: "jsonb", values: rows.map(({ attributes }) => attributes) },
        { name: "vector", type: "bytea", values: rows.map(({ vector }) => vector) },
      ]);
      await sql`
        with old as (
          select count(*) as n, coalesce(sum(${SIZE}), 0) as bytes from vector_rows as r
          where r.namespace = ${namespace} and ${LIVE} and r.id = any(${rows.map(({ id }) => id)})
        ), written as (
          insert into vector_rows as r (namespace, id, attributes, vector, version)
          select ${namespace}, g.id, g.attributes, g.vector, ${version} from ${given}
          on conflict (namespace, id) do update set
            attributes = excluded.attributes, vector = excluded.vector, version = excluded.version, deleted = false
          returning ${SIZE} as bytes
        )
        update vector_namespaces as n set
          row_count = n.row_count + (select count(*) from written) - (select n from old),
          bytes = n.bytes + (select sum(bytes) from written) - (select bytes from old)
        where n.id = ${namespace}`.execute(db);
    },

    async patch(namespace, version, rows) {
      if (rows.length === 0) return [];
      const given = batch("g", [
        { name: "id", type: "text", values: rows.map(({ id }) => id) },
        { name: "attributes", type: "jsonb", values: rows.map(({ attributes }) => attributes) },
        { name: "vector", type: "bytea", values: rows.map(({ vector }) => vector) },
      ]);
      const patched = await rowsOf(sql<{ id: string }>`
        with held as materialized (
          select r.id, ${SIZE} as bytes from vector_rows as r join ${given} on g.id = r.id
          where r.namespace = ${namespace} and ${LIVE} for update of r
        ), written as (
          update vector_rows as r set
            attributes = jsonb_strip_nulls(r.attributes || g.attributes),
            vector = coalesce(g.vector, r.vector), version = ${version}
          from ${given} join held on held.id = g.id
          where r.namespace = ${namespace} and r.id = g.id
          returning r.id, ${SIZE} as bytes
        ), counted as (
          update vector_namespaces as n set bytes = n.bytes
            + (select coalesce(sum(bytes), 0) from written) - (select coalesce(sum(bytes), 0) from held)
          where n.id = ${namespace}
        )
        select id from written`);
      return patched.map(({ id }) => id);
    },

    async delete(namespace, version, ids) {
      if (ids.length === 0) return [];
      const gone = await rowsOf(sql<{ id: string }>`
        with held as materialized (
          select r.id, ${SIZE} as bytes from vector_rows as r
          where r.namespace = ${namespace} and ${LIVE} and r.id = any(${ids}) for update
        ), deleted as (
          update vector_rows as r set deleted = true, attributes = '{}', vector = null, version = ${version}
          from held where r.namespace = ${namespace} and r.id = held.id
        ), counted as (
          update vector_namespaces as n set
            row_count = n.row_count - (select count(*) from held),
            bytes = n.bytes - (select coalesce(sum(bytes), 0) from held)
          where n.id = ${namespace}
        )
        select id from held`);
      return gone.map(({ id }) => id);
    },

    get: async (namespace, ids, columns) =>
      ids.length === 0
        ? []
        : rowsOf(sql<VectorRow>`select ${selected(columns)} from vector_rows as r
            where r.namespace = ${namespace} and ${LIVE} and r.id = any(${ids})`),

    async page({ id, idType }, { filter, after, limit, ...columns }) {
      const holds = filterSql(filter ?? { all: [] }, idType);
      const rows = await rowsOf(sql<VectorRow>`select ${selected(columns)} from vector_rows as r
        where r.namespace = ${id} and ${LIVE} and r.id > ${after ?? ""} and ${holds.sql}
        order by r.id limit ${limit}`);
      return { rows, exact: holds.exact };
    },

    async count({ id, idType }, filter) {
      const holds = filterSql(filter, idType);
      if (!holds.exact) return undefined;
      const [row] = await rowsOf(sql<{ n: number }>`select count(*) as n from vector_rows as r
        where r.namespace = ${id} and ${LIVE} and ${holds.sql}`);
      return row?.n ?? 0;
    },

    async changes(namespace, after, limit) {
      const rows = await rowsOf(sql<VectorChange & { deleted: boolean }>`
        select r.id, r.vector, r.version, r.deleted from vector_rows as r
        where r.namespace = ${namespace} and r.version > ${after}
        order by r.version fetch first ${limit} rows with ties`);
      return rows.map(({ deleted, ...row }) => (deleted ? { ...row, vector: undefined } : row));
    },
  };
}

const SIZE = sql`octet_length(r.id) + octet_length(r.attributes::text) + coalesce(octet_length(r.vector), 0)`;
