/** JSON shapes of :8060. Times are RFC 3339 UTC, durations milliseconds, sizes bytes. */
import { z } from "zod";
import { LOG_LEVELS } from "../logs.ts";
import { triggerSchema } from "./event-schemas.ts";
import { count, errorCode, flag, page, paginationSchema, time } from "./shared-schemas.ts";

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

export const functionListSchema = z.object({
  functions: z.array(functionSchema),
  pagination: paginationSchema,
});
export const revisionListSchema = z.object({
  revisions: z.array(revisionSchema),
  pagination: paginationSchema,
});
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

export const deployCheckSchema = z
  .object({
    function: z.string(),
    ok: z.boolean().meta({ description: "Nothing would be refused." }),
    created: z.boolean().meta({ description: "True where the function would be new." }),
    new_revision: z.boolean().meta({ description: "False where the content equals the current revision." }),
    revision: z.string().meta({ description: "The revision that would be made, or that is current." }),
    changed: z.array(z.string()).meta({ description: "What would apply at once, without a new revision." }),
    traffic_mode: z.enum(["latest", "split"]),
    traffic: z.array(trafficTargetSchema).meta({ description: "The shares once that revision is ready." }),
    warnings: z.array(z.string()),
    problems: z
      .array(z.object({ code: errorCode, message: z.string(), next: z.string().optional() }))
      .meta({ description: "What the engine would refuse, in its own words." }),
  })
  .meta({ id: "DeployCheck" });

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
export const checkQuerySchema = deployQuerySchema.omit({ update: true });
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
export type DeployAnswerJson = z.infer<typeof deployAnswerSchema>;
export type DeployCheckJson = z.infer<typeof deployCheckSchema>;
export type TrafficRequest = z.infer<typeof trafficRequestSchema>;
export type TrafficJson = z.infer<typeof trafficAnswerSchema>;
export type LogEntryJson = z.infer<typeof logEntrySchema>;
export type MetricsJson = z.infer<typeof metricsSchema>;
export type FiguresJson = z.infer<typeof figuresSchema>;
export type GpuPoolJson = z.infer<typeof gpuPoolSchema>;
export type HealthJson = z.infer<typeof healthSchema>;
export type PaginationJson = z.infer<typeof paginationSchema>;
export type SecretListJson = z.infer<typeof secretListSchema>;
