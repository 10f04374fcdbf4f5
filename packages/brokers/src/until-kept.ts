import { PlatformError } from "@hanzo-fn/contract";
import { abortable, type Clock, backoffDelay, withFullJitter } from "@hanzo-fn/lifecycle";

const BACKOFF = { initialMs: 100, factor: 2, maxMs: 1000 };

export interface Patience {
  readonly clock: Clock;
  /** Milliseconds for all attempts together. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Which broker, for the reader: `NATS at host:4222`. */
  readonly broker: string;
  readonly next: string;
}

/**
 * Attempts until one succeeds, for as long as the limit and the signal allow. A `PlatformError` is final; anything
 * else may be over in a moment. The outcome of an attempt that is given up is not known: it may still be kept.
 */
export async function untilKept<T>(patience: Patience, attempt: () => Promise<T>): Promise<T> {
  const { clock, signal } = patience;
  signal.throwIfAborted();
  const limit = AbortSignal.timeout(patience.limitMs);
  const either = AbortSignal.any([signal, limit]);
  let last: unknown;
  for (let tries = 1; ; tries++) {
    try {
      return await abortable(attempt(), either);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      if (!either.aborted) last = error;
    }
    const delay = withFullJitter(backoffDelay(BACKOFF, tries), Math.random());
    await clock.sleep(delay, either).catch(() => {});
    signal.throwIfAborted();
    if (limit.aborted) throw unavailable(patience, last);
  }
}

function unavailable(patience: Patience, last: unknown): PlatformError {
  const why = last instanceof Error && last.message !== "" ? `: ${last.message}` : "";
  const seconds = patience.limitMs / 1000;
  return new PlatformError(
    "unavailable",
    `${patience.broker} did not acknowledge the message within ${seconds} s${why}`,
    { component: "brokers", cause: last, next: patience.next },
  );
}
