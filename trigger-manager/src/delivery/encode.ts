import { chainLength, withChainLength } from "@hanzo-fn/contract";
import type { SourceEvent } from "./source.ts";

/** An event with the number of its attempt. */
export interface Delivered {
  readonly event: SourceEvent;
  readonly attempt: number;
}

export interface EncodedCall {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const BATCH_TYPE = "application/vnd.hanzo.batch+json";

const text = new TextDecoder("utf-8", { fatal: true });

/** What is no JSON, as `ctx.data` shows it (runtimes/contract.md, section 3). */
export function plainData(body: Buffer): { readonly body: string; readonly encoding?: "base64" } {
  try {
    return { body: text.decode(body) };
  } catch {
    return { body: body.toString("base64"), encoding: "base64" };
  }
}

/** An item of a batch up to its data, which is the last that it has. */
function upToData({ event: { id, source, timestamp, headers }, attempt }: Delivered): string {
  return `${JSON.stringify({ id, source, timestamp, attempt, headers }).slice(0, -1)},"data":`;
}

/** The one value that all events have in a header. */
function shared(events: readonly Delivered[], name: string): string | undefined {
  const value = events[0]?.event.headers[name];
  return events.every(({ event }) => event.headers[name] === value) ? value : undefined;
}

/** Of the request and trace that all events come from, where that is one; and of the longest chain among them. */
function originOf(events: readonly Delivered[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ["x-request-id", "traceparent"]) {
    const value = shared(events, name);
    if (value !== undefined) headers[name] = value;
  }
  const length = Math.max(...events.map(({ event }) => chainLength(event.headers["tracestate"])));
  if (length > 0) headers["tracestate"] = withChainLength(shared(events, "tracestate"), length);
  return headers;
}

/** Several events in one body (runtimes/contract.md, section 8). */
export function encodeBatch(events: readonly Delivered[]): EncodedCall {
  const parts: Buffer[] = [];
  let before = '{"items":[';
  for (const one of events) {
    const { json, body } = one.event;
    // The data goes in as the bytes that came: JSON need not be parsed to be handed on.
    const data = json ? body : Buffer.from(JSON.stringify(plainData(body)));
    parts.push(Buffer.from(before + upToData(one)), data);
    before = "},";
  }
  parts.push(Buffer.from("}]}"));
  return { headers: { ...originOf(events), "content-type": BATCH_TYPE }, body: Buffer.concat(parts) };
}

/** One event as a call of its own: its bytes are the body, its headers go along. */
export function encodeOne({ event }: Delivered): EncodedCall {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.headers)) headers[name.toLowerCase()] = value;
  headers["content-type"] = event.json
    ? "application/json"
    : (headers["content-type"] ?? "application/octet-stream");
  headers["idempotency-key"] = event.id;
  return { headers, body: event.body };
}
