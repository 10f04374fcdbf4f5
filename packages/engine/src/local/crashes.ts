import { backoffDelay, type Backoff } from "@hanzo-fn/lifecycle";

/** How badly a revision's instances have fared of late. */
export interface Crashes {
  /** In a row, without a finished call between them. */
  readonly count: number;
  /** No start before this time; monotonic milliseconds. */
  readonly blockedUntilMs: number;
}

export const noCrashes: Crashes = { count: 0, blockedUntilMs: -Infinity };

/**
 * A crash alone delays nothing: the next request deserves a new instance at once. From the `threshold`th in a
 * row on, each delays the next start for longer.
 */
export function afterCrash(
  crashes: Crashes,
  rule: { readonly threshold: number; readonly backoff: Backoff },
  nowMs: number,
): Crashes {
  const count = crashes.count + 1;
  if (count < rule.threshold) return { count, blockedUntilMs: -Infinity };
  return { count, blockedUntilMs: nowMs + backoffDelay(rule.backoff, count - rule.threshold + 1) };
}

export function blockedForMs(crashes: Crashes, nowMs: number): number {
  return Math.max(0, crashes.blockedUntilMs - nowMs);
}
