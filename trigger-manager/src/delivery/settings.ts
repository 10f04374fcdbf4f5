import type { CronTrigger, InferenceTrigger, MqTrigger, StreamTrigger } from "@hanzo-fn/contract";
import type { Backoff } from "@hanzo-fn/lifecycle";

/** What waits behind an event that failed: all of its partition, all of its key, or nothing. */
export type Ordering = "partition" | "key" | "none";

/** How the events of one trigger are delivered. */
export interface DeliverySettings {
  readonly ordering: Ordering;
  readonly batchSize: number;
  /** How long an event waits for others to fill its batch. */
  readonly maxBatchWaitMs: number;
  /** A batch ends before it grows beyond this; one event alone may be larger. */
  readonly maxBatchBytes: number;
  /** Counted attempts before an event is parked. */
  readonly attempts: number;
  readonly backoff: Backoff;
  /** False: retries come exactly after the back-off. Otherwise anywhere up to it. */
  readonly jitter?: boolean | undefined;
  readonly on4xx: "retry" | "park";
  readonly partialResponse: boolean;
  /** An event that has been failing for this long is parked at its next failure, counted or not. */
  readonly maxEventAgeMs: number;
  /** Most calls at once. */
  readonly maxConcurrency: number;
  /** A call is cut after this; later than the proxy's own limit, which has a better story to tell. */
  readonly deadlineMs: number;
}

/** What the manifest does not say of a delivery. */
export interface DeliveryFacts {
  /** What the source itself prescribes where `retry.attempts` is not given. */
  readonly attempts: number;
  /** Of the function's `resources`. */
  readonly timeoutMs: number;
  /** Longest wait for an instance. Default 60 s. */
  readonly coldStartBudgetMs?: number | undefined;
  /** What the function's instances take at once, where the trigger has no `max_concurrency`. */
  readonly maxConcurrency: number;
}

const COLD_START_BUDGET_MS = 60_000;
/** The proxy's own deadline comes first, and its answer says which of both it was. */
const MARGIN_MS = 5000;
const MAX_BATCH_BYTES = 6 * 1024 * 1024;
const CRON_MAX_AGE_MS = 24 * 3_600_000;

function orderingOf(trigger: CronTrigger | InferenceTrigger | MqTrigger | StreamTrigger): Ordering {
  if (trigger.type === "stream") return trigger.ordering;
  if (trigger.type !== "mq" || trigger.ordering === "none") return "none";
  // A queue is one partition, and the subject is the key of its events.
  return trigger.ordering === "strict" ? "partition" : "key";
}

/** The settings of a trigger of the manifest. A cron run is an event of its own. */
export function deliverySettings(
  trigger: CronTrigger | InferenceTrigger | MqTrigger | StreamTrigger,
  facts: DeliveryFacts,
): DeliverySettings {
  const batch = trigger.type === "cron" ? undefined : trigger;
  const { retry } = trigger;
  return {
    ordering: orderingOf(trigger),
    // In strict order the next event comes after the one before is done: a batch could never fill.
    batchSize: trigger.type === "mq" && trigger.ordering === "strict" ? 1 : (batch?.batchSize ?? 1),
    maxBatchWaitMs: batch?.maxBatchWaitMs ?? 0,
    maxBatchBytes: MAX_BATCH_BYTES,
    attempts: retry.attempts ?? facts.attempts,
    backoff: {
      initialMs: retry.backoff.initialMs,
      factor: retry.backoff.multiplier,
      maxMs: retry.backoff.maxMs,
    },
    on4xx: retry.on4xx,
    partialResponse: batch?.partialResponse ?? false,
    maxEventAgeMs: batch?.maxEventAgeMs ?? CRON_MAX_AGE_MS,
    maxConcurrency: Math.min(batch?.maxConcurrency ?? facts.maxConcurrency, facts.maxConcurrency),
    deadlineMs: (facts.coldStartBudgetMs ?? COLD_START_BUDGET_MS) + facts.timeoutMs + MARGIN_MS,
  };
}
