/** Header names of the invocation protocol (HIP-60, Invocation Protocol), lower case. */
export const HEADERS = {
  requestId: "x-request-id",
  trigger: "x-function-trigger",
  triggerSource: "x-function-trigger-source",
  triggerId: "x-function-trigger-id",
  triggerTimestamp: "x-function-trigger-timestamp",
  attempt: "x-function-attempt",
  /** Milliseconds left for the handler, counted from the hand-over to the instance. */
  deadlineMs: "x-function-deadline-ms",
  name: "x-function-name",
  revision: "x-function-revision",
  durationMs: "x-function-duration-ms",
  instance: "x-function-instance",
  /** Whole milliseconds from acquire to a ready instance; present only when this request waited for one. */
  coldStartMs: "x-function-cold-start-ms",
  /** Present on every answer for which no byte reached user code; the value is the error code. */
  notDelivered: "x-function-not-delivered",
  /** Of an error answer of an instance's own server: its code. A function cannot set it. */
  functionError: "x-function-error",
  /** Of `invoke-async`: where the end of the task is posted to. */
  callback: "x-function-callback",
  /** Of `invoke-async`: a duration after which no attempt starts. */
  expiresIn: "x-function-expires-in",
  /** Of a callback: `t=<seconds since the epoch>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. */
  signature: "x-function-signature",
  userId: "x-user-id",
  orgId: "x-org-id",
} as const;

/** Header of an event that was made from a dead letter: that letter's id. */
export const REDRIVE_OF = "redrive-of";
