import type { Cors, RateLimit, RouteAuth } from "../routes.ts";
import type { EventFilter } from "./triggers/event-filter.ts";

/** HIP-60, Manifest Fields. */
export const RUNTIMES = ["python", "go", "rust", "typescript"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** Sorted; each is one file in `triggers/`. */
export const TRIGGER_TYPES = ["cron", "http", "inference", "mq", "stream"] as const;
export type TriggerType = (typeof TRIGGER_TYPES)[number];

export interface Gpu {
  /** An extended resource of Kubernetes, for example `nvidia.com/gpu`. */
  readonly resource: string;
  readonly count: number;
}

export interface Resources {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly gpu?: Gpu | undefined;
  readonly timeoutMs: number;
  /** Hard limit of concurrent requests per instance. */
  readonly concurrency: number;
}

export interface ManifestScaling {
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly targetConcurrency: number;
  readonly scaleDownDelayMs: number;
}

export interface SecretReference {
  /** Name in the secret store. */
  readonly name: string;
  /** Environment variable that holds its value in the function. */
  readonly env: string;
}

export interface HttpTrigger {
  readonly type: "http";
  readonly path: string;
  /** Upper case. */
  readonly methods: readonly string[];
  readonly auth: RouteAuth;
  readonly rateLimit?: RateLimit | undefined;
  readonly cors?: Cors | undefined;
}

export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
}

export interface Retry {
  /** Undefined: the attempts that the source itself prescribes. */
  readonly attempts?: number | undefined;
  readonly on4xx: "retry" | "park";
  readonly backoff: Backoff;
}

/** What mq, stream and inference triggers have in common. */
export interface Delivery {
  /** Undefined: `fn-<name>`, or `fn-<org>-<name>` where several organisations share the deployment. */
  readonly consumerGroup?: string | undefined;
  readonly batchSize: number;
  readonly maxBatchWaitMs: number;
  readonly retry: Retry;
  readonly partialResponse: boolean;
  /** Undefined: `mq.dlq.<subject>`, or topic `dead_letter`. */
  readonly deadLetter?: string | undefined;
  readonly maxEventAgeMs: number;
  readonly maxConcurrency?: number | undefined;
}

export interface MqTrigger extends Delivery {
  readonly type: "mq";
  readonly source: string;
  readonly ordering: "none" | "subject" | "strict";
}

export interface StreamTrigger extends Delivery {
  readonly type: "stream";
  readonly topic: string;
  readonly startOffset: "latest" | "earliest";
  readonly ordering: "partition" | "key" | "none";
}

export interface InferenceTrigger extends Delivery {
  readonly type: "inference";
  readonly models?: readonly string[] | undefined;
  readonly eventTypes?: readonly ("completed" | "failed")[] | undefined;
  readonly minTokens?: number | undefined;
  readonly filter?: EventFilter | undefined;
}

export interface CronTrigger {
  readonly type: "cron";
  /** Five or six fields, `@daily` and its like, or `@every <duration>`. */
  readonly schedule: string;
  readonly timezone: string;
  /** JSON text, as written. */
  readonly payload?: string | undefined;
  readonly overlap: "skip" | "queue_one" | "queue_all" | "allow" | "replace";
  readonly catchup: "none" | "last" | "all";
  readonly catchupWindowMs: number;
  readonly jitterMs: number;
  readonly atMostOnce: boolean;
  readonly retry: Retry;
}

export type Trigger = CronTrigger | HttpTrigger | InferenceTrigger | MqTrigger | StreamTrigger;

/** A valid `function.yaml` with every default filled in. Durations are milliseconds, sizes bytes. */
export interface Manifest {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly version: string;
  readonly entry: string;
  readonly description?: string | undefined;
  readonly resources: Resources;
  readonly scaling: ManifestScaling;
  readonly triggers: readonly Trigger[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretReference[];
  readonly network: { readonly egress: readonly string[] };
  readonly edge?: { readonly enabled: boolean; readonly regions: readonly string[] } | undefined;
  /** Where answers of events and asynchronous calls go. */
  readonly onSuccess?: string | undefined;
  /** What is told of those that were given up. */
  readonly onFailure?: string | undefined;
}
