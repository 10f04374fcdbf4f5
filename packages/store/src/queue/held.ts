import { sql, type RawBuilder } from "kysely";
import type { QueueDefinition, QueueLease, QueueTypes } from "./definition.ts";
import { columns, equal, pick, RUNNING, type Column } from "./sql.ts";

/** What names a lease, as columns of a batch: the key, `owner` and `epoch`. */
export function leaseColumns<Q extends QueueTypes>(
  definition: QueueDefinition<Q>,
  leases: readonly QueueLease<Q>[],
): Column[] {
  return [
    ...pick(definition.key, leases),
    { name: "owner", type: "text", values: leases.map((lease) => lease.leaseOwner) },
    { name: "epoch", type: "bigint", values: leases.map((lease) => lease.leaseEpoch) },
  ];
}

/** That the row `t` is still held as the lease `g` says. */
export const LEASED = sql`t.${RUNNING} and t.lease_owner = g.owner and t.lease_epoch = g.epoch`;

/**
 * `held as materialized (…)`: those of the batch `g` whose rows `t` meet the condition. The rows are locked in the
 * order of their keys before they change: two batches of one owner that share rows wait for each other instead of
 * deadlocking.
 */
export function held<Q extends QueueTypes>(
  definition: QueueDefinition<Q>,
  given: RawBuilder<unknown>,
  condition: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const key = Object.keys(definition.key);
  return sql`held as materialized (
      select g.* from ${given} join ${sql.table(definition.table)} as t on ${equal(key, "t", "g")}
      where ${condition} order by ${columns(key, "t")} for update of t
    )`;
}
