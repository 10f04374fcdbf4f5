import type { ServerResponse } from "node:http";
import { encodeJson } from "./intrinsics.ts";
import type { FunctionIdentity } from "./settings.ts";

const STATUS = {
  bad_request: 400,
  not_found: 404,
  payload_too_large: 413,
  handler_error: 500,
  unserialisable: 500,
  not_ready: 503,
  draining: 503,
  timeout: 504,
} as const;

export type FailureCode = keyof typeof STATUS;

export interface Failure {
  readonly code: FailureCode;
  readonly msg: string;
  readonly requestId: string;
  readonly identity: FunctionIdentity | undefined;
  readonly headers: readonly string[];
}

/** The platform's one error body, as the runtime contract prints it. Throws nothing. */
export function sendFailure(response: ServerResponse, failure: Failure): void {
  const { code, identity, requestId } = failure;
  const name = identity?.function;
  const body = encodeJson({
    status: "error",
    code: STATUS[code],
    error: code,
    msg: failure.msg,
    component: "function",
    requestId,
    ...(name === undefined ? {} : { function: name, revision: identity?.revision }),
    ...(name === undefined ? {} : { next: `hanzo-fn logs ${name} --request-id ${requestId}` }),
  });
  response.writeHead(STATUS[code], [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(Buffer.byteLength(body)),
    "X-Function-Error",
    code,
    ...failure.headers,
  ]);
  response.end(body);
}
