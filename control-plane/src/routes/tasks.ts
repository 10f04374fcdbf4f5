import { Readable } from "node:stream";
import { PlatformError } from "@hanzo-fn/contract";
import type {
  TaskAcceptedJson,
  TaskListJson,
  taskListQuerySchema,
  taskLogQuerySchema,
  taskWaitQuerySchema,
} from "@hanzo-fn/contract/api";
import type { TaskRow } from "@hanzo-fn/store";
import type { z } from "zod";
import { type Call, type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";
import { pageOf } from "../page.ts";
import { hasBody, keptResponse, requestIdOf, taskJson, taskSummary } from "../present-task.ts";
import { requireFunction, waitMs } from "../queries.ts";
import { sentHeaders } from "./invoke.ts";
import { logStream } from "./observe.ts";

type Own =
  | "invokeFunctionAsync"
  | "listTasks"
  | "getTask"
  | "getTaskById"
  | "getTaskResult"
  | "getTaskResultById"
  | "getTaskLogs"
  | "getTaskLogsById"
  | "cancelTask"
  | "cancelTaskById"
  | "getCallbackKey";

const COMPONENT = "control-plane";
/** Another process may have ended the task. */
const LOOK_EVERY_MS = 1000;
/** Lines of a task's log come from before its row was committed, by clocks that are not one. */
const LOG_MARGIN_MS = 60_000;

async function accept(control: Control, call: Call): Promise<Response> {
  const name = call.params["name"] as string;
  const { id } = await control.tasks.accept(
    {
      org: call.org,
      function: name,
      user: call.identity.subject,
      mayPin: call.identity.permissions.has("functions:deploy"),
      query: call.url.search,
      headers: sentHeaders(call.incoming),
      // To destroy the request would destroy its connection, and a refusal with it.
      body: call.incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>,
      requestId: call.requestId,
    },
    call.signal,
  );
  const accepted: TaskAcceptedJson = { task_id: id, status: "queued" };
  const response = jsonResponse(accepted, 202);
  response.headers.set("location", `/v1/functions/${name}/tasks/${id}`);
  return response;
}

async function requireTask(control: Control, call: Call): Promise<TaskRow> {
  const { id = "", name } = call.params;
  const row = await control.store.tasks.get(call.org, id);
  if (row !== undefined && (name === undefined || row.function === name)) return row;
  throw new PlatformError("not_found", `task ${id} does not exist, or was kept long enough`, {
    component: COMPONENT,
    function: name,
    next: name === undefined ? undefined : `hanzo-fn tasks list ${name}`,
  });
}

/** The task once it has ended, or as it is when time is up. */
async function endedTask(control: Control, call: Call): Promise<TaskRow> {
  const { clock, tasks } = control;
  const until = clock.monotonic() + waitMs((call.query as z.infer<typeof taskWaitQuerySchema>).wait);
  for (;;) {
    const left = until - clock.monotonic();
    const seen = new AbortController();
    // Listened for before the row is read, so that no end falls between the two.
    const ended = left > 0 ? tasks.ended(call.params["id"] as string, seen.signal) : undefined;
    try {
      const row = await requireTask(control, call);
      if (ended === undefined || row.finishedAt !== null || call.signal.aborted) return row;
      const pause = clock.sleep(Math.min(left, LOOK_EVERY_MS), AbortSignal.any([call.signal, seen.signal]));
      await Promise.race([ended, pause.catch(() => {})]);
    } finally {
      seen.abort();
    }
  }
}

async function shownTask(control: Control, row: TaskRow): Promise<Response> {
  const callback = row.callback === null ? undefined : await control.store.taskCallbacks.get(row.id);
  return jsonResponse(taskJson(row, callback));
}

async function result(control: Control, call: Call): Promise<Response> {
  const row = await endedTask(control, call);
  const about = { component: COMPONENT, function: row.function };
  if (row.finishedAt === null) {
    throw new PlatformError("not_ready", `task ${row.id} is ${row.state}`, {
      ...about,
      next: "ask again, or wait for its end with ?wait=30s",
    });
  }
  const kept = keptResponse(row);
  if (kept === undefined) {
    const why = row.error === null ? "" : `: ${row.error.message}`;
    throw new PlatformError(
      "not_found",
      `task ${row.id} ended as ${row.state} without an answer${why}`,
      about,
    );
  }
  const headers = new Headers({
    "x-function-status": String(kept.status),
    "content-type": kept.headers["content-type"] ?? "application/octet-stream",
    "x-content-type-options": "nosniff",
  });
  if (!hasBody(row)) return new Response(null, { headers });
  if (row.resultRef === null) return new Response(row.result as Buffer<ArrayBuffer>, { headers });
  headers.set("content-length", String(kept.bytes));
  const bytes = Readable.from(control.blobs.get(row.resultRef));
  return new Response(Readable.toWeb(bytes) as ReadableStream, { headers });
}

async function logs(control: Control, call: Call): Promise<Response> {
  const row = await requireTask(control, call);
  const filter = {
    org: row.org,
    function: row.function,
    requestId: requestIdOf(row),
    since: new Date(row.createdAt.getTime() - LOG_MARGIN_MS),
  };
  return logStream(control, filter, call.query as z.infer<typeof taskLogQuerySchema>, call.signal);
}

async function cancel(control: Control, call: Call): Promise<Response> {
  const row = await requireTask(control, call);
  const isOver = row.finishedAt !== null || !(await control.store.tasks.cancel(row.id));
  const after = await requireTask(control, call);
  if (isOver && after.state !== "cancelled") {
    throw new PlatformError("conflict", `task ${row.id} has ended as ${after.state}`, {
      component: COMPONENT,
      function: row.function,
    });
  }
  return shownTask(control, after);
}

async function list(control: Control, call: Call): Promise<Response> {
  const { state, after, limit } = call.query as z.infer<typeof taskListQuerySchema>;
  const name = call.params["name"] as string;
  const rows = await control.store.tasks.list({
    ...{ org: call.org, function: name, state, after },
    limit: limit + 1,
  });
  // A function that is gone still has its tasks, for as long as they are kept.
  if (rows.length === 0) await requireFunction(control.store, call.org, name);
  const { shown, following } = pageOf(rows, limit, ({ id }) => id);
  return jsonResponse({ tasks: shown.map(taskSummary), ...following } satisfies TaskListJson);
}

export function taskHandlers(control: Control): Pick<Handlers, Own> {
  const show = async (call: Call): Promise<Response> => shownTask(control, await endedTask(control, call));
  return {
    invokeFunctionAsync: (call) => accept(control, call),
    listTasks: (call) => list(control, call),
    getTask: show,
    getTaskById: show,
    getTaskResult: (call) => result(control, call),
    getTaskResultById: (call) => result(control, call),
    getTaskLogs: (call) => logs(control, call),
    getTaskLogsById: (call) => logs(control, call),
    cancelTask: (call) => cancel(control, call),
    cancelTaskById: (call) => cancel(control, call),
    getCallbackKey: (call) =>
      jsonResponse({ key: control.tasks.callbackKey(call.org), algorithm: "hmac-sha256" }),
  };
}
