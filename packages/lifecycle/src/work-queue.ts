import { createAlarm, runAfter } from "./alarm.ts";
import type { Backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { createWorkSchedule } from "./work-schedule.ts";

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Looks at one key, whatever the reason; never twice at once for the same key. Rejecting means again, later. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  /** Every failure: how many in a row, and when it is tried again. */
  readonly onFailure: (failure: { key: string; error: unknown; attempt: number; delayMs: number }) => void;
  /** Keys that are looked at at once. */
  readonly concurrency: number;
  /** 0.2 s, doubled, to 60 s; less a chance of a half. */
  readonly backoff?: Backoff | undefined;
  /** In [0, 1). */
  readonly random?: (() => number) | undefined;
}

/** Level-triggered work: keys that are to be looked at, once however often they were added meanwhile. */
export interface WorkQueue {
  /** Due now, also where it waits after a failure. */
  add(key: string): void;
  addAfter(key: string, ms: number): void;
  /** Resolves when nothing is under way for this key, or the queue has stopped. */
  settled(key: string): Promise<void>;
  /** Takes up nothing more; what runs is waited for, and its signal aborted after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const BACKOFF: Backoff = { initialMs: 200, factor: 2, maxMs: 60_000 };

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { clock, work, onFailure, concurrency, backoff = BACKOFF, random = Math.random } = options;
  const schedule = createWorkSchedule(backoff);
  const running = new Set<Promise<void>>();
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const stopping = new AbortController();
  const aborting = new AbortController();

  const run = async (key: string): Promise<void> => {
    try {
      await work(key, aborting.signal);
      schedule.done(key);
    } catch (error) {
      const delayMs = schedule.failed(key, clock.monotonic(), random());
      if (!stopping.signal.aborted) onFailure({ key, error, attempt: schedule.failures(key), delayMs });
    }
    if (!schedule.underWay(key)) release(key);
  };
  const release = (key: string): void => {
    waiting.get(key)?.resolve();
    waiting.delete(key);
  };
  const pump = (): void => {
    while (!stopping.signal.aborted && running.size < concurrency) {
      const key = schedule.take(clock.monotonic());
      if (key === undefined) return wakeLater();
      const one = run(key).finally(() => {
        running.delete(one);
        pump();
      });
      running.add(one);
    }
  };
  const wakeLater = (): void => {
    const at = schedule.nextAt();
    if (at !== undefined) alarm.set(at);
  };
  const alarm = createAlarm(clock, pump);

  return {
    add(key) {
      schedule.add(key);
      pump();
    },
    addAfter(key, ms) {
      schedule.addAt(key, clock.monotonic() + ms);
      pump();
    },
    settled(key) {
      if (stopping.signal.aborted || !schedule.underWay(key)) return Promise.resolve();
      const waiter = waiting.get(key) ?? Promise.withResolvers<void>();
      waiting.set(key, waiter);
      return waiter.promise;
    },
    async stop(graceMs) {
      stopping.abort(new Error("the work queue is stopping"));
      alarm.clear();
      const timer = new AbortController();
      runAfter(clock, graceMs, timer.signal, () => aborting.abort(stopping.signal.reason));
      await Promise.allSettled(running);
      timer.abort();
      for (const key of waiting.keys()) release(key);
    },
  };
}
