import { sql, type Kysely } from "kysely";
import type { QueueDefinition, QueueKey } from "../queue/definition.ts";
import { batch, flags, NOW, pick } from "../queue/sql.ts";
import { createQueue, type Queue } from "../queue/queue.ts";
import type { Database } from "../schema.ts";
import type { CronFireFinalState, CronFireRow, StoredError } from "../schema-events.ts";

export interface CronFireTypes {
  readonly row: CronFireRow;
  readonly key: "triggerId" | "scheduledAt";
  readonly lane: "triggerId";
  readonly outcome: "statusCode" | "error";
  readonly final: CronFireFinalState;
}

const DEFINITION: QueueDefinition<CronFireTypes> = {
  table: "cronFires",
  key: { triggerId: "text", scheduledAt: "timestamptz" },
  lane: { triggerId: "text" },
  outcome: { statusCode: "integer", error: "jsonb" },
};

export type CronFireKey = QueueKey<CronFireTypes>;

export interface NewCronFire extends CronFireKey {
  readonly org: string;
  readonly function: string;
  /** Not before. */
  readonly runAt: Date;
  readonly atMostOnce?: boolean | undefined;
  /** The dead letter that it is made from. */
  readonly redriveOf?: string | undefined;
  /** It is recorded as one that does not run, and why. */
  readonly ended?: { readonly state: "missed" | "skipped"; readonly error: StoredError } | undefined;
}

/** A fire that has not ended. */
export interface UnfinishedFire extends CronFireKey {
  /** It runs, or waits for another attempt. */
  readonly started: boolean;
}

/** What waits of one trigger. */
export interface CronLag {
  /** Fires that are due and not started, and a schedule whose time has come. */
  readonly items: number;
  /** Milliseconds since the first of them was due; 0 where there is none. */
  readonly ageMs: number;
}

export interface CronHistory {
  readonly org: string;
  readonly triggerId: string;
  /** Only times before this one. */
  readonly before?: Date | undefined;
  readonly limit: number;
}

/** What schedules fired, each time of each trigger once. */
export interface CronFireQueries extends Queue<CronFireTypes> {
  /** In the order given: false where this time of this trigger was recorded already. */
  record(fires: readonly NewCronFire[]): Promise<boolean[]>;
  /** What schedules fired of these triggers and has not ended, by scheduled time; redriven runs are left out. */
  unfinished(triggerIds: readonly string[]): Promise<UnfinishedFire[]>;
  /**
   * Of those of these triggers of which nothing runs: the fire that is to run next, where it is due. One that waits for
   * another attempt comes before all others.
   */
  nextAlone(triggerIds: readonly string[]): Promise<CronFireKey[]>;
  /** Fires that wait and whose triggers are gone, or going. */
  orphans(limit: number): Promise<CronFireKey[]>;
  /** Of every one of these triggers. */
  lag(triggerIds: readonly string[]): Promise<Map<string, CronLag>>;
  /** Newest first, of one trigger. */
  history(page: CronHistory): Promise<CronFireRow[]>;
}

export function createCronFireQueries(db: Kysely<Database>): CronFireQueries {
  return {
    ...createQueue(db, DEFINITION),
    record: (fires) => record(db, fires),
    unfinished: (triggerIds) => unfinished(db, triggerIds),
    nextAlone: (triggerIds) => nextAlone(db, triggerIds),
    async orphans(limit) {
      const { rows } = await sql<CronFireKey>`
        select trigger_id, scheduled_at from cron_fires f where state = 'queued'
          and not exists (select from triggers t where t.id = f.trigger_id and t.state <> 'deleting')
        limit ${limit}`.execute(db);
      return rows;
    },
    lag: (triggerIds) => lag(db, triggerIds),
    history({ org, triggerId, before, limit }) {
      let from = db
        .selectFrom("cronFires")
        .selectAll()
        .where("org", "=", org)
        .where("triggerId", "=", triggerId);
      if (before !== undefined) from = from.where("scheduledAt", "<", before);
      return from.orderBy("scheduledAt", "desc").limit(limit).execute();
    },
  };
}

