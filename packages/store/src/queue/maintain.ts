import { sql, type Kysely } from "kysely";
import type { Database } from "../schema.ts";
import type { QueueDefinition, QueueLane, QueueLease, QueueTypes } from "./definition.ts";
import { held, LEASED, leaseColumns } from "./held.ts";
import { settle, type Verdict } from "./settle.ts";
import { batch, columns, equal, flags, inMs, NOW, RUNNING } from "./sql.ts";

export interface LaneBacklog<Q extends QueueTypes> {
  readonly lane: QueueLane<Q>;
  /** Milliseconds since the lane's first row was due; negative where it is not due yet. */
  readonly waitedMs: number;
}

export async function renew<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  leases: readonly QueueLease<Q>[],
  leaseMs: number,
): Promise<boolean[]> {
  if (leases.length === 0) return [];
  const table = sql.table(definition.table);
  const key = Object.keys(definition.key);
  const { rows } = await sql<{ n: number }>`
    with ${held(definition, batch("g", leaseColumns(definition, leases)), LEASED)}
    update ${table} as t set lease_until = ${inMs(leaseMs)}
    from held where ${equal(key, "t", "held")}
    returning held.n`.execute(db);
  return flags(leases.length, rows);
}

/**
 * Settles in the name of the owners that vanished, under their own epochs: whichever comes first, the owner that is
 * back or one of several callers of this, the others are fenced.
 */
export async function expire<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  limit: number,
  decide: (row: Q["row"]) => Verdict<Q>,
): Promise<Q["row"][]> {
  const { rows } = await sql<Q["row"]>`select * from ${sql.table(definition.table)}
    where ${RUNNING} and lease_until <= ${NOW} order by lease_until limit ${limit}`.execute(db);
  const settled = await settle(
    db,
    definition,
    rows.map((row) => ({ ...decide(row), lease: row as unknown as QueueLease<Q>, counts: true })),
    { onlyExpired: true },
  );
  return rows.filter((_, i) => settled[i]);
}

export async function endLeases<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
): Promise<number> {
  const table = sql.table(definition.table);
  const result = await sql`update ${table} set lease_until = ${NOW} where ${RUNNING}`.execute(db);
  return Number(result.numAffectedRows ?? 0n);
}

/** Steps from lane to lane by the index (lane, run_at), so that it costs by lanes and not by rows. */
export async function readLanes<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  limit: number,
  after: QueueLane<Q> | undefined,
  { onlyDue }: { readonly onlyDue: boolean },
): Promise<LaneBacklog<Q>[]> {
  const table = sql.table(definition.table);
  const lane = Object.keys(definition.lane);
  const start =
    after === undefined
      ? sql`true`
      : sql`(${columns(lane)}) > (${sql.join(lane.map((name) => (after as Record<string, unknown>)[name]))})`;
  const due = onlyDue ? sql`run_at <= ${NOW}` : sql`true`;
  const { rows } = await sql<Record<string, unknown> & { waitedMs: number }>`
    with recursive found as (
      (select ${columns(lane)}, run_at, 1 as place from ${table}
        where state = 'queued' and ${start} and ${due} order by ${columns(lane)}, run_at limit 1)
      union all
      select next.*, found.place + 1 from found cross join lateral (
        select ${columns(lane, "t")}, t.run_at from ${table} as t
        where t.state = 'queued' and (${columns(lane, "t")}) > (${columns(lane, "found")}) and ${due}
        order by ${columns(lane, "t")}, t.run_at limit 1
      ) as next where found.place < ${limit}
    )
    select ${columns(lane)}, (extract(epoch from ${NOW} - run_at) * 1000)::double precision as waited_ms
    from found order by place limit ${limit}`.execute(db);
  return rows.map(({ waitedMs, ...lane }) => ({ lane: lane as QueueLane<Q>, waitedMs }));
}

export async function nextDueInMs<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
): Promise<number | undefined> {
  const { rows } = await sql<{ dueInMs: number }>`
    select (extract(epoch from run_at - ${NOW}) * 1000)::double precision as due_in_ms
    from ${sql.table(definition.table)} where state = 'queued' and run_at > ${NOW} order by run_at limit 1`.execute(
    db,
  );
  return rows[0]?.dueInMs;
}

export async function sweepFinished<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
  afterMs: number,
  limit: number,
): Promise<number> {
  const table = sql.table(definition.table);
  const key = Object.keys(definition.key);
  const result = await sql`
    with old as materialized (
      select ${columns(key)} from ${table}
      where finished_at < ${inMs(-afterMs)} order by finished_at limit ${limit} for update skip locked
    )
    delete from ${table} as t using old where ${equal(key, "t", "old")}`.execute(db);
  return Number(result.numAffectedRows ?? 0n);
}
