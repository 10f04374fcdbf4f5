import type { DeliverySettings } from "../delivery/settings.ts";

/** How asynchronous calls are accepted, tried and kept: `events.task_*` of the configuration. */
export interface TaskSettings {
  /** Counted ones, the first included. */
  readonly attempts: number;
  /** Before the second attempt; doubled before each one after it. */
  readonly backoffMs: number;
  /** How long a call may wait for an attempt that does not say so itself. */
  readonly expiresInMs: number;
  /** How long a call that ended is kept, and an idempotency key stands. */
  readonly retentionMs: number;
  /** Calls of one function at once, in this process. */
  readonly concurrency: number;
  /** Calls of one function that wait. */
  readonly maxQueued: number;
  readonly maxPayloadBytes: number;
  readonly maxResultBytes: number;
}

const MAX_BACKOFF_MS = 3_600_000;
/**
 * Longer than any call: 60 s for an instance, 900 s for the longest timeout there is, and a margin. The proxy ends
 * calls by the function's own timeout; this is for one that it lost.
 */
const DEADLINE_MS = 60_000 + 900_000 + 30_000;

/**
 * One call is one event. What is not delivered waits until the call expires, however long that is; what fails is tried
 * again after exactly the back-off, which is part of the promise to the caller (events.md 4.5).
 */
export function taskDelivery({ attempts, backoffMs, concurrency }: TaskSettings): DeliverySettings {
  return {
    ordering: "none",
    batchSize: 1,
    maxBatchWaitMs: 0,
    maxBatchBytes: Number.POSITIVE_INFINITY,
    attempts,
    backoff: { initialMs: backoffMs, factor: 2, maxMs: Math.max(backoffMs, MAX_BACKOFF_MS) },
    jitter: false,
    on4xx: "retry",
    partialResponse: false,
    maxEventAgeMs: Number.POSITIVE_INFINITY,
    maxConcurrency: concurrency,
    deadlineMs: DEADLINE_MS,
  };
}
