import { sql, type Kysely, type RawBuilder } from "kysely";
import type { JsonObject } from "../json.ts";
import { batch } from "../queue/sql.ts";
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

/** What was seen of a trigger's deliveries. What is left out stays as it is. */
export interface TriggerNote {
  readonly id: string;
  /** Why nothing is delivered, or `null` where that is over. A trigger that is paused or deleted stays so. */
  readonly blocked?: string | null | undefined;
  /** `null` clears it. */
  readonly lastError?: string | null | undefined;
  readonly lastFiredAt?: Date | undefined;
}

export interface TriggerQueries {
  get(org: string, id: string): Promise<TriggerRow | undefined>;
  /** By function, then id. */
  list(filter: TriggerFilter): Promise<TriggerPage>;
  listOf(org: string, fn: string): Promise<TriggerRow[]>;
  /** Those of one type of all organisations, but for those that are being deleted. */
  live(type: string): Promise<TriggerRow[]>;
  /** Another one whenever `live` would find other ids; cheap enough to be asked again and again. */
  liveSignature(type: string): Promise<string>;
  /**
   * Makes the function's triggers the wanted ones. One that exists (same type and key) keeps its id, state and
   * history, also where it was being deleted. Those that are wanted no more are deleted (see `deleting`). Returns the
   * wanted ones in their order.
   */
  replace(
    org: string,
    fn: string,
    wanted: readonly WantedTrigger[],
    newId: () => string,
    now: Date,
  ): Promise<TriggerRow[]>;
  observe(org: string, id: string, seen: TriggerObservation, now: Date): Promise<boolean>;
  /** Pauses or resumes; undefined where it is being deleted or does not exist. */
  setPaused(org: string, id: string, paused: boolean, now: Date): Promise<TriggerRow | undefined>;
  /** Of many at once. */
  note(notes: readonly TriggerNote[]): Promise<void>;
  /**
   * Up to `limit` that are being deleted, whether or not their functions exist: they fire no more, and go once nothing of
   * them runs and what they have at a broker is gone. (A trigger of type http goes at once.)
   */
  deleting(limit: number): Promise<TriggerRow[]>;
  /** Removes one that is being deleted; false where it is not. */
  remove(id: string): Promise<boolean>;
}

/**
 * Beside `selectAll`, whose column it replaces: when a schedule fires next is told from the schedule, so that no other
 * row has to be written whenever one fires.
 */
export const nextFire = sql<Date | null>`coalesce(
  (select s.next_fire_at from cron_schedules s where s.trigger_id = triggers.id and s.enabled),
  triggers.next_fire_at)`.as("nextFireAt");

export function createTriggerQueries(db: Kysely<Database>): TriggerQueries {
  return {
    get: (org, id) =>
      db
        .selectFrom("triggers")
        .selectAll()
        .select(nextFire)
        .where("org", "=", org)
        .where("id", "=", id)
        .executeTakeFirst(),

    async list(filter) {
      let from = db.selectFrom("triggers").where("org", "=", filter.org);
      if (filter.function !== undefined) from = from.where("function", "=", filter.function);
      if (filter.type !== undefined) from = from.where("type", "=", filter.type);
      const [items, count] = await Promise.all([
        from
          .selectAll()
          .select(nextFire)
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
        .select(nextFire)
        .where("org", "=", org)
        .where("function", "=", fn)
        .orderBy("id")
        .execute(),

    live: (type) =>
      db
        .selectFrom("triggers")
        .selectAll()
        .where("type", "=", type)
        .where("state", "<>", "deleting")
        .orderBy("id")
        .execute(),

    async liveSignature(type) {
      const { rows } = await sql<{ signature: string }>`
        select count(*) || '/' || coalesce(sum(hashtextextended(id, 0)::numeric), 0) as signature
        from triggers where type = ${type} and state <> 'deleting'`.execute(db);
      return rows[0]?.signature ?? "";
    },

    async replace(org, fn, wanted, newId, now) {
      const names = wanted.map((trigger) => JSON.stringify([trigger.type, trigger.key]));
      const unwanted = sql`not (type, key) in (select w->>0, w->>1 from unnest(${names}::jsonb[]) as w)`;
      await endTriggers(db, sql`org = ${org} and function = ${fn} and ${unwanted}`);
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
            conflict.columns(["org", "function", "type", "key"]).doUpdateSet((eb) => ({
              spec,
              updatedAt: now,
              state: sql<TriggerState>`case ${eb.ref("triggers.state")} when 'deleting' then 'active' else ${eb.ref("triggers.state")} end`,
            })),
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

    setPaused: (org, id, paused, now) =>
      db
        .updateTable("triggers")
        .set({
          state: sql<TriggerState>`case when ${paused}::boolean then 'paused' when state = 'paused' then 'active' else state end`,
          reason: sql<
            string | null
          >`case when ${paused}::boolean or state = 'paused' then null else reason end`,
          updatedAt: now,
        })
        .where("org", "=", org)
        .where("id", "=", id)
        .where("state", "<>", "deleting")
        .returningAll()
        .executeTakeFirst(),

    note: (notes) => note(db, notes),

    deleting: (limit) =>
      db
        .selectFrom("triggers")
        .selectAll()
        .where("state", "=", "deleting")
        .orderBy("id")
        .limit(limit)
        .execute(),

    async remove(id) {
      const result = await db
        .deleteFrom("triggers")
        .where("id", "=", id)
        .where("state", "=", "deleting")
        .executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

/** Deletes triggers of type http, and marks the others as being deleted; their schedules are over at once. */
export async function endTriggers(db: Kysely<Database>, which: RawBuilder<unknown>): Promise<void> {
  await sql`delete from triggers where ${which} and type = 'http'`.execute(db);
  await sql`
    with ended as (
      update triggers set state = 'deleting', reason = null
      where ${which} and state <> 'deleting' returning id
    )
    delete from cron_schedules s using ended where s.trigger_id = ended.id`.execute(db);
}

/** Rows are locked in the order of their ids, so that two replicas wait for each other instead of deadlocking. */
async function note(db: Kysely<Database>, notes: readonly TriggerNote[]): Promise<void> {
  if (notes.length === 0) return;
  const of = <T>(read: (note: TriggerNote) => T): T[] => notes.map(read);
  const given = batch("g", [
    { name: "id", type: "text", values: of(({ id }) => id) },
    { name: "looked", type: "boolean", values: of(({ blocked }) => blocked !== undefined) },
    { name: "blocked", type: "text", values: of(({ blocked }) => blocked ?? null) },
    { name: "ended", type: "boolean", values: of(({ lastError }) => lastError !== undefined) },
    { name: "lastError", type: "text", values: of(({ lastError }) => lastError ?? null) },
    { name: "firedAt", type: "timestamptz", values: of(({ lastFiredAt }) => lastFiredAt ?? null) },
  ]);
  await sql`
    with held as materialized (
      select g.*, g.looked and t.state in ('active', 'blocked') as changes from ${given}
      join triggers t on t.id = g.id order by t.id for update of t
    )
    update triggers t set
      state = case when not held.changes then t.state when held.blocked is null then 'active' else 'blocked' end,
      reason = case when held.changes then held.blocked else t.reason end,
      last_error = case when held.ended then held.last_error else t.last_error end,
      last_fired_at = greatest(t.last_fired_at, held.fired_at)
    from held where t.id = held.id`.execute(db);
}
