import { type ErrorCode, type ErrorOptions, PlatformError } from "@hanzo-fn/contract";

/** An error of the gateway's own. */
export function refuse(code: ErrorCode, message: string, options: ErrorOptions = {}): PlatformError {
  return new PlatformError(code, message, { component: "gateway", ...options });
}

export const badRequest = (message: string): PlatformError => refuse("bad_request", message);
