import { type Backoff, backoffDelay, withFullJitter } from "@hanzo-fn/lifecycle";

/** How many calls of a trigger its function bears: additive increase, multiplicative decrease. A value, never changed. */
export interface Concurrency {
  /** Calls at once; the part after the point is the way to the next one. */
  readonly limit: number;
  /** Calls in a row that were not delivered. */
  readonly refusals: number;
  /** After a refusal nothing is tried before this; milliseconds of a monotonic clock. */
  readonly opensAtMs: number;
  /** Calls before this one began under a limit that was halved since: their refusals are no news. */
  readonly freshFrom: number;
  /** Why the last call was not delivered, where it was not. */
  readonly reason: string | undefined;
}

/** Between calls while the function takes none (events.md 4.0). */
const REFUSED: Backoff = { initialMs: 1000, factor: 2, maxMs: 300_000 };
/** From so many refusals in a row on the trigger counts as blocked. */
const BLOCKED_AFTER = 5;

/**
 * @param ready instances that can take a call; undefined where that is not known
 */
export function initialConcurrency(ready: number | undefined, max: number): Concurrency {
  const limit = Math.max(1, Math.min(ready ?? 1, max));
  return { limit, refusals: 0, opensAtMs: 0, freshFrom: 0, reason: undefined };
}

/** How many calls there may be at once, those that are running included. At zero instances and after a refusal: one probe. */
export function allowedCalls(state: Concurrency, ready: number | undefined, now: number): number {
  if (state.refusals > 0) return now >= state.opensAtMs ? 1 : 0;
  return ready === 0 ? 1 : Math.floor(state.limit);
}

/** A call begins. What was learned of a function that has gone to zero since is forgotten. */
export function afterStart(state: Concurrency, ready: number | undefined): Concurrency {
  return ready === 0 && state.limit > 1 ? { ...state, limit: 1 } : state;
}

/**
 * The function had a call: it takes calls. A success adds one call per round of successes.
 * @param running calls just before this one ended: an increase that nobody used would say nothing
 */
export function afterDelivery(
  state: Concurrency,
  end: { readonly succeeded: boolean; readonly running: number },
  max: number,
): Concurrency {
  const isUsed = end.running * 2 >= state.limit;
  const limit =
    end.succeeded && isUsed ? Math.min(max, state.limit + 1 / Math.floor(state.limit)) : state.limit;
  if (limit === state.limit && state.refusals === 0) return state;
  return { ...state, limit, refusals: 0, opensAtMs: 0, reason: undefined };
}

/**
 * A call was not delivered. Halves once for all calls that were under way together, and leaves the function alone for
 * a while that grows with every refusal in a row.
 */
export function afterRefusal(
  state: Concurrency,
  refusal: {
    /** Number of the refused call, in the order of their starts. */
    readonly call: number;
    /** Number that the next call will have. */
    readonly nextCall: number;
    readonly now: number;
    /** In [0, 1). */
    readonly random: number;
    readonly reason: string;
  },
): Concurrency {
  if (refusal.call < state.freshFrom) return state;
  const refusals = state.refusals + 1;
  return {
    limit: Math.max(1, Math.floor(state.limit / 2)),
    refusals,
    opensAtMs: refusal.now + withFullJitter(backoffDelay(REFUSED, refusals), refusal.random),
    freshFrom: refusal.nextCall,
    reason: refusal.reason,
  };
}

/** Why nothing is delivered at the moment, where that has been so for a while. */
export function blockedReason(state: Concurrency): string | undefined {
  return state.refusals >= BLOCKED_AFTER ? state.reason : undefined;
}
