import { HEADERS, PlatformError, type Identity } from "@hanzo-fn/contract";
import type { CallResult } from "./classify.ts";
import { encodeBatch, encodeOne, type Delivered } from "./encode.ts";
import type { Answer } from "./source.ts";

/** Calls the function with these events and waits for the whole answer. Never rejects; an aborted signal cuts it. */
export type Invoke = (events: readonly Delivered[], signal: AbortSignal) => Promise<CallResult>;

/** What a function is told of where its call comes from. */
export interface CallTrigger {
  readonly type: string;
  readonly source: string;
  readonly id: string;
  readonly timestamp: string | undefined;
  readonly attempt: number;
}

interface InvokeRequest {
  readonly org: string;
  readonly function: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly trigger: CallTrigger;
}

export interface InvokeResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: AsyncIterable<Buffer>;
}

export interface InvokeDependencies {
  /** The proxy's phases of a call, in process. */
  readonly invoke: (
    request: InvokeRequest,
    identity: Identity,
    signal: AbortSignal,
  ) => Promise<InvokeResponse>;
  /** Of kind `platform`, in the function's organisation. */
  readonly identity: Identity;
}

export interface InvokeTarget {
  readonly function: string;
  readonly trigger: { readonly id: string; readonly type: string };
  /** Events come as a list, even a single one. */
  readonly batch: boolean;
  /** So much of the answer's body is kept. */
  readonly answerBytes: number;
}

async function readBody(
  body: AsyncIterable<Buffer>,
  limit: number,
): Promise<{ readonly body: Buffer; readonly truncated: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // To its end, whatever is kept of it: an answer that breaks off is no success.
  for await (const chunk of body) {
    if (bytes < limit) chunks.push(chunk.subarray(0, limit - bytes));
    bytes += chunk.length;
  }
  return { body: Buffer.concat(chunks), truncated: bytes > limit };
}

function ended(error: unknown, delivered: boolean): CallResult {
  if (error instanceof PlatformError && !delivered) {
    // The proxy could not even write the call down.
    const { code, status, message } = error;
    const body = Buffer.from(message);
    return {
      kind: "answered",
      answer: { status, headers: [], notDelivered: code, body, truncated: false },
    };
  }
  return { kind: "broken", error: error instanceof Error ? error.message : String(error) };
}

export function createInvoke({ invoke, identity }: InvokeDependencies, target: InvokeTarget): Invoke {
  return async (events, signal) => {
    const [first] = events;
    if (first === undefined) throw new RangeError("a call has at least one event");
    const { headers, body } = target.batch ? encodeBatch(events) : encodeOne(first);
    const { source, timestamp } = first.event;
    const attempt = Math.max(...events.map((event) => event.attempt));
    const trigger = { ...target.trigger, source, timestamp, attempt };
    let delivered = false;
    try {
      const request = { org: identity.org, function: target.function, headers, body, trigger };
      const response = await invoke(request, identity, signal);
      delivered = true;
      const notDelivered = response.headers.find(([name]) => name === HEADERS.notDelivered)?.[1];
      const read = await readBody(response.body, target.answerBytes);
      const answer: Answer = { status: response.status, headers: response.headers, notDelivered, ...read };
      return { kind: "answered", answer };
    } catch (error) {
      return ended(error, delivered || signal.aborted);
    }
  };
}
