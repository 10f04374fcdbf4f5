import { sql, type Kysely } from "kysely";
import { toStorableJson, withoutNul } from "../json.ts";
import type { Database } from "../schema.ts";
import type { DeadLetterRow } from "../schema-events.ts";

export interface NewDeadLetter {
  /** `dl_<ULID>` */
  readonly id: string;
  readonly org: string;
  readonly function: string;
  readonly triggerId: string;
  readonly eventId: string;
  readonly source: string;
  /** The body, or where it lies: one of the two. */
  readonly payload?: Buffer | undefined;
  readonly payloadRef?: string | undefined;
  readonly json: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly attempts: number;
  readonly firstFailedAt: Date;
  readonly lastFailedAt: Date;
  readonly status?: number | undefined;
  readonly error: string;
}

export interface DeadLetterFilter {
  readonly org: string;
  readonly function?: string | undefined;
  readonly triggerId?: string | undefined;
  readonly reason?: string | undefined;
  /** Only those that were, or were not, published again. */
  readonly redriven?: boolean | undefined;
  readonly ids?: readonly string[] | undefined;
}

export interface DeadLetterPage {
  readonly filter: DeadLetterFilter;
  /** Those that come after this id, in the order of the list. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Events that were given up. An event of a trigger is kept once, however often it is parked. */
export interface DeadLetterQueries {
  /** Resolves with the id under which it is kept, and whether the broker had it already. */
  keep(letter: NewDeadLetter): Promise<{ readonly id: string; readonly published: boolean }>;
  markPublished(id: string): Promise<void>;
  get(org: string, id: string): Promise<DeadLetterRow | undefined>;
  /** Newest first. */
  list(page: DeadLetterPage): Promise<DeadLetterRow[]>;
  count(filter: DeadLetterFilter): Promise<number>;
  /** False where it was published again before: of two at once one does it. */
  markRedriven(org: string, id: string, as: string): Promise<boolean>;
  /** How many went. */
  purge(filter: DeadLetterFilter): Promise<number>;
}

export function createDeadLetterQueries(db: Kysely<Database>): DeadLetterQueries {
  return {
    keep: (letter) => keep(db, letter),
    async markPublished(id) {
      await db
        .updateTable("deadLetters")
        .set({ publishedAt: sql<Date>`queue_now()` })
        .where("id", "=", id)
        .where("publishedAt", "is", null)
        .execute();
    },
    get: (org, id) =>
      db.selectFrom("deadLetters").selectAll().where("org", "=", org).where("id", "=", id).executeTakeFirst(),
    list({ filter, after, limit }) {
      let from = db.selectFrom("deadLetters").selectAll().where(matches(filter));
      if (after !== undefined) from = from.where("id", "<", after);
      return from.orderBy("id", "desc").limit(limit).execute();
    },
    async count(filter) {
      const { total } = await db
        .selectFrom("deadLetters")
        .select((eb) => eb.fn.countAll<number>().as("total"))
        .where(matches(filter))
        .executeTakeFirstOrThrow();
      return total;
    },
    async markRedriven(org, id, as) {
      const result = await db
        .updateTable("deadLetters")
        .set({ redrivenAt: sql<Date>`queue_now()`, redrivenAs: as })
        .where("org", "=", org)
        .where("id", "=", id)
        .where("redrivenAt", "is", null)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
    async purge(filter) {
      const result = await db.deleteFrom("deadLetters").where(matches(filter)).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

/** An update that changes nothing, so that a letter that is there already is returned like a new one. */
async function keep(
  db: Kysely<Database>,
  letter: NewDeadLetter,
): Promise<{ readonly id: string; readonly published: boolean }> {
  const { id, publishedAt } = await db
    .insertInto("deadLetters")
    .values({ ...letter, headers: toStorableJson(letter.headers), error: withoutNul(letter.error) })
    .onConflict((conflict) =>
      conflict
        .columns(["triggerId", "eventId"])
        .doUpdateSet((eb) => ({ reason: eb.ref("deadLetters.reason") })),
    )
    .returning(["id", "publishedAt"])
    .executeTakeFirstOrThrow();
  return { id, published: publishedAt !== null };
}

function matches({ org, function: fn, triggerId, reason, redriven, ids }: DeadLetterFilter) {
  const all = [sql<boolean>`org = ${org}`];
  if (fn !== undefined) all.push(sql`function = ${fn}`);
  if (triggerId !== undefined) all.push(sql`trigger_id = ${triggerId}`);
  if (reason !== undefined) all.push(sql`reason = ${reason}`);
  if (redriven !== undefined) all.push(sql`(redriven_at is not null) = ${redriven}::boolean`);
  if (ids !== undefined) all.push(sql`id = any(${ids}::text[])`);
  return sql<boolean>`${sql.join(all, sql` and `)}`;
}
