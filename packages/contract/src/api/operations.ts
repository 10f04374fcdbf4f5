import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { Permission } from "../identity.ts";
import { EVENT_OPERATIONS } from "./event-operations.ts";
import * as s from "./schemas.ts";
import { TASK_OPERATIONS } from "./task-operations.ts";

/** What a call may send. `source` is multipart: `manifest` (text) and `source` (tar.gz or zip). */
export type RequestBody =
  | { readonly kind: "json"; readonly schema: z.ZodType }
  | { readonly kind: "source" }
  | { readonly kind: "raw" };

/** What a call answers with. */
export type ResponseBody =
  | { readonly kind: "json"; readonly schema: z.ZodType }
  | { readonly kind: "events"; readonly schema: z.ZodType }
  | { readonly kind: "raw" }
  | { readonly kind: "html" }
  | { readonly kind: "empty" };

export interface Operation {
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** OpenAPI form, for example `/v1/functions/{name}`. */
  readonly path: string;
  /** The last parameter takes the rest of the path, slashes included. */
  readonly rest?: boolean;
  readonly summary: string;
  readonly tag: "functions" | "tasks" | "revisions" | "triggers" | "secrets" | "platform";
  /** Who may call; `signature`: whoever holds a URL that the platform signed. There is no route without a decision. */
  readonly permission: Permission | "public" | "signature";
  readonly query: z.ZodType;
  readonly request?: RequestBody;
  readonly status: number;
  readonly response: ResponseBody;
  readonly errors: readonly ErrorCode[];
}

const json = (schema: z.ZodType): ResponseBody => ({ kind: "json", schema });

