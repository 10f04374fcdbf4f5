/** Whose doing an error is: the caller's, the platform's, or the user's function's. */
export type Fault = "user" | "platform" | "function";

interface ErrorKind {
  readonly status: number;
  readonly fault: Fault;
  /** True when the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
}

/**
 * The one table of error codes. Status, log level, retry rule and CLI exit code follow from it.
 * Keep it sorted by status.
 */
const ERROR_TABLE = {
  bad_request: { status: 400, fault: "user", retryable: false },
  invalid_manifest: { status: 400, fault: "user", retryable: false },
  invalid_source: { status: 400, fault: "user", retryable: false },
  malformed_http: { status: 400, fault: "user", retryable: false },
  unauthorized: { status: 401, fault: "user", retryable: false },
  forbidden: { status: 403, fault: "user", retryable: false },
  not_found: { status: 404, fault: "user", retryable: false },
  object_not_found: { status: 404, fault: "user", retryable: false },
  method_not_allowed: { status: 405, fault: "user", retryable: false },
  request_timeout: { status: 408, fault: "user", retryable: true },
  conflict: { status: 409, fault: "user", retryable: false },
  field_conflict: { status: 409, fault: "user", retryable: false },
  no_other_revision: { status: 409, fault: "user", retryable: false },
  not_ready: { status: 409, fault: "user", retryable: true },
  object_conflict: { status: 409, fault: "platform", retryable: true },
  route_conflict: { status: 409, fault: "user", retryable: false },
  resource_expired: { status: 410, fault: "platform", retryable: true },
  payload_too_large: { status: 413, fault: "user", retryable: false },
  uri_too_long: { status: 414, fault: "user", retryable: false },
  range_not_satisfiable: { status: 416, fault: "user", retryable: false },
  expectation_failed: { status: 417, fault: "user", retryable: false },
  build_failed: { status: 422, fault: "user", retryable: false },
  gpu_unavailable: { status: 422, fault: "user", retryable: false },
  image_untrusted: { status: 422, fault: "platform", retryable: false },
  load_failed: { status: 422, fault: "function", retryable: false },
  missing_secret: { status: 422, fault: "user", retryable: false },
  object_rejected: { status: 422, fault: "user", retryable: false },
  quota_exceeded: { status: 422, fault: "user", retryable: true },
  unsupported: { status: 422, fault: "user", retryable: false },
  validation_error: { status: 422, fault: "user", retryable: false },
  rate_limited: { status: 429, fault: "user", retryable: true },
  head_too_large: { status: 431, fault: "user", retryable: false },
  client_closed: { status: 499, fault: "user", retryable: false },
  handler_error: { status: 500, fault: "function", retryable: true },
  internal: { status: 500, fault: "platform", retryable: true },
  unserialisable: { status: 500, fault: "function", retryable: false },
  not_implemented: { status: 501, fault: "user", retryable: false },
  cluster_refused: { status: 502, fault: "platform", retryable: false },
  instance_exited: { status: 502, fault: "function", retryable: true },
  instance_killed: { status: 502, fault: "platform", retryable: true },
  malformed_response: { status: 502, fault: "function", retryable: false },
  out_of_memory: { status: 502, fault: "function", retryable: true },
  registry_refused: { status: 502, fault: "platform", retryable: false },
  upstream_unreachable: { status: 502, fault: "platform", retryable: true },
  auth_unavailable: { status: 503, fault: "platform", retryable: true },
  cluster_unavailable: { status: 503, fault: "platform", retryable: true },
  crash_loop: { status: 503, fault: "function", retryable: true },
  database_unavailable: { status: 503, fault: "platform", retryable: true },
  draining: { status: 503, fault: "platform", retryable: true },
  image_pull_failed: { status: 503, fault: "platform", retryable: true },
  ingress_not_ready: { status: 503, fault: "platform", retryable: true },
  no_capacity: { status: 503, fault: "platform", retryable: true },
  queue_timeout: { status: 503, fault: "platform", retryable: true },
  registry_unreachable: { status: 503, fault: "platform", retryable: true },
  secrets_unavailable: { status: 503, fault: "platform", retryable: true },
  unavailable: { status: 503, fault: "platform", retryable: true },
  unschedulable: { status: 503, fault: "platform", retryable: true },
  start_timeout: { status: 504, fault: "function", retryable: true },
  timeout: { status: 504, fault: "function", retryable: true },
  http_version_not_supported: { status: 505, fault: "user", retryable: false },
  storage_full: { status: 507, fault: "platform", retryable: true },
  loop_detected: { status: 508, fault: "function", retryable: false },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export const errorTable: Readonly<Record<ErrorCode, ErrorKind>> = ERROR_TABLE;

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_TABLE, value);
}

/** One problem inside an error, for example one of the ten mistakes in a manifest. */
export interface ErrorDetail {
  /** Dotted path to the offending field, for example `resources.timeout`. */
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;
  readonly value?: unknown;
  /** The source around the place, lines with their numbers, for a compiler's message. */
  readonly excerpt?: string;
  /** What the rule is, in words. */
  readonly rule: string;
  readonly suggestion?: string;
  /** Set where the problem has a code of its own, for example `unsupported` inside `invalid_manifest`. */
  readonly error?: ErrorCode;
}

export interface ErrorOptions {
  readonly cause?: unknown;
  /** The part of the platform that says no, for example `invoke-proxy` or `engine/local`. */
  readonly component?: string;
  readonly function?: string | undefined;
  readonly revision?: string | undefined;
  readonly details?: readonly ErrorDetail[];
  /** What the reader should do next; a command where there is one. */
  readonly next?: string | undefined;
  /** Whole seconds for `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

/** Every error that may reach a user carries a code of the table. */
export class PlatformError extends Error {
  override readonly name = "PlatformError";
  readonly code: ErrorCode;
  readonly component: string | undefined;
  readonly function: string | undefined;
  readonly revision: string | undefined;
  readonly details: readonly ErrorDetail[] | undefined;
  readonly next: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.component = options.component;
    this.function = options.function;
    this.revision = options.revision;
    this.details = options.details;
    this.next = options.next;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  get fault(): Fault {
    return ERROR_TABLE[this.code].fault;
  }

  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable;
  }
}

/** The one error body of :8060 and :8061. `code` is the HTTP status, `error` the code of the table. */
export interface ErrorBody {
  status: "error";
  code: number;
  error: ErrorCode;
  msg: string;
  component: string;
  requestId: string;
  function?: string;
  revision?: string;
  details?: readonly ErrorDetail[];
  next?: string;
}

/** The body for an error; anything that is not a `PlatformError` becomes `internal` without its message. */
export function toErrorBody(error: unknown, requestId: string, component: string): ErrorBody {
  const known =
    error instanceof PlatformError
      ? error
      : new PlatformError("internal", "something went wrong inside the platform");
  return {
    status: "error",
    code: known.status,
    error: known.code,
    msg: known.message,
    component: known.component ?? component,
    requestId,
    ...(known.function === undefined ? {} : { function: known.function }),
    ...(known.revision === undefined ? {} : { revision: known.revision }),
    ...(known.details === undefined ? {} : { details: known.details }),
    ...(known.next === undefined ? {} : { next: known.next }),
  };
}
