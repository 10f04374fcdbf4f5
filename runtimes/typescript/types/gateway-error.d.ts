/** What the platform's gateway says no with: `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model` raise it. */
export declare class GatewayError extends Error {
  readonly name = "GatewayError";
  /** `not_found`, `conflict`, `payload_too_large`, `unavailable`, ...: the `error` of the platform's error body. */
  readonly code: string;
  /** The HTTP status; 503 where the gateway could not be asked. */
  readonly status: number;
  /** What to do next, where the platform knows. */
  readonly next: string | undefined;
  constructor(code: string, status: number, message: string, next?: string, cause?: unknown);
}
