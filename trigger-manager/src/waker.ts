import type { Clock } from "@hanzo-fn/lifecycle";

/** What a loop waits for between its rounds. */
export interface Waker {
  /** The next round is due at once, also where none is waited for yet. */
  wake(): void;
  /** Resolves when woken, after `ms`, or when the signal aborts; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWaker(clock: Pick<Clock, "sleep">): Waker {
  let due = false;
  let waiting: AbortController | undefined;
  return {
    wake() {
      due = true;
      waiting?.abort();
    },
    async wait(ms, signal) {
      if (!due && ms > 0) {
        waiting = new AbortController();
        await clock.sleep(ms, AbortSignal.any([waiting.signal, signal])).catch(() => {});
        waiting = undefined;
      }
      due = false;
    },
  };
}
