import { HEADERS, parseDuration, PlatformError, type TaskCall } from "@hanzo-fn/contract";
import type { TaskCallback } from "@hanzo-fn/store";
import { checkCallback } from "../callbacks/address.ts";

/** What the function is called with, besides the body. Kept with the task. */
export interface KeptRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly query: string;
  readonly request_id: string;
  readonly user?: string;
  readonly [key: string]: string | undefined | Readonly<Record<string, string>>;
}

/** What the caller wants of the platform. */
export interface TaskWishes {
  readonly callback: TaskCallback | undefined;
  readonly expiresInMs: number | undefined;
  readonly idempotencyKey: string | undefined;
  /** Name or number, as sent. */
  readonly revision: string | undefined;
}

const COMPONENT = "tasks";
const MAX_EXPIRY_MS = 30 * 86_400_000;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Of one hop, or of the platform's own; and credentials: they were for the platform, and a row that is kept for a day
 * is no place for them.
 */
const NOT_KEPT = new Set(
  `connection content-length expect host keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer
transfer-encoding upgrade authorization cookie x-api-key x-hanzo-key x-org-id x-request-id idempotency-key
x-forwarded-for x-forwarded-host x-forwarded-proto`.split(/\s+/),
);

function isKept(name: string): boolean {
  return !NOT_KEPT.has(name) && !name.startsWith("x-function-") && !name.startsWith("x-user-");
}

/** The request as the function is to see it, at every attempt. */
export function keptRequest(call: TaskCall): KeptRequest {
  const headers: Record<string, string> = {};
  for (const [sent, raw] of call.headers) {
    const name = sent.toLowerCase();
    if (!isKept(name)) continue;
    // Bytes from the wire, as characters; in process headers are text.
    const value = Buffer.from(raw, "latin1").toString("utf8");
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const user = call.user === undefined ? {} : { user: call.user };
  return { headers, query: call.query, request_id: call.requestId, ...user };
}

function bad(message: string, next?: string): PlatformError {
  return new PlatformError("bad_request", message, { component: COMPONENT, next });
}

function expiryOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= MAX_EXPIRY_MS) return ms;
  throw bad(`${HEADERS.expiresIn} is a duration of at most 30d such as 10m, not ${JSON.stringify(text)}`);
}

/** Reads what the headers ask for. Throws `bad_request`. */
export function taskWishes(
  headers: TaskCall["headers"],
  { allowPrivate }: { readonly allowPrivate: boolean },
): TaskWishes {
  const first = (wanted: string): string | undefined =>
    headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
  const idempotencyKey = first("idempotency-key");
  if (idempotencyKey !== undefined && !IDEMPOTENCY_KEY.test(idempotencyKey)) {
    throw bad("Idempotency-Key has 1 to 255 visible ASCII characters");
  }
  const callback = first(HEADERS.callback);
  return {
    callback: callback === undefined ? undefined : checkCallback(callback, { allowPrivate }),
    expiresInMs: expiryOf(first(HEADERS.expiresIn)),
    idempotencyKey,
    revision: first(HEADERS.revision),
  };
}
