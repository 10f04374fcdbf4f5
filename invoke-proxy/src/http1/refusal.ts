import { type ErrorCode, PlatformError } from "@hanzo-fn/contract";

/**
 * Who sent the bytes decides which code a refusal carries: a client's mistake is a 4xx of its own kind, a
 * function's mistake is always `malformed_response`.
 */
export interface Side {
  readonly subject: "request" | "response";
  readonly malformed: ErrorCode;
  readonly headTooLarge: ErrorCode;
  readonly coding: ErrorCode;
  readonly version: ErrorCode;
}

export const REQUEST_SIDE: Side = {
  subject: "request",
  malformed: "malformed_http",
  headTooLarge: "head_too_large",
  coding: "not_implemented",
  version: "http_version_not_supported",
};

export const RESPONSE_SIDE: Side = {
  subject: "response",
  malformed: "malformed_response",
  headTooLarge: "malformed_response",
  coding: "malformed_response",
  version: "malformed_response",
};

/** Throws the `PlatformError` of a refusal. The reason names the rule and never repeats bytes of the peer. */
export function refuse(side: Side, code: ErrorCode, reason: string): never {
  throw new PlatformError(code, `the ${side.subject} is refused: ${reason}`, { component: "invoke-proxy" });
}

export function refuseMalformed(side: Side, reason: string): never {
  refuse(side, side.malformed, reason);
}
