import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Database } from "../schema.ts";
import type { QueueDefinition, QueueKey, QueueLane, QueueTypes } from "./definition.ts";
import { batch, columns, equal, inMs, NOW, pick } from "./sql.ts";

export interface ClaimOptions<Q extends QueueTypes> {
  /** Who holds the rows: a process, or a part of one. */
  readonly owner: string;
  readonly leaseMs: number;
  /** At most, all in all. */
  readonly limit: number;
  /** Only of these lanes, and of each at most its own `limit`; where absent of all. */
  readonly lanes?: readonly (QueueLane<Q> & { readonly limit: number })[] | undefined;
  /** Only these rows; not together with `lanes`. */
  readonly keys?: readonly QueueKey<Q>[] | undefined;
}

const DUE = sql`state = 'queued' and run_at <= ${NOW}`;

/**
 * The rows are chosen and locked in a materialised part of their own: as a subquery of the update's condition it could
 * run more than once, and claim more than the limit.
 */
export async function claim<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  options: ClaimOptions<Q>,
): Promise<Q["row"][]> {
  const { owner, leaseMs, limit, lanes, keys } = options;
  if (limit <= 0 || lanes?.length === 0 || keys?.length === 0) return [];
  const table = sql.table(definition.table);
  const key = Object.keys(definition.key);
  const due =
    keys !== undefined
      ? dueOfKeys(definition, keys, limit)
      : lanes === undefined
        ? dueOfAll(definition, limit)
        : dueOfLanes(definition, lanes, limit);
  const { rows } = await sql<Q["row"]>`
    with due as materialized (${due})
    update ${table} as t set
      state = 'running', attempt = t.attempt + 1, started_at = ${NOW},
      lease_owner = ${owner}, lease_epoch = t.lease_epoch + 1, lease_until = ${inMs(leaseMs)}
    from due where ${equal(key, "t", "due")}
    returning t.*`.execute(db);
  return rows.sort((a, b) => a.runAt.getTime() - b.runAt.getTime());
}

function dueOfAll<Q extends QueueTypes>(definition: QueueDefinition<Q>, limit: number): RawBuilder<unknown> {
  return sql`select ${columns(Object.keys(definition.key))} from ${sql.table(definition.table)}
    where ${DUE} order by run_at limit ${limit} for update skip locked`;
}

function dueOfKeys<Q extends QueueTypes>(
  definition: QueueDefinition<Q>,
  keys: readonly QueueKey<Q>[],
  limit: number,
): RawBuilder<unknown> {
  const names = Object.keys(definition.key);
  const wanted = batch("wanted", pick(definition.key, keys));
  return sql`select ${columns(names, "r")} from ${wanted} join ${sql.table(definition.table)} as r
    on ${equal(names, "r", "wanted")}
    where r.state = 'queued' and r.run_at <= ${NOW} order by r.run_at limit ${limit} for update of r skip locked`;
}

function dueOfLanes<Q extends QueueTypes>(
  definition: QueueDefinition<Q>,
  lanes: readonly (QueueLane<Q> & { readonly limit: number })[],
  limit: number,
): RawBuilder<unknown> {
  const key = Object.keys(definition.key);
  const wanted = batch("wanted", [
    ...pick(definition.lane, lanes),
    { name: "share", type: "integer", values: lanes.map((lane) => lane.limit) },
  ]);
  return sql`select ${columns(key, "first")} from ${wanted} cross join lateral (
      select ${columns(key, "r")} from ${sql.table(definition.table)} as r
      where ${equal(Object.keys(definition.lane), "r", "wanted")} and ${DUE}
      order by r.run_at limit wanted.share for update skip locked
    ) as first limit ${limit}`;
}
