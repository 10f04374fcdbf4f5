import { type Config, errorTable } from "@hanzo-fn/contract";
import type { AccessEntry, Observer } from "@hanzo-fn/invoke-proxy";
import type { Clock } from "@hanzo-fn/lifecycle";
import { createSpanExporter, type Logger, type Span, type SpanExporter } from "@hanzo-fn/telemetry";
import { VERSION } from "../version.ts";

export interface Traces {
  /** Of a call that has ended; only those whose trace is sampled become spans. */
  readonly access: Observer["access"];
  readonly exporter: SpanExporter;
}

export interface TracesParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly fetch: typeof globalThis.fetch;
}

/** The span `functions.invoke` of one request. */
export function spanOf(
  entry: AccessEntry,
  durationMs: number,
  errorCode: Parameters<Observer["access"]>[2],
): Span {
  const { trace, fn, revision } = entry;
  // An answer that was cut off has the status that it began with.
  const failed = entry.status >= 500 || (errorCode !== "" && errorTable[errorCode].status >= 500);
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentId: trace.parentId,
    name: "functions.invoke",
    startMs: entry.nowMs,
    durationMs,
    attributes: {
      "hanzo.org_id": fn?.org ?? (entry.identity?.org || undefined),
      "http.request.method": entry.method,
      "http.response.status_code": entry.status,
      "url.path": entry.path,
      "faas.name": fn?.function,
      "faas.version": revision?.revision.name,
      "faas.coldstart": revision === undefined ? undefined : entry.coldStartMs !== undefined,
      "error.type": errorCode === "" ? undefined : errorCode,
    },
    error: failed ? errorCode : undefined,
  };
}

/** Undefined where no collector is configured. */
export function createTraces(
  { otlpEndpoint, environment }: Config["observability"],
  parts: TracesParts,
): Traces | undefined {
  if (otlpEndpoint === undefined) return undefined;
  const exporter = createSpanExporter({
    endpoint: otlpEndpoint,
    serviceName: "hanzo-fn",
    version: VERSION,
    environment,
    ...parts,
  });
  return {
    exporter,
    access(entry, durationMs, errorCode) {
      if (entry.trace.sampled) exporter.export(spanOf(entry, durationMs, errorCode));
    },
  };
}
