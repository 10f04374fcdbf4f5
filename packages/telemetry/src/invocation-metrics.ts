import type { InvocationRecord } from "@hanzo-fn/contract";
import type { HistogramSeries, Registry, Series } from "./metrics.ts";

/** HIP-31's buckets and ours for calls of up to 15 minutes, in seconds. */
export const DURATION_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900,
] as const;

export interface InvocationMetrics {
  /** A call was handed to an instance. */
  started(org: string, functionName: string): void;
  /** It ended; pairs with `started`. */
  finished(org: string, functionName: string): void;
  record(record: InvocationRecord): void;
  forget(functionName: string): void;
}

interface Outcome {
  readonly invocations: Series;
  readonly duration: HistogramSeries;
}

/** The metrics table of HIP-60 that invocations feed. */
export function createInvocationMetrics(registry: Registry): InvocationMetrics {
  const invocations = registry.counter(
    "invocations_total",
    "Total invocations by function, trigger type, status",
    ["function", "org", "trigger", "status"],
  );
  const duration = registry.histogram(
    "duration_seconds",
    "End-to-end execution time (includes cold start)",
    ["function", "org", "trigger"],
    DURATION_BUCKETS,
  );
  const coldDuration = registry.histogram(
    "cold_start_duration_seconds",
    "Cold start time by function, runtime",
    ["function", "org", "runtime"],
    DURATION_BUCKETS,
  );
  const coldStarts = registry.counter("cold_starts_total", "Cold starts by function", ["function", "org"]);
  const errors = registry.counter("errors_total", "Errors by function, error type", [
    "function",
    "org",
    "error_type",
  ]);
  const concurrent = registry.gauge("concurrent_executions", "Calls that run right now, per function", [
    "function",
    "org",
  ]);
  const outcomes = new Map<string, Outcome>();
  const running = new Map<string, Series>();

  const outcomeOf = (record: InvocationRecord): Outcome => {
    const key = `${record.org}/${record.function}/${record.trigger}/${record.status}`;
    let outcome = outcomes.get(key);
    if (outcome === undefined) {
      outcome = {
        invocations: invocations.series(record.function, record.org, record.trigger, record.status),
        duration: duration.series(record.function, record.org, record.trigger),
      };
      outcomes.set(key, outcome);
    }
    return outcome;
  };
  const runningOf = (org: string, functionName: string): Series => {
    const key = `${org}/${functionName}`;
    let series = running.get(key);
    if (series === undefined) {
      series = concurrent.series(functionName, org);
      running.set(key, series);
    }
    return series;
  };

  return {
    started: (org, functionName) => void runningOf(org, functionName).value++,
    finished: (org, functionName) => void runningOf(org, functionName).value--,
    record(record) {
      const outcome = outcomeOf(record);
      outcome.invocations.value++;
      duration.observe(outcome.duration, record.durationMs / 1000);
      if (record.errorType !== "") errors.series(record.function, record.org, record.errorType).value++;
      if (record.coldStartMs !== undefined) {
        coldStarts.series(record.function, record.org).value++;
        const series = coldDuration.series(record.function, record.org, record.runtime);
        coldDuration.observe(series, record.coldStartMs / 1000);
      }
    },
    forget(functionName) {
      for (const family of [invocations, duration, coldDuration, coldStarts, errors, concurrent]) {
        family.forget("function", functionName);
      }
      outcomes.clear();
      running.clear();
    },
  };
}
