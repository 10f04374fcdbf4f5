import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { PlatformError, toErrorBody } from "@hanzo-fn/contract";
import { type Answer, json } from "./call.ts";
import { refuse } from "./refuse.ts";

/** To a function its store is away, whatever it stands on. */
function toldOf(error: unknown): unknown {
  if (!(error instanceof PlatformError) || error.code !== "database_unavailable") return error;
  return refuse("unavailable", "the platform's database cannot be reached", {
    cause: error,
    retryAfterSeconds: 1,
  });
}

export function errorAnswer(thrown: unknown, requestId: string): Answer {
  const error = toldOf(thrown);
  const body = toErrorBody(error, requestId, "gateway");
  const answer = json(body, body.code);
  const retryAfter = error instanceof PlatformError ? error.retryAfterSeconds : undefined;
  if (retryAfter === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, "retry-after": String(retryAfter) } };
}

/** Sends an answer; rejects where the caller went away, or where the answer's stream broke. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
  requestId: string,
): Promise<void> {
  const length = typeof body === "string" ? { "content-length": String(Buffer.byteLength(body)) } : {};
  // What the caller has not sent yet of a refused body is not waited for.
  const close = request.complete ? {} : { connection: "close" };
  response.writeHead(status, { ...headers, ...length, ...close, "x-request-id": requestId });
  if (body === undefined || typeof body === "string" || request.method === "HEAD") {
    if (typeof body === "object") body.destroy();
    response.end(typeof body === "string" ? body : undefined);
    return;
  }
  await pipeline(body, response);
}
