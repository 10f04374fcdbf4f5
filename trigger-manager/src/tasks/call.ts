import type { Blobs } from "@hanzo-fn/blobs";
import { HEADERS, type Identity, isErrorCode, PERMISSIONS, PlatformError } from "@hanzo-fn/contract";
import type { CallResult } from "../delivery/classify.ts";
import type { CallTrigger, Invoke, InvokeResponse } from "../delivery/invoke.ts";
import { type AttemptEnd, storedError, type TaskEvent } from "./attempt.ts";
import { bodyKey, keepBody, type KeptBody } from "./bodies.ts";
import type { KeptRequest } from "./request.ts";
import type { TaskSettings } from "./settings.ts";

/** A call of a function, in process. */
export interface TaskInvokeRequest {
  readonly org: string;
  readonly function: string;
  readonly revision: string | undefined;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | AsyncIterable<Buffer> | undefined;
  readonly trigger: CallTrigger;
}

export interface TaskInvokeResponse extends InvokeResponse {
  /** The answer is the platform's own, an error body: the function's never came. */
  readonly platform: boolean;
}

export interface TaskCallDependencies {
  /** The proxy's phases of a call. */
  readonly invoke: (
    request: TaskInvokeRequest,
    identity: Identity,
    signal: AbortSignal,
  ) => Promise<TaskInvokeResponse>;
  readonly blobs: Blobs;
}

/** Of an answer that nobody will read, for the log of the loop and for what it says of itself. */
const PEEK_BYTES = 16 * 1024;

function identityOf({ row }: TaskEvent): Identity {
  const { user } = row.request as unknown as KeptRequest;
  return {
    kind: "platform",
    org: row.org,
    subject: "tasks",
    onBehalfOf: user,
    limitKey: "",
    permissions: new Set(PERMISSIONS),
    expiresAtMs: Number.POSITIVE_INFINITY,
  };
}

function requestOf(event: TaskEvent, blobs: Blobs): TaskInvokeRequest {
  const { row } = event;
  const kept = row.request as unknown as KeptRequest;
  return {
    org: row.org,
    function: row.function,
    revision: row.revision === null ? undefined : String(row.revision),
    target: `/v1/functions/${row.function}/invoke${kept.query}`,
    headers: { ...kept.headers, [HEADERS.requestId]: kept.request_id, "idempotency-key": event.id },
    body: row.payloadRef === null ? (row.payload ?? undefined) : blobs.get(row.payloadRef),
    trigger: {
      type: "async",
      source: event.source,
      id: row.id,
      timestamp: event.timestamp,
      attempt: event.attempt,
    },
  };
}

/** To its end, whatever is kept of it: an answer that breaks off is no success. */
async function peek(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (bytes < PEEK_BYTES) chunks.push(chunk.subarray(0, PEEK_BYTES - bytes));
    bytes += chunk.length;
  }
  return Buffer.concat(chunks);
}

/** What the platform, or the server of a runtime, says in its error body. */
function platformError(body: Buffer, status: number): AttemptEnd["error"] {
  const { error, msg } = JSON.parse(body.toString("utf8")) as { error?: string; msg?: string };
  const code = error !== undefined && isErrorCode(error) ? error : `http_${status}`;
  return { code, message: msg ?? code };
}

/** The calls of tasks: each keeps what its answer was on its event, which is settled with it. */
export function createTaskCalls(
  { invoke, blobs }: TaskCallDependencies,
  settings: Pick<TaskSettings, "attempts" | "maxResultBytes">,
): Invoke {
  const keep = (event: TaskEvent, body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<KeptBody> => {
    const { org, id, leaseEpoch } = event.row;
    const key = bodyKey(org, id, `result-${leaseEpoch}`);
    return keepBody(blobs, body, {
      ...{ key, signal },
      maxBytes: settings.maxResultBytes,
      what: "the answer",
    });
  };
  const read = async (
    event: TaskEvent,
    response: TaskInvokeResponse,
    signal: AbortSignal,
  ): Promise<CallResult> => {
    const { status, headers } = response;
    const header = (wanted: string): string | undefined => headers.find(([name]) => name === wanted)?.[1];
    const notDelivered = header(HEADERS.notDelivered);
    // Whether the proxy or the instance's own server notices first that the time is up is a matter of milliseconds.
    const timedOut = status === 504 && header(HEADERS.functionError) === "timeout";
    const answered = (body: Buffer): CallResult => {
      return { kind: "answered", answer: { status, headers, notDelivered, body, truncated: false } };
    };
    if (response.platform || notDelivered !== undefined || timedOut) {
      const body = await peek(response.body);
      event.end = { response: undefined, error: platformError(body, status) };
      return answered(body);
    }
    const isKept = (status >= 200 && status < 300) || event.attempt >= settings.attempts;
    const kept = isKept ? await keep(event, response.body, signal) : undefined;
    if (!isKept) await peek(response.body);
    event.end = {
      response: { status, headers: Object.fromEntries(headers), body: kept },
      error: undefined,
    };
    return answered(Buffer.alloc(0));
  };
  return async ([delivered], signal) => {
    const event = delivered?.event as TaskEvent;
    let reached = false;
    try {
      const response = await invoke(requestOf(event, blobs), identityOf(event), signal);
      reached = true;
      return await read(event, response, signal);
    } catch (error) {
      const known =
        error instanceof PlatformError
          ? error
          : new PlatformError("internal", error instanceof Error ? error.message : String(error));
      event.end = { response: undefined, error: storedError(known) };
      if (reached || signal.aborted) return { kind: "broken", error: known.message };
      const { status, code, message } = known;
      const body = Buffer.from(message);
      return {
        kind: "answered",
        answer: { status, headers: [], notDelivered: code, body, truncated: false },
      };
    }
  };
}
