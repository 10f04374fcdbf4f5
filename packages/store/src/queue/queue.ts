import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";
import { claim, type ClaimOptions } from "./claim.ts";
import type { QueueDefinition, QueueKey, QueueLane, QueueLease, QueueTypes } from "./definition.ts";
import {
  endLeases,
  expire,
  nextDueInMs,
  readLanes,
  renew,
  sweepFinished,
  type LaneBacklog,
} from "./maintain.ts";
import { settle, withdraw, type Settlement, type Verdict, type WithdrawOptions } from "./settle.ts";

/**
 * A table as a queue: rows wait (`queued`), are held by an owner for a time (`running`) and end in one final state.
 * Delivery is at least once: a row whose lease ran out is queued again, so its function may run twice, but only the
 * latest claim of a row can settle it. Attempts are counted when a row is claimed, so that one whose owner dies is
 * counted as well. What is due and what ran out only the database's clock decides (SQL function `queue_now()`).
 * Every method is one statement and works inside a transaction as well.
 */
export interface Queue<Q extends QueueTypes> {
  /** Takes rows that are due, earliest first, each for one owner. Rows that others are taking are passed over. */
  claim(options: ClaimOptions<Q>): Promise<Q["row"][]>;
  /** Holds leases for `leaseMs` from now. In the order given: false where the lease was lost. */
  renew(leases: readonly QueueLease<Q>[], leaseMs: number): Promise<boolean[]>;
  /** In the order given: false where the lease was lost, and nothing changed. */
  settle(settlements: readonly Settlement<Q>[]): Promise<boolean[]>;
  /** Gives rows back that were not started: where they were in the queue, the attempt not counted. */
  release(leases: readonly QueueLease<Q>[]): Promise<boolean[]>;
  /** Settles up to `limit` rows whose lease ran out, in place of their owners; those that it settled. */
  expire(limit: number, decide: (row: Q["row"]) => Verdict<Q>): Promise<Q["row"][]>;
  /**
   * Ends the leases of all rows that run, for `expire` to find: for a process that knows that it is the only one, so
   * that whoever held them is gone. How many.
   */
  endLeases(): Promise<number>;
  /** Ends rows that nobody holds, or whoever holds them. In the order given: false where it had ended or is absent. */
  withdraw(keys: readonly QueueKey<Q>[], options: WithdrawOptions<Q>): Promise<boolean[]>;
  /** Up to `limit` lanes with rows that wait, and how long the first of each has waited. */
  lanes(limit: number, after?: QueueLane<Q>): Promise<LaneBacklog<Q>[]>;
  /** The same, of lanes with a row that is due. */
  dueLanes(limit: number, after?: QueueLane<Q>): Promise<LaneBacklog<Q>[]>;
  /** Milliseconds until the next row that waits is due, of those that are not yet; undefined where there is none. */
  nextDueInMs(): Promise<number | undefined>;
  /** Deletes up to `limit` rows that ended more than `afterMs` ago; how many went. */
  sweepFinished(afterMs: number, limit: number): Promise<number>;
}

export function createQueue<Q extends QueueTypes>(
  db: Kysely<Database>,
  definition: QueueDefinition<Q>,
): Queue<Q> {
  return {
    claim: (options) => claim(db, definition, options),
    renew: (leases, leaseMs) => renew(db, definition, leases, leaseMs),
    settle: (settlements) => settle(db, definition, settlements, { onlyExpired: false }),
    release: (leases) =>
      settle(
        db,
        definition,
        leases.map((lease) => ({ lease, to: "queued", counts: false })),
        { onlyExpired: false },
      ),
    expire: (limit, decide) => expire(db, definition, limit, decide),
    endLeases: () => endLeases(db, definition),
    withdraw: (keys, options) => withdraw(db, definition, keys, options),
    lanes: (limit, after) => readLanes(db, definition, limit, after, { onlyDue: false }),
    dueLanes: (limit, after) => readLanes(db, definition, limit, after, { onlyDue: true }),
    nextDueInMs: () => nextDueInMs(db, definition),
    sweepFinished: (afterMs, limit) => sweepFinished(db, definition, afterMs, limit),
  };
}
