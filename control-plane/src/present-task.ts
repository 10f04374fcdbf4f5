import type { TaskJson, TaskSummaryJson } from "@hanzo-fn/contract/api";
import { revisionName } from "@hanzo-fn/contract";
import type { TaskCallbackRow, TaskRow, TaskSummary } from "@hanzo-fn/store";

/** What a task keeps of its request and of its answer (trigger-manager/src/tasks writes both). */
interface KeptRequest {
  readonly request_id: string;
}
interface KeptResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
}

type Response = NonNullable<TaskJson["response"]>;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\b/i;

export function requestIdOf({ request }: Pick<TaskRow, "request">): string {
  return (request as unknown as KeptRequest).request_id;
}

/** Status and headers of the answer, where there is one. */
export function keptResponse({ response }: Pick<TaskRow, "response">): KeptResponse | undefined {
  return response === null ? undefined : (response as unknown as KeptResponse);
}

export function taskSummary(row: TaskSummary): TaskSummaryJson {
  const { state, revision, startedAt, finishedAt, firstFailedAt, error } = row;
  const waitsAgain = state === "queued" && firstFailedAt !== null;
  return {
    task_id: row.id,
    function: row.function,
    status: state,
    attempts: row.attempt,
    ...(revision === null ? {} : { revision: revisionName(row.function, revision) }),
    request_id: requestIdOf(row),
    created_at: row.createdAt.toISOString(),
    expires_at: row.expiresAt.toISOString(),
    ...(waitsAgain ? { next_attempt_at: row.runAt.toISOString() } : {}),
    ...(startedAt === null ? {} : { started_at: startedAt.toISOString() }),
    ...(finishedAt === null ? {} : { finished_at: finishedAt.toISOString() }),
    ...(error === null || state === "succeeded" ? {} : { error }),
  };
}

/** A body as JSON can show it. */
function shownBody(body: Buffer, type: string | undefined): Pick<Response, "body" | "encoding"> {
  if (body.length === 0) return {};
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return { body: body.toString("base64"), encoding: "base64" };
  }
  if (!JSON_TYPE.test(type ?? "")) return { body: text };
  try {
    return { body: JSON.parse(text) as unknown };
  } catch {
    return { body: text };
  }
}

function responseJson(row: TaskRow): Response | undefined {
  const kept = keptResponse(row);
  if (kept === undefined) return undefined;
  const { status, headers, bytes } = kept;
  const url = `/v1/functions/${row.function}/tasks/${row.id}/result`;
  const body = row.result === null ? {} : shownBody(row.result, headers["content-type"]);
  return { status, headers, ...body, body_bytes: bytes, ...(hasBody(row) ? { body_url: url } : {}) };
}

export function hasBody({ result, resultRef }: Pick<TaskRow, "result" | "resultRef">): boolean {
  return result !== null || resultRef !== null;
}

function callbackJson(row: TaskRow, callback: TaskCallbackRow | undefined): TaskJson["callback"] {
  if (row.callback === null) return undefined;
  const { url } = row.callback;
  if (callback === undefined) return { url, state: "waiting", attempts: 0 };
  const { state, attempt, statusCode, error } = callback;
  return {
    ...{ url, state, attempts: attempt },
    ...(statusCode === null ? {} : { status_code: statusCode }),
    ...(error === null ? {} : { error }),
  };
}

export function taskJson(row: TaskRow, callback: TaskCallbackRow | undefined): TaskJson {
  const response = responseJson(row);
  const told = callbackJson(row, callback);
  return {
    ...taskSummary(row),
    ...(response === undefined ? {} : { response }),
    ...(told === undefined ? {} : { callback: told }),
  };
}

/** What a callback posts: the task as the API shows it, without the callback itself. */
export function describeTask(row: TaskRow): Buffer {
  const { callback: _, ...task } = taskJson(row, undefined);
  return Buffer.from(JSON.stringify(task));
}
