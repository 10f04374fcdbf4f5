import { sql, type Kysely } from "kysely";
import type { Database, ResourcesSpec, RevisionRow, StoredFailure, StoredRevisionState } from "../schema.ts";

export interface NewRevision {
  readonly org: string;
  readonly function: string;
  readonly number: number;
  readonly identity: string;
  readonly sourceDigest: string;
  readonly version: string;
  readonly runtime: string;
  readonly entry: string;
  readonly resources: ResourcesSpec;
  readonly environment: Readonly<Record<string, string>>;
  /** Environment variable name -> secret name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly imageDigest?: string | undefined;
}

/** What is observed of a revision; what it is never changes. */
export interface RevisionObservation {
  readonly state?: StoredRevisionState | undefined;
  /** `null` clears it. */
  readonly failure?: StoredFailure | null | undefined;
  /** Merged into what is known. */
  readonly phasesMs?: Readonly<Record<string, number>> | undefined;
  readonly warnings?: readonly string[] | undefined;
  readonly layerKey?: string | undefined;
  readonly imageDigest?: string | undefined;
  readonly proven?: boolean | undefined;
  readonly readyAt?: Date | undefined;
}

export interface RevisionQueries {
  get(org: string, fn: string, number: number): Promise<RevisionRow | undefined>;
  /** The one with the highest number, whatever its state. */
  newest(org: string, fn: string): Promise<RevisionRow | undefined>;
  /** The ready one with the highest number. */
  newestReady(org: string, fn: string): Promise<RevisionRow | undefined>;
  /** Newest first. */
  list(org: string, fn: string): Promise<RevisionRow[]>;
  /** The functions of which a revision names this secret, by name. */
  functionsNaming(org: string, secret: string): Promise<string[]>;
  insert(values: NewRevision, now: Date): Promise<RevisionRow>;
  /** False where there is no such revision. */
  observe(org: string, fn: string, number: number, seen: RevisionObservation): Promise<boolean>;
  /** Sets the whole split: a revision that is not named gets 0. */
  setTraffic(org: string, fn: string, percents: ReadonlyMap<number, number>, now: Date): Promise<void>;
  delete(org: string, fn: string, number: number): Promise<boolean>;
}

export function createRevisionQueries(db: Kysely<Database>): RevisionQueries {
  const of = (org: string, fn: string) =>
    db.selectFrom("revisions").selectAll().where("org", "=", org).where("function", "=", fn);
  return {
    get: (org, fn, number) => of(org, fn).where("number", "=", number).executeTakeFirst(),
    newest: (org, fn) => of(org, fn).orderBy("number", "desc").limit(1).executeTakeFirst(),
    newestReady: (org, fn) =>
      of(org, fn).where("state", "=", "ready").orderBy("number", "desc").limit(1).executeTakeFirst(),
    list: (org, fn) => of(org, fn).orderBy("number", "desc").execute(),

    async functionsNaming(org, secret) {
      const { rows } = await sql<{ function: string }>`
        select distinct function from revisions
        where org = ${org} and exists (select 1 from jsonb_each_text(secrets) as named where named.value = ${secret})
        order by function`.execute(db);
      return rows.map((row) => row.function);
    },

    insert: (values, now) =>
      db
        .insertInto("revisions")
        .values({
          ...values,
          resources: JSON.stringify(values.resources),
          environment: JSON.stringify(values.environment),
          secrets: JSON.stringify(values.secrets),
          imageDigest: values.imageDigest ?? null,
          layerKey: null,
          failure: null,
          createdAt: now,
        })
        .returningAll()
        .executeTakeFirstOrThrow(),

    async observe(org, fn, number, seen) {
      const set = observed(seen);
      if (Object.keys(set).length === 0) return (await this.get(org, fn, number)) !== undefined;
      const result = await db
        .updateTable("revisions")
        .set(set)
        .where("org", "=", org)
        .where("function", "=", fn)
        .where("number", "=", number)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },

    async setTraffic(org, fn, percents, now) {
      const numbers = [...percents.keys()];
      await sql`
        update revisions set
          percent = coalesce(wanted.percent, 0),
          last_traffic_at = case when coalesce(wanted.percent, 0) > 0 or revisions.percent > 0
            then ${now} else revisions.last_traffic_at end
        from revisions as mine
        left join unnest(${numbers}::int[], ${numbers.map((n) => percents.get(n) ?? 0)}::int[])
          as wanted (number, percent) on wanted.number = mine.number
        where revisions.org = ${org} and revisions.function = ${fn}
          and mine.org = revisions.org and mine.function = revisions.function and mine.number = revisions.number
          and (revisions.percent > 0 or wanted.percent is not null)`.execute(db);
    },

    async delete(org, fn, number) {
      const result = await db
        .deleteFrom("revisions")
        .where("org", "=", org)
        .where("function", "=", fn)
        .where("number", "=", number)
        .executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

function observed(seen: RevisionObservation) {
  return {
    ...(seen.state && { state: seen.state }),
    ...(seen.failure !== undefined && { failure: seen.failure && JSON.stringify(seen.failure) }),
    ...(seen.phasesMs && {
      phasesMs: sql<string>`phases_ms || ${JSON.stringify(seen.phasesMs)}::jsonb`,
    }),
    ...(seen.warnings && { warnings: JSON.stringify(seen.warnings) }),
    ...(seen.layerKey !== undefined && { layerKey: seen.layerKey }),
    ...(seen.imageDigest !== undefined && { imageDigest: seen.imageDigest }),
    ...(seen.proven !== undefined && { proven: seen.proven }),
    ...(seen.readyAt && { readyAt: seen.readyAt }),
  };
}
