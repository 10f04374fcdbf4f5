import { sql, type Kysely } from "kysely";
import type { JsonObject } from "../json.ts";
import type { Database, TriggerRow, TriggerState } from "../schema.ts";

export interface WantedTrigger {
  readonly type: string;
  readonly key: string;
  readonly spec: JsonObject;
}

export interface TriggerFilter {
  readonly org: string;
  readonly function?: string | undefined;
  readonly type?: string | undefined;
  readonly page: number;
  readonly pageSize: number;
}

export interface TriggerPage {
  readonly items: readonly TriggerRow[];
  readonly total: number;
}

export interface TriggerObservation {
  readonly state?: TriggerState | undefined;
  /** `null` clears it. */
  readonly reason?: string | null | undefined;
  readonly lastError?: string | null | undefined;
  readonly lastFiredAt?: Date | undefined;
  readonly nextFireAt?: Date | null | undefined;
}

export interface TriggerQueries {
  get(org: string, id: string): Promise<TriggerRow | undefined>;
  /** By function, then id. */
  list(filter: TriggerFilter): Promise<TriggerPage>;
  listOf(org: string, fn: string): Promise<TriggerRow[]>;
  /**
   * Makes the function's triggers the wanted ones. One that exists (same type and key) keeps its id, state and
   * history. Returns them in the order wanted.
   */
  replace(
    org: string,
    fn: string,
    wanted: readonly WantedTrigger[],
    newId: () => string,
    now: Date,
  ): Promise<TriggerRow[]>;
  observe(org: string, id: string, seen: TriggerObservation, now: Date): Promise<boolean>;
}

export function createTriggerQueries(db: Kysely<Database>): TriggerQueries {
  return {
    get: (org, id) =>
      db.selectFrom("triggers").selectAll().where("org", "=", org).where("id", "=", id).executeTakeFirst(),

    async list(filter) {
      let from = db.selectFrom("triggers").where("org", "=", filter.org);
      if (filter.function !== undefined) from = from.where("function", "=", filter.function);
      if (filter.type !== undefined) from = from.where("type", "=", filter.type);
      const [items, count] = await Promise.all([
        from
          .selectAll()
          .orderBy("function")
          .orderBy("id")
          .limit(filter.pageSize)
          .offset((filter.page - 1) * filter.pageSize)
          .execute(),
        from.select((eb) => eb.fn.countAll<number>().as("total")).executeTakeFirstOrThrow(),
      ]);
      return { items, total: count.total };
    },

    listOf: (org, fn) =>
      db
        .selectFrom("triggers")
        .selectAll()
        .where("org", "=", org)
        .where("function", "=", fn)
        .orderBy("id")
        .execute(),

    async replace(org, fn, wanted, newId, now) {
      const names = wanted.map((trigger) => JSON.stringify([trigger.type, trigger.key]));
      await sql`delete from triggers where org = ${org} and function = ${fn}
        and not (type, key) in (select w->>0, w->>1 from unnest(${names}::jsonb[]) as w)`.execute(db);
      const rows: TriggerRow[] = [];
      for (const trigger of wanted) {
        const spec = JSON.stringify(trigger.spec);
        const values = { type: trigger.type, key: trigger.key, spec };
        const row = await db
          .insertInto("triggers")
          .values({
            ...values,
            id: newId(),
            org,
            function: fn,
            reason: null,
            lastError: null,
            createdAt: now,
            updatedAt: now,
          })
          .onConflict((conflict) =>
            conflict.columns(["org", "function", "type", "key"]).doUpdateSet({ spec, updatedAt: now }),
          )
          .returningAll()
          .executeTakeFirstOrThrow();
        rows.push(row);
      }
      return rows;
    },

    async observe(org, id, seen, now) {
      const result = await db
        .updateTable("triggers")
        .set({
          updatedAt: now,
          ...(seen.state && { state: seen.state }),
          ...(seen.reason !== undefined && { reason: seen.reason }),
          ...(seen.lastError !== undefined && { lastError: seen.lastError }),
          ...(seen.lastFiredAt && { lastFiredAt: seen.lastFiredAt }),
          ...(seen.nextFireAt !== undefined && { nextFireAt: seen.nextFireAt }),
        })
        .where("org", "=", org)
        .where("id", "=", id)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
  };
}
