import { isErrorCode, type ErrorCode, type InvocationRecord, type PlatformError } from "@hanzo-fn/contract";
import type { AnswerFacts } from "./answer-lines.ts";
import type { RequestFields } from "./request-fields.ts";

export interface RecordFacts extends AnswerFacts {
  readonly fields: RequestFields;
  readonly status: number;
}

type ErrorType = ErrorCode | "" | `http_${number}`;

/** What is recorded of a call that has ended; undefined where it got no revision. */
export function invocationRecord(
  facts: RecordFacts,
  errorType: ErrorType,
  durationMs: number,
  endedAtMs: number,
): InvocationRecord | undefined {
  const { fn, revision } = facts;
  if (fn === undefined || revision === undefined) return undefined;
  return {
    org: fn.org,
    function: fn.function,
    revision: revision.revision.name,
    runtime: revision.revision.runtime,
    trigger: facts.identity?.kind === "platform" ? (facts.fields.triggerType ?? "http") : "http",
    status: errorType === "" ? "success" : errorType === "timeout" ? "timeout" : "error",
    httpStatus: facts.status,
    errorType,
    durationMs,
    coldStartMs: facts.coldStartMs,
    requestId: facts.requestId,
    instance: facts.instance ?? "",
    endedAtMs,
  };
}

/** @param named the function's own `X-Function-Error` */
export function errorTypeOf(
  error: PlatformError | undefined,
  status: number,
  named: string | undefined,
): ErrorType {
  if (error !== undefined) return error.code;
  if (status < 500) return "";
  return named !== undefined && isErrorCode(named) ? named : `http_${status}`;
}
