import type { EventInit } from "../event.ts";
import { Response } from "../response.ts";
import { binaryEvent, completeEvent, STRUCTURED, structuredEvent } from "./event-reply.ts";
import { encodeJson } from "./intrinsics.ts";

/** A value that JSON cannot hold. */
export class UnserialisableError extends Error {
  override readonly name = "UnserialisableError";
}

export type PieceEncoder = (piece: unknown) => string | Uint8Array;

/** What goes out: nothing, all at once, or piece by piece. */
export type Payload =
  | { readonly kind: "none" }
  | { readonly kind: "whole"; readonly content: string | Uint8Array; readonly type: string }
  | {
      readonly kind: "pieces";
      readonly iterator: AsyncIterator<unknown> | Iterator<unknown>;
      readonly encode: PieceEncoder;
      /** Undefined where the first piece decides. */
      readonly type: string | undefined;
    };

export interface Reply {
  readonly status: number;
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly payload: Payload;
}

/** The table "What the handler returns" of the runtime contract. Throws `UnserialisableError`. */
export function toReply(value: unknown, functionName: string): Reply {
  if (value instanceof Response) {
    if (value.kind === "event" || value.kind === "structured event") return eventReply(value, functionName);
    return { status: value.status, headers: value.headers, payload: payloadOf(value) };
  }
  // `instanceof globalThis.Response` would load all of Node's fetch for a function that never uses it.
  if (Object.prototype.toString.call(value) === "[object Response]")
    return fromWeb(value as globalThis.Response);
  const payload = toPayload(value);
  return { status: payload.kind === "none" ? 204 : 200, headers: [], payload };
}

function payloadOf(response: Response): Payload {
  if (response.kind === "json") return json(response.body);
  if (response.kind === "stream") return pieces(iteratorOf(response.body), encodePiece, undefined);
  if (response.kind === "sse") return pieces(iteratorOf(response.body), encodeEvent, "text/event-stream");
  return toPayload(response.body);
}

function fromWeb(response: globalThis.Response): Reply {
  if (response.status < 200)
    throw new TypeError(`the handler returned a Response with status ${response.status}`);
  const body = response.body;
  const payload: Payload =
    body === null ? { kind: "none" } : pieces(body[Symbol.asyncIterator](), encodePiece, undefined);
  return { status: response.status, headers: [...response.headers], payload };
}

function toPayload(value: unknown): Payload {
  if (value === undefined || value === null) return { kind: "none" };
  if (typeof value === "string") return { kind: "whole", content: value, type: "text/plain; charset=utf-8" };
  if (typeof value !== "object") return json(value);
  const bytes = toBytes(value);
  if (bytes !== undefined) return { kind: "whole", content: bytes, type: "application/octet-stream" };
  if (Symbol.asyncIterator in value || typeof (value as { next?: unknown }).next === "function") {
    return pieces(iteratorOf(value), encodePiece, undefined);
  }
  return json(value);
}

function eventReply(response: Response, functionName: string): Reply {
  const event = completeEvent(response.body as EventInit, functionName);
  if (response.kind === "event") {
    const { headers, content, type } = binaryEvent(event);
    const payload: Payload = content === undefined ? { kind: "none" } : { kind: "whole", content, type };
    return { status: response.status, headers, payload };
  }
  return {
    status: response.status,
    headers: [],
    payload: { ...json(structuredEvent(event)), type: STRUCTURED },
  };
}

function json(value: unknown): Extract<Payload, { kind: "whole" }> {
  return { kind: "whole", content: stringify(value), type: "application/json" };
}

function pieces(
  iterator: AsyncIterator<unknown> | Iterator<unknown>,
  encode: PieceEncoder,
  type: string | undefined,
): Payload {
  return { kind: "pieces", iterator, encode, type };
}

/** The value as JSON. Throws `UnserialisableError`. */
export function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = encodeJson(value);
  } catch (error) {
    throw new UnserialisableError(error instanceof Error ? error.message : String(error));
  }
  if (text === undefined) throw new UnserialisableError(`JSON has no form for a ${typeof value}`);
  return text;
}

export function toBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

function iteratorOf(source: unknown): AsyncIterator<unknown> | Iterator<unknown> {
  const given = source as
    | Partial<AsyncIterable<unknown> & Iterable<unknown> & Iterator<unknown>>
    | null
    | undefined;
  if (given?.[Symbol.asyncIterator] !== undefined)
    return (given as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  if (given?.[Symbol.iterator] !== undefined) return (given as Iterable<unknown>)[Symbol.iterator]();
  if (typeof given?.next === "function") return given as Iterator<unknown>;
  throw new TypeError(
    `a stream needs something to iterate over, not ${source === null ? "null" : typeof source}`,
  );
}

/** The type of a stream that names none, by its first piece. */
export function typeOfPiece(piece: unknown): string {
  if (typeof piece === "string") return "text/plain; charset=utf-8";
  return toBytes(piece) === undefined ? "application/x-ndjson" : "application/octet-stream";
}

function encodePiece(piece: unknown): string | Uint8Array {
  return typeof piece === "string" ? piece : (toBytes(piece) ?? `${stringify(piece)}\n`);
}

function encodeEvent(piece: unknown): string {
  if (typeof piece !== "object" || piece === null) return `${dataLines(piece)}\n`;
  const event = piece as { event?: unknown; id?: unknown; retry?: unknown; data?: unknown };
  let text = "";
  if (event.event !== undefined) text += `event: ${oneLine(event.event)}\n`;
  if (event.id !== undefined) text += `id: ${oneLine(event.id)}\n`;
  if (event.retry !== undefined) text += `retry: ${oneLine(event.retry)}\n`;
  return `${text}${event.data === undefined ? "" : dataLines(event.data)}\n`;
}

function dataLines(data: unknown): string {
  const text = typeof data === "string" ? data : stringify(data);
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("");
}

// A line break in these fields would start another field.
function oneLine(value: unknown): string {
  return String(value).replaceAll(/[\r\n\0]+/g, " ");
}
