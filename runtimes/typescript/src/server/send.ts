import type { ServerResponse } from "node:http";
import { typeOfPiece, type Payload, type Reply } from "./reply.ts";

/** Header names that belong to the connection or to the platform: section 3 of the runtime contract. */
const DROPPED = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
]);

function headOf(reply: Reply, type: string | undefined, platform: readonly string[]): string[] {
  const head: string[] = [];
  let typed = type === undefined;
  for (const [name, value] of reply.headers) {
    const lower = name.toLowerCase();
    if (DROPPED.has(lower) || lower.startsWith("x-function-")) continue;
    if (lower === "content-type") typed = true;
    head.push(name, value);
  }
  if (!typed && type !== undefined) head.push("Content-Type", type);
  head.push(...platform);
  return head;
}

/** An answer without a body, or with one that is there already. Throws on a header that HTTP cannot carry. */
export function sendWhole(
  response: ServerResponse,
  reply: Reply,
  payload: Extract<Payload, { kind: "none" | "whole" }>,
  platform: readonly string[],
): void {
  const bodiless = reply.status === 204 || reply.status === 205 || reply.status === 304;
  if (payload.kind === "none" || bodiless) {
    const head = headOf(reply, undefined, platform);
    if (!bodiless) head.push("Content-Length", "0");
    response.writeHead(reply.status, head);
    response.end();
    return;
  }
  const head = headOf(reply, payload.type, platform);
  head.push("Content-Length", String(Buffer.byteLength(payload.content)));
  response.writeHead(reply.status, head);
  response.end(payload.content);
}

export interface Streaming {
  readonly response: ServerResponse;
  readonly reply: Reply;
  readonly payload: Extract<Payload, { kind: "pieces" }>;
  /** The platform's headers, asked for when the head goes out. */
  readonly platform: () => readonly string[];
  /** True once nobody waits for the answer any more. */
  readonly over: () => boolean;
  readonly bodiless: boolean;
}

/** Sends each piece as it comes; resolves when the last one is handed over. Rejects with what the source throws. */
export async function sendPieces({
  response,
  reply,
  payload,
  platform,
  over,
  bodiless,
}: Streaming): Promise<void> {
  const { iterator, encode } = payload;
  if (bodiless) {
    closeIterator(iterator);
    response.writeHead(reply.status, headOf(reply, payload.type, platform()));
    response.end();
    return;
  }
  let started = false;
  for (;;) {
    const { done, value } = await iterator.next();
    if (over()) return;
    if (done === true) break;
    const piece: unknown = await value;
    const bytes = encode(piece);
    if (!started) {
      response.writeHead(reply.status, headOf(reply, payload.type ?? typeOfPiece(piece), platform()));
      started = true;
    }
    // An empty chunk would read as the end of the body.
    if (bytes.length > 0 && !response.write(bytes)) await drained(response);
    if (over()) return;
  }
  if (!started) response.writeHead(reply.status, headOf(reply, payload.type, platform()));
  response.end();
}

/** Lets the source clean up; it may still be busy with a piece, and nobody waits for it. */
export function closeIterator(iterator: AsyncIterator<unknown> | Iterator<unknown>): void {
  try {
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  } catch {
    // A generator that runs right now cannot be closed; it sees the aborted signal instead.
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed || !response.writableNeedDrain) {
      resolve();
      return;
    }
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}
