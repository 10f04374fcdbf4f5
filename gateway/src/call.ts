import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { badRequest, refuse } from "./refuse.ts";
import type { InstanceIdentity } from "./identity.ts";

/** One call of the gateway, after its token was found good. */
export interface Call {
  readonly identity: InstanceIdentity;
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly requestId: string;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream that fails cuts the connection, so that nobody takes a part for the whole. */
  readonly body?: string | Readable | undefined;
}

export type Handler = (call: Call) => Promise<Answer>;

/** What `hanzo_fn_gateway_requests_total` counts by. */
export type Kind = "kv" | "storage" | "publish" | "models";

export interface Route {
  readonly kind: Kind;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Whether the path is this route's; paths are as sent, percent-encoding included. */
  readonly path: string | RegExp;
  readonly handle: Handler;
}

export function json(body: unknown, status = 200): Answer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** The pieces of a request's body. Leaving early leaves the connection alone, so that a refusal still gets through. */
export function pieces(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

function tooLong(maxBytes: number): Error {
  return refuse("payload_too_large", `the body may have ${maxBytes} bytes`);
}

/** The JSON body of a call. Throws `payload_too_large` or `bad_request`. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLong(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of pieces(request)) {
    size += chunk.length;
    if (size > maxBytes) throw tooLong(maxBytes);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks))) as unknown;
  } catch {
    throw badRequest("the body is not JSON");
  }
}
