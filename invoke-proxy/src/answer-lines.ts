import { toErrorBody, type PlatformError } from "@hanzo-fn/contract";
import type { Admission } from "./admit.ts";
import { corsHeaders } from "./cors.ts";
import type { ResponseHead } from "./http1/head.ts";
import { remaining, resetSeconds } from "./rate-limit.ts";

/** What the platform's own header lines are made of. */
export interface AnswerFacts extends Admission {
  readonly requestId: string;
  readonly pageOrigin: string | undefined;
  /** Whole milliseconds from the hand-over to the head; 0 without a hand-over. */
  readonly durationMs: number;
  readonly instance: string | undefined;
  readonly coldStartMs: number | undefined;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

const DROPPED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-request-id",
]);

function pairs(headers: readonly string[]): string {
  let lines = "";
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}

function rateLimitLines(facts: AnswerFacts): string {
  const { window } = facts;
  const limit = facts.route?.limiter?.limit;
  if (window === undefined || limit === undefined) return "";
  const left = remaining(window, limit, facts.nowMs);
  const reset = resetSeconds(window, limit, facts.nowMs);
  return `X-RateLimit-Limit: ${limit.count}\r\nX-RateLimit-Remaining: ${left}\r\nX-RateLimit-Reset: ${reset}\r\n`;
}

/** The lines that every answer carries. */
export function platformLines(facts: AnswerFacts): string {
  const { revision, fn, route } = facts;
  let lines = "";
  if (revision !== undefined) lines = revision.lines;
  else if (fn !== undefined) lines = `X-Function-Name: ${fn.function}\r\n`;
  lines += `X-Function-Duration-Ms: ${facts.durationMs}\r\n`;
  if (facts.instance !== undefined) lines += `X-Function-Instance: ${facts.instance}\r\n`;
  lines += `X-Request-ID: ${facts.requestId}\r\n`;
  if (facts.coldStartMs !== undefined) {
    lines += `X-Function-Cold-Start-Ms: ${Math.round(facts.coldStartMs)}\r\n`;
  }
  if (facts.window !== undefined) lines += rateLimitLines(facts);
  if (facts.pageOrigin !== undefined && route?.route.cors !== undefined) {
    lines += pairs(corsHeaders(route.route.cors, facts.pageOrigin));
  }
  return lines;
}

/** The lines of the function's own that pass: no connection fields, nothing in the platform's name. */
export function functionLines(head: ResponseHead, hasCors: boolean): string {
  const { names, lower, values, hopByHop } = head;
  let lines = "";
  for (let i = 0; i < names.length; i++) {
    const name = lower[i] as string;
    if (DROPPED.has(name) || name.startsWith("x-function-")) continue;
    if (hopByHop.length > 0 && hopByHop.includes(name)) continue;
    if (hasCors && name.startsWith("access-control-")) continue;
    lines += `${names[i]}: ${values[i]}\r\n`;
  }
  return lines;
}

/** The first value of a field, by lower-case name. */
export function headerOf(head: ResponseHead, name: string): string | undefined {
  const at = head.lower.indexOf(name);
  return at === -1 ? undefined : head.values[at];
}

export interface ErrorAnswer {
  readonly lines: string;
  readonly body: string;
}

/** An error as the one body of :8061 with its header lines. `delivered`: bytes of the request reached user code. */
export function errorAnswer(
  error: PlatformError,
  facts: AnswerFacts,
  delivered: boolean,
  challenge: (error: PlatformError) => string | undefined,
): ErrorAnswer {
  const body = toErrorBody(error, facts.requestId, "invoke-proxy");
  if (facts.fn !== undefined) body.function ??= facts.fn.function;
  if (facts.revision !== undefined) body.revision ??= facts.revision.revision.name;
  let lines = `Content-Type: application/json\r\n${platformLines(facts)}`;
  if (!delivered) lines += `X-Function-Not-Delivered: ${error.code}\r\n`;
  if (error.status === 503 || error.status === 429 || error.retryAfterSeconds !== undefined) {
    lines += `Retry-After: ${error.retryAfterSeconds ?? 1}\r\n`;
  }
  if (error.code === "method_not_allowed") {
    lines += `Allow: ${(error.details ?? []).map(({ value }) => String(value)).join(", ")}\r\n`;
  }
  const authenticate = challenge(error);
  if (authenticate !== undefined) lines += `WWW-Authenticate: ${authenticate}\r\n`;
  return { lines, body: `${JSON.stringify(body)}\n` };
}
