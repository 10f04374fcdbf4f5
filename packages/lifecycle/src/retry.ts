import { type Backoff, backoffDelay } from "./backoff.ts";
import type { Clock } from "./clock.ts";

export interface RetryOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  /** Ends the tries; a failure after it is not reported. */
  readonly signal: AbortSignal;
  /** Every failure, with the number of the try, from 1. */
  readonly onFailure: (error: unknown, attempt: number) => void;
}

/** Runs `work` until it succeeds once, waiting longer after every failure. Resolves then, or when the signal aborts. */
export async function retryUntilDone(work: () => Promise<void>, options: RetryOptions): Promise<void> {
  const { clock, backoff, signal, onFailure } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return;
      onFailure(error, attempt);
      await clock.sleep(backoffDelay(backoff, attempt), signal).catch(() => {});
    }
  }
}
