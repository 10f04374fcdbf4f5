import { sql, type Kysely } from "kysely";
import type { Database } from "../schema.ts";
import type { QueueDefinition, QueueKey, QueueLease, QueueOutcome, QueueTypes } from "./definition.ts";
import { held, LEASED, leaseColumns } from "./held.ts";
import { batch, column, equal, flags, inMs, NOW, pick, RUNNING } from "./sql.ts";

/** What becomes of a row that is held. */
export interface Settlement<Q extends QueueTypes> {
  readonly lease: QueueLease<Q>;
  /** Its end, or `queued` to run again. */
  readonly to: Q["final"] | "queued";
  /**
   * Of a row to run again because it did not succeed: milliseconds from now. Where absent it was merely returned, and
   * keeps its place in the queue.
   */
  readonly delayMs?: number | undefined;
  /** False gives the attempt back: the function never saw the row. */
  readonly counts: boolean;
  /** Replaces all outcome columns, with null where one is left out. Where absent they stay. */
  readonly outcome?: QueueOutcome<Q> | undefined;
}

/** What becomes of a row whose owner vanished. Its attempt counts: the function may have run. */
export type Verdict<Q extends QueueTypes> = Omit<Settlement<Q>, "lease" | "counts">;

export interface WithdrawOptions<Q extends QueueTypes> {
  readonly to: Q["final"];
  /** Rows that run end as well; their owners learn it from `renew` and `settle`. */
  readonly running: boolean;
  readonly outcome?: QueueOutcome<Q> | undefined;
}

export async function settle<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  settlements: readonly Settlement<Q>[],
  { onlyExpired }: { readonly onlyExpired: boolean },
): Promise<boolean[]> {
  if (settlements.length === 0) return [];
  const table = sql.table(definition.table);
  const key = Object.keys(definition.key);
  const given = batch("g", [
    ...leaseColumns(
      definition,
      settlements.map(({ lease }) => lease),
    ),
    { name: "target", type: "text", values: settlements.map(({ to }) => to) },
    { name: "delayMs", type: "double precision", values: settlements.map(({ delayMs }) => delayMs ?? null) },
    { name: "counts", type: "boolean", values: settlements.map(({ counts }) => counts) },
    { name: "writes", type: "boolean", values: settlements.map(({ outcome }) => outcome !== undefined) },
    ...pick(
      definition.outcome,
      settlements.map(({ outcome }) => outcome ?? {}),
      OUTCOME,
    ),
  ]);
  const { rows } = await sql<{ n: number }>`
    with ${held(definition, given, sql`${LEASED} and (not ${onlyExpired}::boolean or t.lease_until <= ${NOW})`)}
    update ${table} as t set
      state = held.target,
      run_at = case when held.target = 'queued' and held.delay_ms is not null
        then ${inMs(sql`held.delay_ms`)} else t.run_at end,
      attempt = t.attempt - (not held.counts)::integer,
      lease_owner = null, lease_until = null,
      first_failed_at = case when held.target = 'queued' and (held.delay_ms is not null or ${onlyExpired}::boolean)
        then coalesce(t.first_failed_at, ${NOW}) else t.first_failed_at end,
      finished_at = case when held.target <> 'queued' then ${NOW} end
      ${setOutcome(definition, "held")}
    from held where ${equal(key, "t", "held")}
    returning held.n`.execute(db);
  return flags(settlements.length, rows);
}

export async function withdraw<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  keys: readonly QueueKey<Q>[],
  { to, running, outcome }: WithdrawOptions<Q>,
): Promise<boolean[]> {
  if (keys.length === 0) return [];
  const table = sql.table(definition.table);
  const key = Object.keys(definition.key);
  const given = batch("g", [
    ...pick(definition.key, keys),
    { name: "writes", type: "boolean", values: keys.map(() => outcome !== undefined) },
    ...pick(
      definition.outcome,
      keys.map(() => outcome ?? {}),
      OUTCOME,
    ),
  ]);
  const { rows } = await sql<{ n: number }>`
    with ${held(definition, given, sql`t.state = 'queued' or (${running}::boolean and t.${RUNNING})`)}
    update ${table} as t set
      state = ${to}, lease_owner = null, lease_until = null, finished_at = ${NOW}
      ${setOutcome(definition, "held")}
    from held where ${equal(key, "t", "held")}
    returning held.n`.execute(db);
  return flags(keys.length, rows);
}

const OUTCOME = "outcome_";

/** `, a = case when held.writes then held.outcome_a else t.a end, …` */
function setOutcome<Q extends QueueTypes>(definition: QueueDefinition<Q>, from: string) {
  const set = Object.keys(definition.outcome).map(
    (name) =>
      sql`, ${column(name)} = case when ${column("writes", from)}
        then ${column(OUTCOME + name, from)} else ${column(name, "t")} end`,
  );
  return set.length === 0 ? sql`` : sql.join(set, sql` `);
}
