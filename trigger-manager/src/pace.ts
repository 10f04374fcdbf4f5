import type { Clock } from "@hanzo-fn/lifecycle";

/** Asked before each turn; undefined where it may begin at once. */
export type Pace = () => Promise<void> | undefined;

/**
 * Spaces out what would otherwise be done as often as it can be, and lets what comes after a rest begin at once:
 * statements cost by their number more than by how much they take.
 */
export function createPace(clock: Pick<Clock, "monotonic" | "sleep">, everyMs: number): Pace {
  let nextAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    const startsAtMs = Math.max(now, nextAtMs);
    nextAtMs = startsAtMs + everyMs;
    return startsAtMs > now ? clock.sleep(startsAtMs - now) : undefined;
  };
}
