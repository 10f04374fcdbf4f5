import type { PlatformError } from "@hanzo-fn/contract";
import { errorAnswer, type ErrorAnswer } from "./answer-lines.ts";
import type { CallContext } from "./call-context.ts";
import type { ClientInfo } from "./request-lines.ts";
import { traceContext } from "./trace-context.ts";

/** The answer to bytes that never became a request; the access log hears of it too. */
export function refusalAnswer(calls: CallContext, client: ClientInfo, error: PlatformError): ErrorAnswer {
  const nowMs = calls.clock.now();
  const requestId = calls.ids.requestId(nowMs);
  const nothing = {
    identity: undefined,
    fn: undefined,
    route: undefined,
    revision: undefined,
    window: undefined,
  };
  const answer = errorAnswer(
    error,
    {
      ...nothing,
      verified: false,
      requestId,
      pageOrigin: undefined,
      durationMs: 0,
      instance: undefined,
      coldStartMs: undefined,
      nowMs,
    },
    false,
    () => undefined,
  );
  if (error.code === "internal") calls.observer.onInternalError(error);
  const trace = traceContext(calls.ids, undefined, 0);
  const entry = {
    ...nothing,
    method: "",
    path: "",
    status: error.status,
    requestId,
    trace,
    client,
    coldStartMs: undefined,
    nowMs,
  };
  calls.observer.access(entry, 0, error.code);
  return { lines: calls.dateLine(nowMs) + answer.lines, body: answer.body };
}
