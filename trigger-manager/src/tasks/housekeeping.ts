import type { Blobs } from "@hanzo-fn/blobs";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store, TaskRow, TaskTypes, Verdict } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { TaskObserver } from "./observer.ts";
import type { TaskSettings } from "./settings.ts";
import type { TaskSignals } from "./signals.ts";

export interface HousekeepingDependencies {
  readonly store: Pick<Store, "tasks" | "taskCallbacks">;
  readonly blobs: Pick<Blobs, "delete">;
  readonly signals: TaskSignals;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  readonly observer: TaskObserver;
}

/** What time alone does to tasks. */
export interface Housekeeping {
  /** To be called every second or so. */
  tick(signal: AbortSignal): Promise<void>;
}

const AT_ONCE = 500;
const SWEEP_EVERY_MS = 30_000;
const COUNT_EVERY_MS = 5000;

/**
 * Of a task whose process vanished: its attempt counts, for the function may have run; the next one is at once, for it
 * was no failure of the function's.
 */
function afterLostLease(row: TaskRow, { attempts }: TaskSettings): Verdict<TaskTypes> {
  const error = { code: "internal", message: "the platform's process ended during the attempt" };
  return { to: row.attempt >= attempts ? "failed" : "queued", outcome: { error } };
}

export function createHousekeeping(deps: HousekeepingDependencies, settings: TaskSettings): Housekeeping {
  const { store, blobs, signals, clock, log, observer } = deps;
  const { tasks, taskCallbacks } = store;
  let sweepAtMs = clock.monotonic();
  let countAtMs = clock.monotonic();

  const endOverdue = async (signal: AbortSignal): Promise<void> => {
    for (let full = true; full && !signal.aborted;) {
      const ended = await tasks.expireOverdue(AT_ONCE);
      for (const task of ended) {
        signals.tell(task.id);
        observer.ended(task, "expired");
      }
      full = ended.length === AT_ONCE;
    }
  };
  const takeOver = async (signal: AbortSignal): Promise<void> => {
    for (let full = true; full && !signal.aborted;) {
      const settled = await tasks.expire(AT_ONCE, (row) => afterLostLease(row, settings));
      for (const row of settled) {
        if (row.attempt < settings.attempts) continue;
        signals.tell(row.id);
        observer.ended(row, "failed");
      }
      full = settled.length === AT_ONCE;
    }
  };
  const count = async (): Promise<void> => {
    if (clock.monotonic() < countAtMs) return;
    countAtMs = clock.monotonic() + COUNT_EVERY_MS;
    try {
      observer.backlog(await tasks.backlog());
    } catch (error) {
      observer.backlog(undefined);
      throw error;
    }
  };
  const sweep = async (signal: AbortSignal): Promise<void> => {
    for (let full = true; full && !signal.aborted;) {
      const { count, refs } = await tasks.sweepEnded(settings.retentionMs, AT_ONCE);
      // A blob that is left behind is garbage, which is collected as such.
      const deleted = await Promise.allSettled(refs.map((ref) => blobs.delete(ref)));
      for (const one of deleted) {
        if (one.status === "rejected")
          log.warn("the body of a task could not be deleted", { error: one.reason });
      }
      full = count === AT_ONCE;
    }
    while (!signal.aborted && (await tasks.sweepKeys(AT_ONCE)) === AT_ONCE);
    while (!signal.aborted && (await taskCallbacks.sweepFinished(settings.retentionMs, AT_ONCE)) === AT_ONCE);
  };
  return {
    async tick(signal) {
      await takeOver(signal);
      await endOverdue(signal);
      await count();
      if (clock.monotonic() < sweepAtMs) return;
      sweepAtMs = clock.monotonic() + SWEEP_EVERY_MS;
      await sweep(signal);
    },
  };
}
