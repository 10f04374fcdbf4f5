import type { ErrorCode } from "./errors.ts";

/** `auth` of an HTTP trigger (HIP-60, HTTP Trigger). */
export type RouteAuth = "required" | "optional" | "none";

export interface RateLimit {
  readonly count: number;
  readonly windowMs: number;
}

export interface Cors {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeSeconds: number;
}

/** One HTTP trigger as the proxy serves it. */
export interface HttpRoute {
  readonly triggerId: string;
  /** An absolute path; a trailing `/*` matches every path below it. */
  readonly path: string;
  /** Upper case. */
  readonly methods: readonly string[];
  readonly auth: RouteAuth;
  readonly rateLimit?: RateLimit | undefined;
  readonly cors?: Cors | undefined;
}

export interface RoutedRevision {
  /** `<function>-%05d` */
  readonly name: string;
  readonly number: number;
  readonly runtime: string;
  readonly timeoutMs: number;
  /** 0..100 */
  readonly percent: number;
  /** Set where the revision cannot serve; a call pinned to it, or routed to it, gets this error. */
  readonly failed?: { readonly code: ErrorCode; readonly message: string } | undefined;
}

/** All that the proxy knows of one function; replaced whole on every change. */
export interface FunctionRoutes {
  readonly org: string;
  readonly function: string;
  /** Rises with every change; an older one never replaces a newer one. */
  readonly generation: number;
  /** Revisions that may be called, whether or not traffic reaches them. Percents sum to 100, or to 0 before the first is ready. */
  readonly revisions: readonly RoutedRevision[];
  readonly routes: readonly HttpRoute[];
}

export type InvocationStatus = "success" | "error" | "timeout";

/** What is known of one invocation when it has ended: metrics, figures and the access log are made from it. */
export interface InvocationRecord {
  readonly org: string;
  readonly function: string;
  /** Revision name; empty where none was chosen. */
  readonly revision: string;
  readonly runtime: string;
  /** `http`, or what `X-Function-Trigger` of the event plane says. */
  readonly trigger: string;
  readonly status: InvocationStatus;
  /** HTTP status sent to the caller. */
  readonly httpStatus: number;
  /** Empty for a success; an error code, or `http_<status>` where the function itself answered 5xx. */
  readonly errorType: ErrorCode | "" | `http_${number}`;
  /** End to end, cold start included. */
  readonly durationMs: number;
  /** Undefined for a warm call. */
  readonly coldStartMs: number | undefined;
  readonly requestId: string;
  readonly instance: string;
  readonly endedAtMs: number;
}
