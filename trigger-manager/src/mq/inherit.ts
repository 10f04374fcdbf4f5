import type { Clock } from "@hanzo-fn/lifecycle";

export interface Inheritance {
  readonly clock: Clock;
  readonly ackWaitMs: number;
  /** Events that are out, of whoever had this trigger before. */
  readonly out: (signal: AbortSignal) => Promise<number>;
}

const LOOKS_PER_WAIT = 10;
/** The broker notices what is over its time a little later. */
const MARGIN = 1.1;

/**
 * Waits until nothing is out any more that another replica may still work on: what comes after it would overtake it.
 * Resolves with how many events come again first.
 */
export async function inherit(parts: Inheritance, signal: AbortSignal): Promise<number> {
  const { clock, ackWaitMs, out } = parts;
  const endMs = clock.monotonic() + MARGIN * ackWaitMs;
  for (;;) {
    const count = await out(signal);
    if (count === 0 || clock.monotonic() >= endMs) return count;
    await clock.sleep(ackWaitMs / LOOKS_PER_WAIT, signal);
  }
}