async function record(db: Kysely<Database>, fires: readonly NewCronFire[]): Promise<boolean[]> {
  if (fires.length === 0) return [];
  const given = batch("g", [
    ...pick({ ...DEFINITION.key, org: "text", function: "text", runAt: "timestamptz" }, fires),
    { name: "atMostOnce", type: "boolean", values: fires.map(({ atMostOnce }) => atMostOnce ?? false) },
    { name: "redriveOf", type: "text", values: fires.map(({ redriveOf }) => redriveOf ?? null) },
    { name: "ended", type: "text", values: fires.map(({ ended }) => ended?.state ?? null) },
    { name: "error", type: "jsonb", values: fires.map(({ ended }) => ended?.error ?? null) },
  ]);
  const { rows } = await sql<{ n: number }>`
    with given as (select * from ${given}),
    recorded as (
      insert into cron_fires
        (trigger_id, scheduled_at, org, function, run_at, at_most_once, redrive_of, state, error, finished_at)
      select trigger_id, scheduled_at, org, function, run_at, at_most_once, redrive_of,
        coalesce(ended, 'queued'), error, case when ended is not null then ${NOW} end
      from given order by trigger_id, scheduled_at
      on conflict do nothing returning trigger_id, scheduled_at
    )
    select min(given.n) as n from given join recorded using (trigger_id, scheduled_at)
    group by trigger_id, scheduled_at`.execute(db);
  return flags(fires.length, rows);
}

/** Two branches, so that each has an index of its own. */
async function unfinished(db: Kysely<Database>, triggerIds: readonly string[]): Promise<UnfinishedFire[]> {
  if (triggerIds.length === 0) return [];
  const { rows } = await sql<UnfinishedFire>`
    select trigger_id, scheduled_at, true as started from cron_fires
      where state = 'running' and redrive_of is null and trigger_id = any(${triggerIds}::text[])
    union all
    select trigger_id, scheduled_at, attempt > 0 or first_failed_at is not null from cron_fires
      where state = 'queued' and redrive_of is null and trigger_id = any(${triggerIds}::text[])
    order by 1, 2`.execute(db);
  return rows;
}

async function nextAlone(db: Kysely<Database>, triggerIds: readonly string[]): Promise<CronFireKey[]> {
  if (triggerIds.length === 0) return [];
  const { rows } = await sql<CronFireKey>`
    select next.trigger_id, next.scheduled_at from unnest(${triggerIds}::text[]) as wanted (id)
    cross join lateral (
      select trigger_id, scheduled_at, run_at from cron_fires f
      where f.trigger_id = wanted.id and state = 'queued'
      order by attempt > 0 or first_failed_at is not null desc, run_at limit 1
    ) as next
    where next.run_at <= ${NOW}
      and not exists (select from cron_fires r where r.trigger_id = wanted.id and r.state = 'running')`.execute(
    db,
  );
  return rows;
}

async function lag(db: Kysely<Database>, triggerIds: readonly string[]): Promise<Map<string, CronLag>> {
  if (triggerIds.length === 0) return new Map();
  const { rows } = await sql<{ id: string; items: number; ageMs: number }>`
    select wanted.id, f.items + (s.trigger_id is not null)::integer as items,
      greatest(0, coalesce(extract(epoch from ${NOW} - least(f.first, s.next_fire_at)) * 1000, 0))::double precision
        as age_ms
    from unnest(${triggerIds}::text[]) as wanted (id)
    cross join lateral (
      select count(*)::integer as items, min(run_at) as first from cron_fires
      where trigger_id = wanted.id and state = 'queued' and run_at <= ${NOW}
    ) as f
    left join cron_schedules s on s.trigger_id = wanted.id and s.enabled and s.next_fire_at <= ${NOW}`.execute(
    db,
  );
  return new Map(rows.map(({ id, items, ageMs }) => [id, { items, ageMs }]));
}