/** Every operation of :8060; routes, OpenAPI, the CLI's reference and the authorisation test are made from it. */
export const OPERATIONS = [
  {
    id: "listFunctions",
    method: "GET",
    path: "/v1/functions",
    summary: "List the functions of the organisation",
    tag: "functions",
    permission: "functions:read",
    query: s.functionListQuerySchema,
    status: 200,
    response: json(s.functionListSchema),
    errors: ["bad_request"],
  },
  {
    id: "createFunction",
    method: "POST",
    path: "/v1/functions",
    summary: "Create a function from a manifest and a source archive",
    tag: "functions",
    permission: "functions:deploy",
    query: s.deployQuerySchema,
    request: { kind: "source" },
    status: 201,
    response: json(s.deployAnswerSchema),
    errors: [
      "bad_request",
      "invalid_manifest",
      "invalid_source",
      "conflict",
      "route_conflict",
      "payload_too_large",
      "unsupported",
      "gpu_unavailable",
      "missing_secret",
      "storage_full",
    ],
  },
  {
    id: "checkFunction",
    method: "POST",
    path: "/v1/check",
    summary: "Say what a deploy would do, and what would be refused; nothing is stored or built",
    tag: "functions",
    permission: "functions:deploy",
    query: s.checkQuerySchema,
    request: { kind: "source" },
    status: 200,
    response: json(s.deployCheckSchema),
    errors: [
      "bad_request",
      "invalid_manifest",
      "invalid_source",
      "route_conflict",
      "payload_too_large",
      "unsupported",
      "gpu_unavailable",
      "missing_secret",
      "cluster_refused",
      "cluster_unavailable",
    ],
  },
  {
    id: "getFunction",
    method: "GET",
    path: "/v1/functions/{name}",
    summary: "Show a function with its revisions, triggers and scaling",
    tag: "functions",
    permission: "functions:read",
    query: s.emptyQuerySchema,
    status: 200,
    response: json(s.functionDetailSchema),
    errors: ["not_found"],
  },
  {
    id: "updateFunction",
    method: "PUT",
    path: "/v1/functions/{name}",
    summary: "Update a function; a changed manifest or source makes a new revision",
    tag: "functions",
    permission: "functions:deploy",
    query: s.deployQuerySchema,
    request: { kind: "source" },
    status: 200,
    response: json(s.deployAnswerSchema),
    errors: [
      "bad_request",
      "invalid_manifest",
      "invalid_source",
      "not_found",
      "route_conflict",
      "payload_too_large",
      "unsupported",
      "gpu_unavailable",
      "missing_secret",
      "storage_full",
    ],
  },
  {
    id: "deleteFunction",
    method: "DELETE",
    path: "/v1/functions/{name}",
    summary: "Delete a function and all its revisions",
    tag: "functions",
    permission: "functions:deploy",
    query: s.emptyQuerySchema,
    status: 204,
    response: { kind: "empty" },
    errors: ["not_found"],
  },
  {
    id: "listRevisions",
    method: "GET",
    path: "/v1/functions/{name}/revisions",
    summary: "List the revisions with their traffic, newest first",
    tag: "revisions",
    permission: "functions:read",
    query: s.pageQuerySchema,
    status: 200,
    response: json(s.revisionListSchema),
    errors: ["not_found", "bad_request"],
  },
  {
    id: "getRevision",
    method: "GET",
    path: "/v1/functions/{name}/revisions/{rev}",
    summary: "Show a revision with its instances and figures",
    tag: "revisions",
    permission: "functions:read",
    query: s.waitQuerySchema,
    status: 200,
    response: json(s.revisionDetailSchema),
    errors: ["not_found", "bad_request"],
  },
  {
    id: "invokeFunction",
    method: "POST",
    path: "/v1/functions/{name}/invoke",
    summary: "Call a function and wait for its answer",
    tag: "functions",
    permission: "functions:invoke",
    query: s.invokeQuerySchema,
    request: { kind: "raw" },
    status: 200,
    response: { kind: "raw" },
    errors: [
      "not_found",
      "handler_error",
      "instance_exited",
      "instance_killed",
      "out_of_memory",
      "malformed_response",
      "crash_loop",
      "no_capacity",
      "queue_timeout",
      "timeout",
    ],
  },
  ...TASK_OPERATIONS,
  {
    id: "getLogs",
    method: "GET",
    path: "/v1/functions/{name}/logs",
    summary: "Stream the function's log as server-sent events",
    tag: "functions",
    permission: "functions:read",
    query: s.logQuerySchema,
    status: 200,
    response: { kind: "events", schema: s.logEntrySchema },
    errors: ["not_found", "bad_request"],
  },
  {
    id: "getMetrics",
    method: "GET",
    path: "/v1/functions/{name}/metrics",
    summary: "Figures of a function: invocations, latency, errors, cold starts",
    tag: "functions",
    permission: "functions:read",
    query: s.metricsQuerySchema,
    status: 200,
    response: json(s.metricsSchema),
    errors: ["not_found", "bad_request"],
  },
  {
    id: "setTraffic",
    method: "PUT",
    path: "/v1/functions/{name}/traffic",
    summary: "Split the traffic between revisions, follow the latest, or roll back",
    tag: "revisions",
    permission: "functions:deploy",
    query: s.emptyQuerySchema,
    request: { kind: "json", schema: s.trafficRequestSchema },
    status: 200,
    response: json(s.trafficAnswerSchema),
    errors: ["bad_request", "not_found", "not_ready", "no_other_revision"],
  },
  ...EVENT_OPERATIONS,
  {
    id: "listSecrets",
    method: "GET",
    path: "/v1/secrets",
    summary: "List the names of the organisation's secrets; values are never shown",
    tag: "secrets",
    permission: "functions:deploy",
    query: s.emptyQuerySchema,
    status: 200,
    response: json(s.secretListSchema),
    errors: ["unsupported"],
  },
  {
    id: "setSecret",
    method: "PUT",
    path: "/v1/secrets/{name}",
    summary: "Set a secret; instances that start from now on get it",
    tag: "secrets",
    permission: "functions:deploy",
    query: s.emptyQuerySchema,
    request: { kind: "json", schema: s.secretValueSchema },
    status: 204,
    response: { kind: "empty" },
    errors: ["bad_request", "unsupported"],
  },
  {
    id: "unsetSecret",
    method: "DELETE",
    path: "/v1/secrets/{name}",
    summary: "Remove a secret",
    tag: "secrets",
    permission: "functions:deploy",
    query: s.emptyQuerySchema,
    status: 204,
    response: { kind: "empty" },
    errors: ["not_found", "unsupported"],
  },
  {
    id: "getSignedObject",
    method: "GET",
    path: "/v1/objects/{bucket}/{key}",
    rest: true,
    summary: "Read an object by a URL of `ctx.storage.presign`, where no S3 is configured",
    tag: "platform",
    permission: "signature",
    query: s.signedQuerySchema,
    status: 200,
    response: { kind: "raw" },
    errors: ["forbidden", "not_found", "range_not_satisfiable"],
  },
  {
    id: "putSignedObject",
    method: "PUT",
    path: "/v1/objects/{bucket}/{key}",
    rest: true,
    summary: "Store an object by a URL of `ctx.storage.presign`, where no S3 is configured",
    tag: "platform",
    permission: "signature",
    query: s.signedQuerySchema,
    request: { kind: "raw" },
    status: 200,
    response: { kind: "raw" },
    errors: ["forbidden", "bad_request", "storage_full"],
  },
  {
    id: "getGpuPool",
    method: "GET",
    path: "/v1/gpu-pool",
    summary: "State of the GPU pool",
    tag: "platform",
    permission: "functions:read",
    query: s.emptyQuerySchema,
    status: 200,
    response: json(s.gpuPoolSchema),
    errors: [],
  },
  {
    id: "getHealth",
    method: "GET",
    path: "/health",
    summary: "Health of the control plane",
    tag: "platform",
    permission: "public",
    query: s.emptyQuerySchema,
    status: 200,
    response: json(s.healthSchema),
    errors: ["database_unavailable"],
  },
  {
    id: "getOpenApi",
    method: "GET",
    path: "/openapi.json",
    summary: "This API as OpenAPI 3.1",
    tag: "platform",
    permission: "public",
    query: s.emptyQuerySchema,
    status: 200,
    response: { kind: "raw" },
    errors: [],
  },
  {
    id: "getReference",
    method: "GET",
    path: "/reference",
    summary: "This API as a page",
    tag: "platform",
    permission: "public",
    query: s.emptyQuerySchema,
    status: 200,
    response: { kind: "html" },
    errors: [],
  },
] as const satisfies readonly Operation[];

export type OperationId = (typeof OPERATIONS)[number]["id"];
