import { z } from "zod";
import { errorTable, type ErrorCode } from "../errors.ts";
import { LOG_LEVELS } from "../logs.ts";

/** JSON shapes of :8060. Times are RFC 3339 UTC, durations milliseconds, sizes bytes. */
const time = z.iso.datetime();
const count = z.int().nonnegative();
const errorCode = z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]);

const errorDetail = z.object({
  path: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
  value: z.unknown().optional(),
  excerpt: z.string().optional(),
  rule: z.string(),
  suggestion: z.string().optional(),
  error: errorCode.optional(),
});

export const errorBodySchema = z
  .object({
    status: z.literal("error"),
    code: z.int(),
    error: errorCode,
    msg: z.string(),
    component: z.string(),
    requestId: z.string(),
    function: z.string().optional(),
    revision: z.string().optional(),
    details: z.array(errorDetail).optional(),
    next: z.string().optional(),
  })
  .meta({ id: "Error", description: "The one error body of :8060 and :8061." });

export const trafficTargetSchema = z
  .object({ revisionName: z.string(), percent: z.int().min(0).max(100) })
  .meta({ id: "TrafficTarget" });

const failureSchema = z
  .object({
    code: errorCode,
    message: z.string(),
    log_tail: z.array(z.string()),
    details: z.array(errorDetail).optional(),
  })
  .meta({ id: "RevisionFailure", description: "Why a revision cannot serve." });

const revisionState = z.enum(["pending", "building", "starting", "ready", "failed"]);

export const revisionSchema = z
  .object({
    name: z.string().meta({ examples: ["embed-document-00003"] }),
    number: z.int().positive(),
    version: z.string(),
    runtime: z.string(),
    entry: z.string(),
    state: revisionState,
    percent: z.int().min(0).max(100),
    source_digest: z.string(),
    image_digest: z.string().optional(),
    failure: failureSchema.optional(),
    warnings: z.array(z.string()),
    phases_ms: z.record(z.string(), z.number()),
    created_at: time,
    ready_at: time.optional(),
  })
  .meta({ id: "Revision" });

const instanceSchema = z
  .object({
    instance: z.string(),
    state: z.enum(["starting", "ready", "draining"]),
    in_flight: count,
    started_at: time,
    memory_bytes: count.optional(),
  })
  .meta({ id: "Instance" });

const latencySchema = z.object({
  avg: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
});

const figures = {
  invocations: count,
  errors: count,
  timeouts: count,
  cold_starts: count,
  latency_ms: latencySchema,
  cold_start_ms_avg: z.number(),
  gb_seconds: z.number(),
};

export const figuresSchema = z.object(figures).meta({ id: "Figures" });

export const revisionDetailSchema = revisionSchema
  .extend({
    resources: z.object({
      cpu: z.string(),
      memory: z.string(),
      timeout: z.string(),
      concurrency: z.int(),
    }),
    environment: z.record(z.string(), z.string()),
    secrets: z.array(z.object({ name: z.string(), env: z.string() })),
    instances: z.array(instanceSchema),
    metrics: figuresSchema,
  })
  .meta({ id: "RevisionDetail" });

