import { abortable } from "./abortable.ts";

/** Time for loops; decisions take `now` as an argument instead. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

/** Nobody sees it; without one every abort makes an error of its own, with a stack. */
const IN_TIME = new Error("it was done in time");

/** Runs `run` with a signal that aborts after `ms`, and rejects then even where `run` does not heed it. */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = new AbortController();
  clock.sleep(ms, timer.signal).then(
    () => late.abort(new Error(`not done within ${ms / 1000} s`)),
    () => {},
  );
  const either = AbortSignal.any([signal, late.signal]);
  try {
    return await abortable(run(either), either);
  } finally {
    timer.abort(IN_TIME);
  }
}
