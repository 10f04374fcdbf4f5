import type { Observer } from "@hanzo-fn/invoke-proxy";
import type { FiguresSink } from "@hanzo-fn/store";
import type { InvocationMetrics, Logger } from "@hanzo-fn/telemetry";
import type { Traces } from "./traces.ts";

export interface ObserverParts {
  readonly metrics: InvocationMetrics;
  readonly figures: FiguresSink;
  readonly traces: Traces | undefined;
  readonly log: Logger;
  /** Whether every request is logged, at level debug. */
  readonly logRequests: boolean;
}

/** Who hears of calls: metrics, figures, traces and the access log. Runs on the request path. */
export function createObserver({ metrics, figures, traces, log, logRequests }: ObserverParts): Observer {
  return {
    started: metrics.started,
    finished: metrics.finished,
    record(record) {
      metrics.record(record);
      figures.record(record);
    },
    access(entry, durationMs, errorCode) {
      traces?.access(entry, durationMs, errorCode);
      if (!logRequests) return;
      log.debug("request", {
        request_id: entry.requestId,
        "http.method": entry.method,
        "http.path": entry.path,
        "http.status": entry.status,
        latency_ms: Math.round(durationMs * 10) / 10,
        "error.type": errorCode === "" ? undefined : errorCode,
        org_id: entry.identity?.org,
        function: entry.fn?.function,
      });
    },
    onInternalError: (error) => log.error("invocation failed inside the platform", { error }),
  };
}
