import type { IncomingMessage } from "node:http";
import type { Trigger } from "../context.ts";

/** The part of a request target before the query, and the query; both as sent. */
export interface Target {
  readonly path: string;
  readonly query: string;
}

export function splitTarget(url: string): Target {
  // The absolute form (RFC 9112, 3.2.2) names the host a second time.
  const origin = /^https?:\/\/[^/?]*/i.exec(url)?.[0] ?? "";
  const rest = url.slice(origin.length);
  const mark = rest.indexOf("?");
  const path = mark === -1 ? rest : rest.slice(0, mark);
  return { path: path === "" ? "/" : path, query: mark === -1 ? "" : rest.slice(mark + 1) };
}

export function readTrigger(request: IncomingMessage, path: string, nowMs: number): Trigger {
  const attempt = Number(header(request, "x-function-attempt") ?? 1);
  return {
    type: header(request, "x-function-trigger") ?? "http",
    source: header(request, "x-function-trigger-source") ?? path,
    timestamp: header(request, "x-function-trigger-timestamp") ?? new Date(nowMs).toISOString(),
    id: header(request, "x-function-trigger-id") ?? "",
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : 1,
  };
}

/** Milliseconds that the caller still waits, or `fallback`. */
export function readDeadline(request: IncomingMessage, fallback: number): number {
  const text = header(request, "x-function-deadline-ms");
  return text !== undefined && /^\d{1,10}(?:\.\d+)?$/.test(text) ? Number(text) : fallback;
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** `req_` and a ULID: for a call that came without an id, which no proxy lets through. */
export function makeRequestId(nowMs: number, random: () => number): string {
  let id = "";
  for (let i = 0, rest = nowMs; i < 10; i++, rest = Math.floor(rest / 32))
    id = (DIGITS[rest % 32] ?? "0") + id;
  for (let i = 0; i < 16; i++) id += DIGITS[Math.floor(random() * 32)] ?? "0";
  return `req_${id}`;
}
