import type { IncomingMessage } from "node:http";
import { toWebStream } from "../web-stream.ts";

/** Bytes of a body that are read and dropped after the answer, so that the connection can be used again. */
const DROP_LIMIT = 1024 * 1024;

/** The body of a request as the handler's second parameter. */
export function bodyStream(
  request: IncomingMessage,
  cancelled: () => Error | undefined,
): ReadableStream<Uint8Array> {
  // Marks it as taken up: Node would else drop all of it, however long, when the answer is out.
  request.read(0);
  return toWebStream(request, {
    explain: (error) => cancelled() ?? new Error(`the body ended early: ${error.message}`, { cause: error }),
    cancelled: () => undefined,
  });
}

/** Reads and drops what the handler left; ends the connection where that is too much. */
export function dropRest(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  let left = DROP_LIMIT;
  request.removeAllListeners("readable");
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.socket.destroy();
  });
  request.resume();
}
