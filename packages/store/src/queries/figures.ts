import { sql, type Kysely } from "kysely";
import type { Database, FiguresRow } from "../schema.ts";

/**
 * Upper bounds in milliseconds of the stored histogram; one more bucket above them has none. They are part of
 * the stored data: changing them needs a migration.
 */
export const DURATION_BUCKETS_MS: readonly number[] = [
  5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
];

/** Figures of one minute; adding them twice counts them twice. */
export type Figures = Readonly<FiguresRow>;

export interface FiguresQuery {
  readonly org: string;
  readonly function: string;
  readonly since: Date;
  /** Exclusive. */
  readonly until: Date;
  /** Revision name. */
  readonly revision?: string | undefined;
}

export interface FiguresQueries {
  /** Adds to what is stored of the same minute. */
  add(batch: readonly Figures[]): Promise<void>;
  /** Oldest minute first. */
  query(query: FiguresQuery): Promise<FiguresRow[]>;
  deleteFunction(org: string, fn: string): Promise<void>;
  /** Removes minutes before `before`; the number of rows removed. */
  sweep(before: Date): Promise<number>;
}

export function createFiguresQueries(db: Kysely<Database>): FiguresQueries {
  return {
    async add(batch) {
      if (batch.length === 0) return;
      await db
        .insertInto("figures")
        .values(merged(batch))
        .onConflict((conflict) =>
          conflict.columns(["org", "function", "minute", "revision", "trigger"]).doUpdateSet((eb) => ({
            invocations: eb("figures.invocations", "+", eb.ref("excluded.invocations")),
            errors: eb("figures.errors", "+", eb.ref("excluded.errors")),
            timeouts: eb("figures.timeouts", "+", eb.ref("excluded.timeouts")),
            coldStarts: eb("figures.coldStarts", "+", eb.ref("excluded.coldStarts")),
            durationMsSum: eb("figures.durationMsSum", "+", eb.ref("excluded.durationMsSum")),
            coldMsSum: eb("figures.coldMsSum", "+", eb.ref("excluded.coldMsSum")),
            durationBuckets: sql<number[]>`(
              select array_agg(coalesce(had, 0) + coalesce(more, 0) order by i)
              from unnest(figures.duration_buckets, excluded.duration_buckets) with ordinality as t (had, more, i))`,
          })),
        )
        .execute();
    },

    query(query) {
      let from = db
        .selectFrom("figures")
        .selectAll()
        .where("org", "=", query.org)
        .where("function", "=", query.function)
        .where("minute", ">=", query.since)
        .where("minute", "<", query.until);
      if (query.revision !== undefined) from = from.where("revision", "=", query.revision);
      return from.orderBy("minute").orderBy("revision").orderBy("trigger").execute();
    },

    async deleteFunction(org, fn) {
      await db.deleteFrom("figures").where("org", "=", org).where("function", "=", fn).execute();
    },

    async sweep(before) {
      const result = await db.deleteFrom("figures").where("minute", "<", before).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

/** One row per key: an upsert may not meet the same row twice. Sorted, so that two writers lock in one order. */
export function merged(batch: readonly Figures[]): FiguresRow[] {
  const rows = new Map<string, FiguresRow>();
  for (const figures of batch) {
    const key = figuresKey(figures);
    const known = rows.get(key);
    rows.set(key, known ? sum(known, figures) : { ...figures });
  }
  return [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

function figuresKey(f: Figures): string {
  return JSON.stringify([f.org, f.function, f.minute.getTime(), f.revision, f.trigger]);
}

function sum(a: FiguresRow, b: Figures): FiguresRow {
  return {
    ...a,
    invocations: a.invocations + b.invocations,
    errors: a.errors + b.errors,
    timeouts: a.timeouts + b.timeouts,
    coldStarts: a.coldStarts + b.coldStarts,
    durationMsSum: a.durationMsSum + b.durationMsSum,
    coldMsSum: a.coldMsSum + b.coldMsSum,
    durationBuckets: a.durationBuckets.map((count, i) => count + (b.durationBuckets[i] ?? 0)),
  };
}
