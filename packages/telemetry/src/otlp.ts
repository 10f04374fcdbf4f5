import { type Backoff, backoffDelay, type Clock, type Service, withFullJitter } from "@hanzo-fn/lifecycle";
import type { Logger } from "./logger.ts";
import { exportRequest, type Span } from "./spans.ts";

export interface SpanExporterParts {
  /** Base URL of an OTLP/HTTP collector; `/v1/traces` is added (OTEL_EXPORTER_OTLP_ENDPOINT). */
  readonly endpoint: string;
  readonly serviceName: string;
  readonly version: string;
  readonly environment: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
}

export interface SpanExporterOptions {
  /** Spans that wait at most; more are dropped and counted. */
  readonly maxQueue?: number | undefined;
  readonly maxBatch?: number | undefined;
  readonly flushMs?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
  /** Tries of one batch, the first included. */
  readonly attempts?: number | undefined;
  readonly random?: (() => number) | undefined;
}

export interface SpanExporter extends Service {
  /** Queues the span. Never blocks, never throws. */
  export(span: Span): void;
  /** Spans that never reached the collector. */
  readonly dropped: number;
  /** Spans that wait. */
  readonly queued: number;
}

const RETRY: Backoff = { initialMs: 500, factor: 2, maxMs: 5000 };
const MAX_RETRY_AFTER_MS = 30_000;

type Verdict =
  | { readonly kind: "taken"; readonly rejected: number }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "again"; readonly reason: string; readonly afterMs: number | undefined };

function retryAfterMs(header: string | null): number | undefined {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined;
}

/** How many spans a collector that took the request would not have (`partialSuccess`). */
function rejectedIn(text: string): number {
  try {
    const answer = JSON.parse(text) as { partialSuccess?: { rejectedSpans?: string | number } } | null;
    const rejected = Number(answer?.partialSuccess?.rejectedSpans ?? 0);
    return Number.isFinite(rejected) ? rejected : 0;
  } catch {
    return 0;
  }
}

async function verdictOf(response: Response): Promise<Verdict> {
  const text = await response.text();
  if (response.ok) return { kind: "taken", rejected: rejectedIn(text) };
  const reason = `the collector answered ${response.status}`;
  if (response.status !== 429 && response.status < 500) return { kind: "refused", reason };
  return { kind: "again", reason, afterMs: retryAfterMs(response.headers.get("retry-after")) };
}

/** Says once that spans are lost, and once that they are not any more. */
function createLosses(log: SpanExporterParts["log"]) {
  let total = 0;
  let losing = false;
  return {
    get total() {
      return total;
    },
    add(spans: number, reason: string): void {
      if (spans === 0) return;
      total += spans;
      if (!losing) log.warn("spans are dropped", { reason });
      losing = true;
    },
    over(): void {
      if (losing) log.info("spans reach the collector again", { dropped: total });
      losing = false;
    },
  };
}

/**
 * Sends finished spans to a collector in batches, apart from the calls that they are of: a collector that is slow
 * or away costs spans, and nothing else.
 */
export function createSpanExporter(
  parts: SpanExporterParts,
  options: SpanExporterOptions = {},
): SpanExporter {
  const { clock, log } = parts;
  const { maxQueue = 4096, maxBatch = 512, flushMs = 1000, requestTimeoutMs = 10_000 } = options;
  const { attempts = 4, random = Math.random } = options;
  const url = `${parts.endpoint.replace(/\/+$/, "")}/v1/traces`;
  const resource = {
    "service.name": parts.serviceName,
    "service.version": parts.version,
    "deployment.environment": parts.environment,
  };
  const losses = createLosses(log);
  /** Aborts when the grace period is over. */
  const cut = new AbortController();
  const stopping = new AbortController();
  /** Aborts when a batch is to go at once. */
  let hurry = new AbortController();
  let queue: Span[] = [];
  let begun = Promise.withResolvers<void>();
  let loop: Promise<void> | undefined;

  const post = async (body: string): Promise<Verdict> => {
    try {
      const response = await parts.fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        signal: AbortSignal.any([cut.signal, AbortSignal.timeout(requestTimeoutMs)]),
      });
      return await verdictOf(response);
    } catch (error) {
      const { message, cause } = error as Error;
      const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
      return { kind: "again", reason, afterMs: undefined };
    }
  };

  /** False where the collector did not take them. */
  const send = async (spans: readonly Span[]): Promise<boolean> => {
    const body = JSON.stringify(exportRequest(resource, spans));
    for (let attempt = 1; ; attempt++) {
      const verdict = await post(body);
      if (verdict.kind === "taken") {
        losses.add(verdict.rejected, "the collector rejected some");
        if (verdict.rejected === 0) losses.over();
        return true;
      }
      if (verdict.kind === "refused" || attempt === attempts || stopping.signal.aborted) {
        losses.add(spans.length, verdict.reason);
        return false;
      }
      const delay = verdict.afterMs ?? withFullJitter(backoffDelay(RETRY, attempt), random());
      await clock.sleep(delay, stopping.signal).catch(() => undefined);
    }
  };

  const next = (): Span[] => {
    const batch = queue.slice(0, maxBatch);
    queue = queue.slice(maxBatch);
    return batch;
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await begun.promise;
      await clock.sleep(flushMs, hurry.signal).catch(() => undefined);
      if (stopping.signal.aborted) break;
      hurry = new AbortController();
      do await send(next());
      while (queue.length >= maxBatch && !stopping.signal.aborted);
      if (queue.length === 0) begun = Promise.withResolvers();
    }
    // One try each: what a collector in trouble does not take now is lost.
    while (queue.length > 0 && !cut.signal.aborted && (await send(next())));
    losses.add(queue.length, "the platform stopped");
    queue = [];
  };

  return {
    name: "spans",
    get dropped() {
      return losses.total;
    },
    get queued() {
      return queue.length;
    },
    export(span) {
      if (queue.length >= maxQueue || stopping.signal.aborted) {
        losses.add(1, stopping.signal.aborted ? "the platform stopped" : "the queue is full");
        return;
      }
      queue.push(span);
      if (queue.length === 1) begun.resolve();
      if (queue.length === maxBatch) hurry.abort();
    },
    start() {
      loop ??= run();
      return Promise.resolve();
    },
    async stop(graceMs) {
      stopping.abort(new Error("the exporter is stopping"));
      begun.resolve();
      hurry.abort();
      const timer = setTimeout(() => cut.abort(new Error("the grace period is over")), graceMs);
      await loop;
      clearTimeout(timer);
    },
  };
}
