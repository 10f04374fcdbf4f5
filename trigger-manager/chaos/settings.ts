import type { CronTrigger, MqTrigger, StreamTrigger } from "@hanzo-fn/contract";
import type { TriggerRow } from "@hanzo-fn/store";

/** Where events come from. */
export const SOURCES = ["cron", "mq", "stream", "tasks"] as const;
export type SourceName = (typeof SOURCES)[number];

/** How long a replica's leases, acknowledgements and sessions last: short, so that a run sees many of them end. */
export const LEASE_MS = 3000;
export const GROUP_TIMING = { sessionTimeoutMs: 4000, rebalanceTimeoutMs: 8000, heartbeatMs: 300 };
/** After this the platform's proxy gives a function up and answers 504. */
export const FUNCTION_TIMEOUT_MS = 2000;
/** A replica that is asked to stop lets its calls end. */
export const GRACE_MS = 10_000;

export const ORG = "acme";
export const FUNCTION = "f";
const TASK_FUNCTIONS = ["g", "h"] as const;
export const taskFunction = (n: number): string => TASK_FUNCTIONS[n % TASK_FUNCTIONS.length] as string;
/** Calls at once of one function, on one replica. */
const CONCURRENCY = 8;

const backoff = { initialMs: 20, maxMs: 200, multiplier: 2 };
const batched = {
  maxBatchWaitMs: 20,
  maxEventAgeMs: 3_600_000,
  maxConcurrency: CONCURRENCY,
};

export const MQ_TRIGGERS: readonly MqTrigger[] = [
  {
    ...{ type: "mq", source: "mq.chaos.single", ordering: "none", batchSize: 1, ...batched },
    partialResponse: false,
    retry: { attempts: 5, on4xx: "retry", backoff },
  },
  {
    ...{ type: "mq", source: "mq.chaos.batch", ordering: "none", batchSize: 4, ...batched },
    partialResponse: true,
    retry: { attempts: 5, on4xx: "retry", backoff },
  },
];

export const STREAM_TRIGGERS: readonly StreamTrigger[] = (["partition", "key"] as const).map((ordering) => {
  return {
    ...{ type: "stream", topic: `chaos_${ordering}`, ordering, batchSize: 5, ...batched },
    partialResponse: false,
    startOffset: "latest",
    consumerGroup: `chaos_${ordering}`,
    retry: { attempts: 5, on4xx: "retry", backoff },
  };
});
/** Queue or topic. */
export function targetOf({ spec }: Pick<TriggerRow, "spec">): string {
  const { source, topic } = spec as { readonly source?: string; readonly topic?: string };
  return source ?? topic ?? "";
}

export const PARTITIONS = 4;
const KEYS = 20;
/** Of a message by its number. */
export const keyOf = (n: number): string => `k${n % KEYS}`;

/** More attempts than a run has faults: a kill counts as one. */
const MANY_ATTEMPTS = 200;
export const CRON_TRIGGERS: readonly CronTrigger[] = (["allow", "queue_all"] as const).map((overlap) => {
  return {
    ...{ type: "cron", schedule: "@every 1s", timezone: "UTC", overlap, payload: `"${overlap}"` },
    ...{ catchup: "all", catchupWindowMs: 3_600_000, jitterMs: 0, atMostOnce: false },
    retry: { attempts: MANY_ATTEMPTS, on4xx: "retry", backoff },
  };
});

export const TASK_SETTINGS = {
  attempts: MANY_ATTEMPTS,
  backoffMs: 20,
  expiresInMs: 3_600_000,
  retentionMs: 3_600_000,
  concurrency: CONCURRENCY,
  maxQueued: 100_000,
  maxPayloadBytes: 1_000_000,
  maxResultBytes: 1_000_000,
  alone: false,
  leaseMs: LEASE_MS,
  pollMs: 100,
};

export const RESOURCES = {
  cpuMillis: 250,
  memoryBytes: 2 ** 28,
  timeoutMs: FUNCTION_TIMEOUT_MS,
  concurrency: CONCURRENCY,
};
export const SCALING = {
  minInstances: 0,
  maxInstances: 1,
  targetConcurrency: CONCURRENCY,
  scaleDownDelayMs: 30_000,
};

/** Events in flight on one replica at most. Those of streams are counted as they are revoked. */
export const IN_FLIGHT: Readonly<Record<Exclude<SourceName, "stream">, number>> = {
  cron: CRON_TRIGGERS.length * CONCURRENCY,
  mq: MQ_TRIGGERS.reduce((sum, { batchSize }) => sum + CONCURRENCY * batchSize, 0),
  tasks: TASK_FUNCTIONS.length * CONCURRENCY,
};
