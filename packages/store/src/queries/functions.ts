import { sql, type Kysely, type SelectQueryBuilder } from "kysely";
import type { JsonObject } from "../json.ts";
import type { Database, FunctionRow, NetworkSpec, ScalingSpec, TrafficMode } from "../schema.ts";
import { endTriggers } from "./triggers.ts";

export interface NewFunction {
  readonly org: string;
  readonly name: string;
  readonly manifest: JsonObject;
  readonly description: string;
  readonly scaling: ScalingSpec;
  readonly network: NetworkSpec;
  readonly trafficMode: TrafficMode;
}

export type FunctionPatch = Partial<Omit<NewFunction, "org" | "name">>;

export interface FunctionFilter {
  readonly org: string;
  /** Runtime of the newest revision. */
  readonly runtime?: string | undefined;
  /** A trigger type the function has. */
  readonly trigger?: string | undefined;
  /** From 1. */
  readonly page: number;
  readonly pageSize: number;
}

export interface FunctionPage {
  /** In the order of their names. */
  readonly items: readonly FunctionRow[];
  /** Of all pages. */
  readonly total: number;
}

export interface FunctionQueries {
  get(org: string, name: string): Promise<FunctionRow | undefined>;
  list(filter: FunctionFilter): Promise<FunctionPage>;
  /** Every function of every organisation after `after`, in key order: for loops over all. */
  listAll(limit: number, after?: { readonly org: string; readonly name: string }): Promise<FunctionRow[]>;
  /** Every organisation that has a function or an API key. */
  organisations(): Promise<string[]>;
  /** Undefined where the name is taken. */
  insert(values: NewFunction, now: Date): Promise<FunctionRow | undefined>;
  /** Changes the given fields and raises the generation; undefined where there is no such function. */
  update(org: string, name: string, patch: FunctionPatch, now: Date): Promise<FunctionRow | undefined>;
  /** Raises the generation alone: something below the function changed. */
  touch(org: string, name: string, now: Date): Promise<number | undefined>;
  /** The next number for a revision; undefined where there is no such function. */
  allocateRevision(org: string, name: string): Promise<number | undefined>;
  /** Removes the function with its revisions, triggers and routes. False where there was none. */
  delete(org: string, name: string): Promise<boolean>;
}

export function createFunctionQueries(db: Kysely<Database>): FunctionQueries {
  return {
    get: (org, name) =>
      db
        .selectFrom("functions")
        .selectAll()
        .where("org", "=", org)
        .where("name", "=", name)
        .executeTakeFirst(),

    async list(filter) {
      const from = filtered(db.selectFrom("functions"), filter);
      const [items, count] = await Promise.all([
        from
          .selectAll("functions")
          .orderBy("name")
          .limit(filter.pageSize)
          .offset((filter.page - 1) * filter.pageSize)
          .execute(),
        from.select((eb) => eb.fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
      ]);
      return { items, total: count.total };
    },

    listAll(limit, after) {
      const from = db.selectFrom("functions").selectAll().orderBy("org").orderBy("name").limit(limit);
      if (!after) return from.execute();
      return from.where(sql<boolean>`(org, name) > (${after.org}, ${after.name})`).execute();
    },

    async organisations() {
      const { rows } = await sql<{ org: string }>`
        select org from functions union select org from api_keys order by org`.execute(db);
      return rows.map(({ org }) => org);
    },

    insert: (values, now) =>
      db
        .insertInto("functions")
        .values({
          ...values,
          manifest: JSON.stringify(values.manifest),
          scaling: JSON.stringify(values.scaling),
          network: JSON.stringify(values.network),
          createdAt: now,
          updatedAt: now,
        })
        .onConflict((conflict) => conflict.doNothing())
        .returningAll()
        .executeTakeFirst(),

    update: (org, name, patch, now) =>
      db
        .updateTable("functions")
        .set((eb) => ({
          generation: eb("generation", "+", 1),
          updatedAt: now,
          ...(patch.manifest && { manifest: JSON.stringify(patch.manifest) }),
          ...(patch.description !== undefined && { description: patch.description }),
          ...(patch.scaling && { scaling: JSON.stringify(patch.scaling) }),
          ...(patch.network && { network: JSON.stringify(patch.network) }),
          ...(patch.trafficMode && { trafficMode: patch.trafficMode }),
        }))
        .where("org", "=", org)
        .where("name", "=", name)
        .returningAll()
        .executeTakeFirst(),

    async touch(org, name, now) {
      const row = await db
        .updateTable("functions")
        .set((eb) => ({ generation: eb("generation", "+", 1), updatedAt: now }))
        .where("org", "=", org)
        .where("name", "=", name)
        .returning("generation")
        .executeTakeFirst();
      return row?.generation;
    },

    async allocateRevision(org, name) {
      const row = await db
        .updateTable("functions")
        .set((eb) => ({ nextRevision: eb("nextRevision", "+", 1) }))
        .where("org", "=", org)
        .where("name", "=", name)
        .returning("nextRevision")
        .executeTakeFirst();
      return row && row.nextRevision - 1;
    },

    async delete(org, name) {
      await endTriggers(db, sql`org = ${org} and function = ${name}`);
      const result = await db
        .deleteFrom("functions")
        .where("org", "=", org)
        .where("name", "=", name)
        .executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

function filtered<O>(
  from: SelectQueryBuilder<Database, "functions", O>,
  filter: FunctionFilter,
): SelectQueryBuilder<Database, "functions", O> {
  let query = from.where("functions.org", "=", filter.org);
  if (filter.runtime !== undefined) {
    query = query.where(
      sql<boolean>`(select runtime from revisions r where r.org = functions.org and r.function = functions.name
        order by number desc limit 1) = ${filter.runtime}`,
    );
  }
  if (filter.trigger !== undefined) {
    query = query.where(
      sql<boolean>`exists (select from triggers t where t.org = functions.org and t.function = functions.name
        and t.type = ${filter.trigger} and t.state <> 'deleting')`,
    );
  }
  return query;
}
