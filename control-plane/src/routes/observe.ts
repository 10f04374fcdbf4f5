import { type LogLevel, revisionName } from "@hanzo-fn/contract";
import type { LogEntryJson, logQuerySchema, metricsQuerySchema } from "@hanzo-fn/contract/api";
import type { LogFilter, StoredLogLine } from "@hanzo-fn/store";
import type { z } from "zod";
import { type Call, type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { metricsJson } from "../figures.ts";
import { parseTime, requireFunction, requireRevision } from "../queries.ts";

type Own = "getLogs" | "getMetrics";

const DEFAULT_LINES = 200;
const HOUR_MS = 3_600_000;
const PING_MS = 15_000;

function entryJson(line: StoredLogLine): LogEntryJson {
  return {
    id: String(line.id),
    ts: new Date(line.tsMs).toISOString(),
    level: line.level,
    msg: line.msg,
    function: line.function,
    revision: line.revision,
    instance: line.instance,
    stream: line.stream,
    ...(line.requestId === undefined ? {} : { request_id: line.requestId }),
    ...(line.fields === undefined ? {} : { fields: { ...line.fields } }),
  };
}

function logEvent(line: StoredLogLine): string {
  return `event: log\nid: ${line.id}\ndata: ${JSON.stringify(entryJson(line))}\n\n`;
}

async function* logEvents(
  control: Control,
  filter: LogFilter,
  limit: number,
  follow: boolean,
  signal: AbortSignal,
) {
  const newest = await control.store.logLines.newestId(filter.org, filter.function);
  const lines = await control.store.logLines.query({ ...filter, limit });
  for (const line of lines) yield logEvent(line);
  if (follow) {
    const afterId = Math.max(newest, lines.at(-1)?.id ?? 0);
    for await (const line of control.store.followLogs(filter, { afterId }, signal)) yield logEvent(line);
  }
  yield "event: end\ndata: {}\n\n";
}

/** Server-sent events; a comment every 15 s keeps idle connections open. */
function eventStream(events: AsyncGenerator<string>, stop: AbortController): Response {
  const encoder = new TextEncoder();
  let ping: NodeJS.Timeout | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(": stream\n\n"));
      ping = setInterval(() => controller.enqueue(encoder.encode(": ping\n\n")), PING_MS);
    },
    async pull(controller) {
      try {
        const next = await events.next();
        if (next.done !== true) return controller.enqueue(encoder.encode(next.value));
        clearInterval(ping);
        controller.close();
      } catch (error) {
        clearInterval(ping);
        if (stop.signal.aborted) controller.close();
        else controller.error(error);
      }
    },
    cancel() {
      clearInterval(ping);
      stop.abort();
    },
  });
  return new Response(stream, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
  });
}

async function logs(control: Control, call: Call): Promise<Response> {
  const query = call.query as z.infer<typeof logQuerySchema>;
  const now = control.clock.now();
  const aggregate = await requireFunction(control.store, call.org, call.params["name"] as string);
  const revision =
    query.revision === undefined
      ? undefined
      : revisionName(aggregate.function.name, requireRevision(aggregate, query.revision).number);
  const filter: LogFilter = {
    org: call.org,
    function: aggregate.function.name,
    since: query.since === undefined ? undefined : parseTime(query.since, "since", now),
    until: query.until === undefined ? undefined : parseTime(query.until, "until", now),
    minLevel: query.level as LogLevel | undefined,
    requestId: query.request_id,
    revision,
  };
  return logStream(control, filter, query, call.signal);
}

/** What was logged, as server-sent events, until the client is gone. */
export function logStream(
  control: Control,
  filter: LogFilter,
  options: { readonly limit?: number | undefined; readonly follow?: boolean | undefined },
  signal: AbortSignal,
): Response {
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  const { limit = DEFAULT_LINES, follow = false } = options;
  return eventStream(logEvents(control, filter, limit, follow, stop.signal), stop);
}

async function metrics(control: Control, call: Call): Promise<Response> {
  const query = call.query as z.infer<typeof metricsQuerySchema>;
  const now = control.clock.now();
  const aggregate = await requireFunction(control.store, call.org, call.params["name"] as string);
  const until = query.until === undefined ? new Date(now) : parseTime(query.until, "until", now);
  const since =
    query.since === undefined ? new Date(until.getTime() - HOUR_MS) : parseTime(query.since, "since", now);
  const rows = await control.store.figures.query({
    org: call.org,
    function: aggregate.function.name,
    since: new Date(Math.floor(since.getTime() / 60_000) * 60_000),
    until: new Date(until.getTime() + 1),
  });
  const memory = new Map(
    aggregate.revisions.map((row) => [revisionName(row.function, row.number), row.resources.memoryBytes]),
  );
  return jsonResponse(
    metricsJson(aggregate.function.name, { since, until }, rows, (name) => memory.get(name) ?? 0),
  );
}

export function observeHandlers(control: Control): Pick<Handlers, Own> {
  return { getLogs: (call) => logs(control, call), getMetrics: (call) => metrics(control, call) };
}
