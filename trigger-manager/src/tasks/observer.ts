import type { TaskBacklog, TaskCallback, TaskFinalState } from "@hanzo-fn/store";
import type { Registry } from "@hanzo-fn/telemetry";

/** A task as observers know it. */
export interface ObservedTask {
  readonly org: string;
  readonly function: string;
  /** Undefined where that is not known here. */
  readonly callback?: TaskCallback | null | undefined;
}

export interface TaskObserver {
  accepted(org: string, functionName: string): void;
  /** In this process, or found ended by it. */
  ended(task: ObservedTask, state: TaskFinalState): void;
  /** What waits in all, every few seconds; undefined where it could not be read. */
  backlog(rows: readonly TaskBacklog[] | undefined): void;
}

export interface TaskMetrics extends TaskObserver {
  /** Tasks of the function that waited when they were counted last; 0 where that is not known. */
  queued(org: string, functionName: string): number;
  /** Drops the series of functions of this name. */
  forget(functionName: string): void;
}

/** `tasks_*` of :9060. What could not be counted is absent, not 0. */
export function createTaskMetrics(registry: Registry): TaskMetrics {
  const labels = ["function", "org"] as const;
  const accepted = registry.counter("tasks_accepted_total", "Asynchronous calls that were accepted", labels);
  const finished = registry.counter(
    "tasks_finished_total",
    "Asynchronous calls that ended in this process, by final state",
    [...labels, "state"],
  );
  const waiting = registry.gauge("tasks_queued", "Asynchronous calls that wait, of all processes", labels);
  const oldest = registry.gauge(
    "tasks_oldest_age_seconds",
    "Time since the oldest asynchronous call that waits was accepted",
    labels,
  );
  /** Counted last, by organisation and function. */
  let counted = new Map<string, TaskBacklog>();
  const seen = new Map<string, readonly [functionName: string, org: string]>();
  const families = [accepted, finished, waiting, oldest];
  return {
    forget(functionName) {
      for (const family of families) family.forget("function", functionName);
      for (const [key, [name]] of seen) if (name === functionName) seen.delete(key);
    },
    accepted(org, functionName) {
      accepted.series(functionName, org).value++;
    },
    ended({ org, function: functionName }, state) {
      finished.series(functionName, org, state).value++;
    },
    backlog(rows) {
      if (rows === undefined) {
        for (const [functionName] of seen.values()) {
          waiting.forget("function", functionName);
          oldest.forget("function", functionName);
        }
        counted = new Map();
        return;
      }
      counted = new Map(rows.map((row) => [`${row.org}/${row.function}`, row]));
      for (const [key, { org, function: functionName }] of counted) seen.set(key, [functionName, org]);
      for (const [key, series] of seen) {
        const row = counted.get(key);
        waiting.series(...series).value = row?.queued ?? 0;
        oldest.series(...series).value = (row?.oldestMs ?? 0) / 1000;
      }
    },
    queued: (org, functionName) => counted.get(`${org}/${functionName}`)?.queued ?? 0,
  };
}
