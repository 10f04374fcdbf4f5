import { sql, type Kysely, type Transaction } from "kysely";
import type { JsonObject } from "../json.ts";
import { batch, flags } from "../queue/sql.ts";
import type { Database } from "../schema.ts";
import type { CronScheduleRow } from "../schema-events.ts";

export interface WantedCronSchedule {
  readonly triggerId: string;
  readonly org: string;
  readonly function: string;
  readonly enabled: boolean;
  readonly nextFireAt: Date;
  /** Of the time zone data that `nextFireAt` was computed with. */
  readonly tzVersion: string;
}

/** A schedule that is held until the transaction ends, and its trigger's spec. */
export interface HeldCronSchedule extends CronScheduleRow {
  readonly spec: JsonObject;
  /** The database's time. */
  readonly now: Date;
}

export interface CronAdvance {
  /** As `takeDue` gave it. */
  readonly schedule: Pick<CronScheduleRow, "triggerId" | "nextFireAt" | "specVersion">;
  /** The latest time that was recorded or passed over; undefined where none was due after all. */
  readonly scheduledAt: Date | undefined;
  /** Undefined where no time comes any more: the schedule is not enabled then. */
  readonly nextFireAt: Date | undefined;
}

export interface CronScheduleQueries {
  /** The database's time, which alone says what is due. */
  now(): Promise<Date>;
  /** Makes the schedule the wanted one; a tick that is under way with the old one changes nothing any more. */
  put(schedule: WantedCronSchedule): Promise<void>;
  /** The same where there is none yet; one that exists stays as it is. */
  ensure(schedule: WantedCronSchedule): Promise<void>;
  get(triggerId: string): Promise<CronScheduleRow | undefined>;
  /** Milliseconds until the first enabled one is due, 0 or less where one is; undefined where there is none. */
  dueInMs(): Promise<number | undefined>;
}

export interface CronScheduleCommands extends CronScheduleQueries {
  /** Up to `limit` that are due, earliest first, held until the transaction ends. Those that others hold are passed over. */
  takeDue(limit: number): Promise<HeldCronSchedule[]>;
  /** Up to `limit` enabled ones that were computed with other time zone data; held in the same way. */
  takeOtherZones(tzVersion: string, limit: number): Promise<HeldCronSchedule[]>;
  /**
   * Those of these triggers whose schedules are held until the transaction ends; those that others hold are left out.
   * Who claims a trigger's fires under this, in later statements, sees all that others claimed.
   */
  hold(triggerIds: readonly string[]): Promise<string[]>;
  /** In the order given: false where the schedule was changed or has been advanced. */
  advance(steps: readonly CronAdvance[]): Promise<boolean[]>;
}

export function createCronScheduleQueries(db: Kysely<Database>): CronScheduleQueries {
  return {
    async now() {
      const { rows } = await sql<{ now: Date }>`select queue_now() as now`.execute(db);
      return rows[0]?.now as Date;
    },
    async put(schedule) {
      await db
        .insertInto("cronSchedules")
        .values(schedule)
        .onConflict((conflict) =>
          conflict.column("triggerId").doUpdateSet((eb) => ({
            enabled: eb.ref("excluded.enabled"),
            nextFireAt: eb.ref("excluded.nextFireAt"),
            tzVersion: eb.ref("excluded.tzVersion"),
            specVersion: eb("cronSchedules.specVersion", "+", 1),
          })),
        )
        .execute();
    },
    async ensure(schedule) {
      await db
        .insertInto("cronSchedules")
        .values(schedule)
        .onConflict((conflict) => conflict.column("triggerId").doNothing())
        .execute();
    },
    get: (triggerId) =>
      db.selectFrom("cronSchedules").selectAll().where("triggerId", "=", triggerId).executeTakeFirst(),
    async dueInMs() {
      const { rows } = await sql<{ dueInMs: number }>`
        select (extract(epoch from next_fire_at - queue_now()) * 1000)::double precision as due_in_ms
        from cron_schedules where enabled order by next_fire_at limit 1`.execute(db);
      return rows[0]?.dueInMs;
    },
  };
}

export function createCronScheduleCommands(tx: Transaction<Database>): CronScheduleCommands {
  return {
    ...createCronScheduleQueries(tx),
    async takeDue(limit) {
      const { rows } = await sql<HeldCronSchedule>`
        with due as materialized (
          select * from cron_schedules where enabled and next_fire_at <= queue_now()
          order by next_fire_at limit ${limit} for update skip locked
        )
        select due.*, t.spec, queue_now() as now from due join triggers t on t.id = due.trigger_id
        order by due.next_fire_at`.execute(tx);
      return rows;
    },
    async takeOtherZones(tzVersion, limit) {
      const { rows } = await sql<HeldCronSchedule>`
        with other as materialized (
          select * from cron_schedules where enabled and tz_version <> ${tzVersion}
          limit ${limit} for update skip locked
        )
        select other.*, t.spec, queue_now() as now from other join triggers t on t.id = other.trigger_id`.execute(
        tx,
      );
      return rows;
    },
    async hold(triggerIds) {
      const rows = await tx
        .selectFrom("cronSchedules")
        .select("triggerId")
        .where(sql<boolean>`trigger_id = any(${triggerIds}::text[])`)
        .forUpdate()
        .skipLocked()
        .execute();
      return rows.map(({ triggerId }) => triggerId);
    },
    async advance(steps) {
      if (steps.length === 0) return [];
      const of = <T>(read: (step: CronAdvance) => T): T[] => steps.map(read);
      const given = batch("g", [
        { name: "triggerId", type: "text", values: of(({ schedule }) => schedule.triggerId) },
        { name: "seen", type: "timestamptz", values: of(({ schedule }) => schedule.nextFireAt) },
        { name: "version", type: "integer", values: of(({ schedule }) => schedule.specVersion) },
        { name: "scheduledAt", type: "timestamptz", values: of(({ scheduledAt }) => scheduledAt ?? null) },
        { name: "next", type: "timestamptz", values: of(({ nextFireAt }) => nextFireAt ?? null) },
      ]);
      const { rows } = await sql<{ n: number }>`
        update cron_schedules s set next_fire_at = coalesce(g.next, s.next_fire_at),
          enabled = g.next is not null, last_scheduled_at = coalesce(g.scheduled_at, s.last_scheduled_at) from ${given}
        where s.trigger_id = g.trigger_id and s.spec_version = g.version and s.next_fire_at = g.seen
          and (s.last_scheduled_at is null or g.scheduled_at is null or s.last_scheduled_at < g.scheduled_at)
        returning g.n`.execute(tx);
      return flags(steps.length, rows);
    },
  };
}
