import type { Histogram, HistogramSeries, Registry, Series } from "@hanzo-fn/telemetry";
import type { Kind } from "./call.ts";

export interface GatewayMetrics {
  /** One call has been answered. `kind` is empty where no route was reached. */
  record(kind: Kind | "", status: number, durationMs: number): void;
}

const BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
] as const;

export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  const requests = registry.counter(
    "gateway_requests_total",
    "Calls of functions to the gateway by kind (kv, storage, publish, models) and status",
    ["kind", "status"],
  );
  const duration: Histogram = registry.histogram(
    "gateway_request_duration_seconds",
    "Time from the head of a gateway call to the end of its answer",
    ["kind"],
    BUCKETS,
  );
  const counters = new Map<string, Series>();
  const durations = new Map<string, HistogramSeries>();
  return {
    record(kind, status, durationMs) {
      const key = `${kind}/${status}`;
      let counter = counters.get(key);
      if (counter === undefined) counters.set(key, (counter = requests.series(kind, String(status))));
      counter.value++;
      let series = durations.get(kind);
      if (series === undefined) durations.set(kind, (series = duration.series(kind)));
      duration.observe(series, durationMs / 1000);
    },
  };
}
