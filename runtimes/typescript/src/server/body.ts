import type { IncomingMessage } from "node:http";

const EMPTY: Uint8Array = new Uint8Array(0);

/** The whole body; `done` is not called where the client went away before its end. */
export function readBody(request: IncomingMessage, done: (body: Uint8Array) => void): void {
  const length = request.headers["content-length"];
  if (request.headers["transfer-encoding"] === undefined && (length === undefined || length === "0")) {
    request.resume();
    done(EMPTY);
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => done(chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks)));
}

/** `ctx.data` for a call, or the reason why a body that is declared JSON cannot be read. */
export function parseData(
  body: Uint8Array,
  contentType: string | undefined,
  query: URLSearchParams,
): { readonly data: unknown } | { readonly invalid: string } {
  if (body.byteLength === 0) return { data: queryMap(query) };
  const declared = contentType === undefined || contentType === "" ? undefined : mediaType(contentType);
  const json = declared === "application/json" || declared?.endsWith("+json") === true;
  const text = decode(body);
  if (json || declared === undefined) {
    const parsed = text === undefined ? { invalid: "it is not UTF-8" } : parseJson(text);
    if ("data" in parsed || json) return parsed;
  }
  if (text !== undefined) return { data: { body: text } };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return { data: { body: bytes.toString("base64"), encoding: "base64" } };
}

function mediaType(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function decode(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

function parseJson(text: string): { data: unknown } | { invalid: string } {
  try {
    return { data: JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text) };
  } catch (error) {
    return { invalid: (error as Error).message };
  }
}

function queryMap(query: URLSearchParams): Record<string, string | string[]> {
  const pairs = new Map<string, string | string[]>();
  for (const [name, value] of query) {
    const known = pairs.get(name);
    if (known === undefined) pairs.set(name, value);
    else if (typeof known === "string") pairs.set(name, [known, value]);
    else known.push(value);
  }
  return Object.fromEntries(pairs);
}
