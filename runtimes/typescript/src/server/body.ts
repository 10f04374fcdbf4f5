import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { parseJson } from "./intrinsics.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

export interface BodyReader {
  /** Not called where the client went away before the end. */
  readonly done: (body: Uint8Array) => void;
  /** Called once, as soon as it is known; nothing more is read. */
  readonly tooLarge: () => void;
}

/** The whole body, of at most `limit` bytes. */
export function readBody(request: IncomingMessage, limit: number, reader: BodyReader): void {
  const length = request.headers["content-length"];
  if (request.headers["transfer-encoding"] === undefined && (length === undefined || length === "0")) {
    request.resume();
    reader.done(EMPTY);
    return;
  }
  if (isDeclaredLonger(request, limit)) return reader.tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    if (size <= limit) {
      chunks.push(chunk);
      return;
    }
    request.off("data", take).off("end", end);
    request.pause();
    reader.tooLarge();
  };
  const end = (): void => reader.done(chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks));
  request.on("data", take).on("end", end);
}

export function isDeclaredLonger(request: IncomingMessage, limit: number): boolean {
  return Number(request.headers["content-length"] ?? 0) > limit;
}

/** `ctx.data` for a call, or the reason why a body that is declared JSON cannot be read. */
export function parseData(
  body: Uint8Array,
  contentType: string | undefined,
  query: () => URLSearchParams,
): { readonly data: unknown } | { readonly invalid: string } {
  if (body.byteLength === 0) return { data: queryMap(query()) };
  const declared = contentType === undefined || contentType === "" ? undefined : mediaType(contentType);
  const json = declared === "application/json" || declared?.endsWith("+json") === true;
  const text = decodeText(body);
  if (json || declared === undefined) {
    const parsed = text === undefined ? { invalid: "it is not UTF-8" } : parseText(text);
    if ("data" in parsed || json) return parsed;
  }
  if (text !== undefined) return { data: { body: text } };
  return { data: { body: toBuffer(body).toString("base64"), encoding: "base64" } };
}

export function mediaType(contentType: string): string {
  const end = contentType.indexOf(";");
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** The text of UTF-8; undefined for anything else. */
export function decodeText(body: Uint8Array): string | undefined {
  return isUtf8(body) ? toBuffer(body).toString("utf8") : undefined;
}

function toBuffer(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

function parseText(text: string): { data: unknown } | { invalid: string } {
  try {
    return { data: parseJson(text.startsWith("\uFEFF") ? text.slice(1) : text) };
  } catch (error) {
    return { invalid: (error as Error).message };
  }
}

function queryMap(query: URLSearchParams): Record<string, string | string[]> {
  if (query.size === 0) return {};
  const pairs = new Map<string, string | string[]>();
  for (const [name, value] of query) {
    const known = pairs.get(name);
    if (known === undefined) pairs.set(name, value);
    else if (typeof known === "string") pairs.set(name, [known, value]);
    else known.push(value);
  }
  return Object.fromEntries(pairs);
}
