import type { Clock } from "@hanzo-fn/lifecycle";

export interface FakeClock extends Clock {
  /** Lets time pass: every sleep that ends on the way ends in its order, and what follows from it runs. */
  advance(ms: number): Promise<void>;
}

/** Lets everything run that needs no time. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createFakeClock(): FakeClock {
  let nowMs = 0;
  const sleeping = new Set<{ readonly atMs: number; wake(): void }>();
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const entry = { atMs: nowMs + ms, wake: resolve };
        sleeping.add(entry);
        const onAbort = (): void => {
          sleeping.delete(entry);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        return undefined;
      });
    },
    async advance(ms) {
      const end = nowMs + ms;
      await settle();
      for (;;) {
        const [next] = [...sleeping].filter((entry) => entry.atMs <= end).sort((a, b) => a.atMs - b.atMs);
        if (!next) break;
        sleeping.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
        await settle();
      }
      nowMs = end;
    },
  };
}