export const triggerSchema = z
  .object({
    id: z.string().meta({ examples: ["trg_01HQ3X7K8M2N4P5R6S7T8U9V0W"] }),
    function: z.string(),
    type: z.string(),
    source: z.string().meta({ description: "Path, subject, topic or schedule." }),
    state: z.enum(["active", "paused", "blocked", "deleting"]),
    reason: z.string().optional(),
    url: z.string().optional(),
    spec: z.record(z.string(), z.unknown()),
    last_error: z.string().optional(),
    last_fired_at: time.optional(),
    next_fire_at: time.optional(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Trigger" });

const functionFields = {
  name: z.string(),
  org: z.string(),
  runtime: z.string(),
  version: z.string(),
  description: z.string().optional(),
  state: revisionState.meta({ description: "State of the newest revision." }),
  latest_revision: z.string(),
  traffic_mode: z.enum(["latest", "split"]),
  traffic: z.array(trafficTargetSchema),
  trigger_types: z.array(z.string()),
  url: z.string().meta({ description: "Where to POST an invocation, on :8061." }),
  created_at: time,
  updated_at: time,
};

export const functionSchema = z.object(functionFields).meta({ id: "Function" });

export const functionDetailSchema = z
  .object({
    ...functionFields,
    manifest: z.record(z.string(), z.unknown()),
    revisions: z.array(revisionSchema),
    triggers: z.array(triggerSchema),
    warnings: z.array(z.string()),
    invocable: z.object({ ok: z.boolean(), reason: z.string().optional(), next: z.string().optional() }),
  })
  .meta({ id: "FunctionDetail" });

const paginationSchema = z
  .object({
    page: z.int().positive(),
    pageSize: z.int().positive(),
    total: count,
    totalPages: count,
    hasNext: z.boolean(),
    hasPrev: z.boolean(),
  })
  .meta({ id: "Pagination" });

export const functionListSchema = z.object({
  functions: z.array(functionSchema),
  pagination: paginationSchema,
});
export const revisionListSchema = z.object({
  revisions: z.array(revisionSchema),
  pagination: paginationSchema,
});
export const triggerListSchema = z.object({ triggers: z.array(triggerSchema), pagination: paginationSchema });

export const deployAnswerSchema = z
  .object({
    function: functionSchema,
    revision: revisionSchema,
    created: z.boolean().meta({ description: "True where the function is new." }),
    new_revision: z.boolean().meta({ description: "False where the content equals the current revision." }),
    changed: z.array(z.string()).meta({ description: "What applied at once, without a new revision." }),
    warnings: z.array(z.string()),
  })
  .meta({ id: "DeployAnswer" });

const revisionReference = z.union([z.int().positive(), z.string().min(1)]);

export const trafficRequestSchema = z
  .union([
    z.strictObject({
      traffic: z
        .array(z.strictObject({ revisionName: revisionReference, percent: z.int().min(0).max(100) }))
        .min(1)
        .max(20),
    }),
    z.strictObject({ revision: revisionReference, percent: z.int().min(0).max(100) }),
    z.strictObject({ latest: z.literal(true) }),
    z.strictObject({ rollback: z.literal(true) }),
  ])
  .meta({ id: "TrafficRequest" });

export const trafficAnswerSchema = z
  .object({ mode: z.enum(["latest", "split"]), traffic: z.array(trafficTargetSchema) })
  .meta({ id: "Traffic" });

export const logEntrySchema = z
  .object({
    id: z.string(),
    ts: time,
    level: z.enum(LOG_LEVELS),
    msg: z.string(),
    function: z.string(),
    revision: z.string(),
    instance: z.string(),
    stream: z.enum(["stdout", "stderr", "log", "platform"]),
    request_id: z.string().optional(),
    fields: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "LogEntry" });

export const metricsSchema = z
  .object({
    function: z.string(),
    since: time,
    until: time,
    ...figures,
    revisions: z.array(z.object({ revision: z.string(), ...figures })),
    series: z.array(
      z.object({ minute: time, invocations: count, errors: count, timeouts: count, cold_starts: count }),
    ),
  })
  .meta({ id: "Metrics" });

export const gpuPoolSchema = z
  .object({
    enabled: z.boolean(),
    size: count,
    available: count,
    in_use: count,
    gpu_type: z.string(),
    pods: z.array(
      z.object({
        id: z.string(),
        node: z.string(),
        state: z.string(),
        function: z.string().optional(),
        revision: z.string().optional(),
        idle_since: time.optional(),
        models: z.array(z.string()),
      }),
    ),
    cache: z.array(
      z.object({
        node: z.string(),
        size_bytes: count,
        limit_bytes: count,
        hits: count,
        misses: count,
        evictions: count,
        hit_rate: z.number(),
      }),
    ),
  })
  .meta({ id: "GpuPool" });

export const healthSchema = z
  .object({
    status: z.enum(["ok", "degraded"]),
    version: z.string(),
    engine: z.string(),
    checks: z.record(z.string(), z.string()),
    warnings: z.array(z.string()),
  })
  .meta({ id: "Health" });

export const secretListSchema = z.object({
  secrets: z.array(z.object({ name: z.string(), updated_at: time })),
});
export const secretValueSchema = z.strictObject({ value: z.string().min(1).max(65_536) });

const page = {
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  pageSize: z.coerce.number().int().min(1).max(100).default(20),
};
const flag = z.enum(["true", "false"]).transform((text) => text === "true");

export const pageQuerySchema = z.strictObject(page);
export const functionListQuerySchema = z.strictObject({
  ...page,
  runtime: z.string().optional(),
  trigger: z.string().optional(),
});
export const deployQuerySchema = z.strictObject({
  name: z.string().optional().meta({ description: "Name of the function, instead of the manifest's." }),
  update: flag.optional().meta({ description: "POST only: update the function where it exists." }),
  no_traffic: flag.optional().meta({ description: "The new revision gets no traffic until it is routed." }),
});
export const waitQuerySchema = z.strictObject({
  wait: z.string().optional().meta({
    description: "A duration of at most 60s: answer when the revision is ready or failed, or then.",
  }),
});
export const logQuerySchema = z.strictObject({
  follow: flag.optional(),
  since: z.string().optional().meta({ description: "RFC 3339, or a duration back from now." }),
  until: z.string().optional(),
  level: z.enum(LOG_LEVELS).optional().meta({ description: "This level and above." }),
  request_id: z.string().optional(),
  revision: z.string().optional().meta({ description: "Name or number." }),
  limit: z.coerce.number().int().min(1).max(10_000).optional(),
});
export const metricsQuerySchema = z.strictObject({
  since: z.string().optional().meta({ description: "RFC 3339, or a duration back from now (default 1h)." }),
  until: z.string().optional(),
});
export const invokeQuerySchema = z.looseObject({});
/** Checked as a whole by whoever signed it. */
export const signedQuerySchema = z.looseObject({
  method: z.string().optional(),
  expires: z.string().optional(),
  signature: z.string().optional(),
});
export const emptyQuerySchema = z.strictObject({});

export type FunctionJson = z.infer<typeof functionSchema>;
export type FunctionDetailJson = z.infer<typeof functionDetailSchema>;
export type RevisionJson = z.infer<typeof revisionSchema>;
export type RevisionDetailJson = z.infer<typeof revisionDetailSchema>;
export type TriggerJson = z.infer<typeof triggerSchema>;
export type DeployAnswerJson = z.infer<typeof deployAnswerSchema>;
export type TrafficRequest = z.infer<typeof trafficRequestSchema>;
export type TrafficJson = z.infer<typeof trafficAnswerSchema>;
export type LogEntryJson = z.infer<typeof logEntrySchema>;
export type MetricsJson = z.infer<typeof metricsSchema>;
export type FiguresJson = z.infer<typeof figuresSchema>;
export type GpuPoolJson = z.infer<typeof gpuPoolSchema>;
export type HealthJson = z.infer<typeof healthSchema>;
export type PaginationJson = z.infer<typeof paginationSchema>;
export type SecretListJson = z.infer<typeof secretListSchema>;
