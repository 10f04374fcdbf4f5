import { backoffDelay, withFullJitter, type Backoff } from "@hanzo-fn/lifecycle";
import type { LeaseRow } from "./definition.ts";

export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly backoff: Backoff;
}

/**
 * Milliseconds until the attempt after one that failed; undefined where it was the last one.
 * `random` is in [0, 1).
 */
export function delayAfterFailure(
  policy: RetryPolicy,
  { attempt }: Pick<LeaseRow, "attempt">,
  random: number,
): number | undefined {
  if (attempt >= policy.maxAttempts) return undefined;
  return withFullJitter(backoffDelay(policy.backoff, attempt), random);
}

/**
 * Milliseconds until the next try of what never reached its function. Attempts that were given back are the claims
 * that did not count, so the delays grow without a counter of their own.
 */
export function delayAfterNoDelivery(
  backoff: Backoff,
  { attempt, leaseEpoch }: Pick<LeaseRow, "attempt" | "leaseEpoch">,
  random: number,
): number {
  return withFullJitter(backoffDelay(backoff, leaseEpoch - attempt + 1), random);
}
