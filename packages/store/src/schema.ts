import type { ErrorCode, ErrorDetail, RouteAuth } from "@hanzo-fn/contract";
import type { ColumnType, Generated, JSONColumnType, Selectable } from "kysely";
import type { JsonObject } from "./json.ts";
import type { EventTables } from "./schema-events.ts";
import type { LayerTables } from "./schema-layer.ts";
import type { MqTables } from "./schema-mq.ts";

/** jsonb: read as a value, written as JSON text (node-postgres would write a JavaScript array as a PostgreSQL array). */
type Jsonb<T extends object> = JSONColumnType<T, string, string>;
type NullableJsonb<T extends object> = JSONColumnType<T | null, string | null, string | null>;
type OptionalDate = ColumnType<Date | null, Date | null | undefined, Date | null>;

export interface ScalingSpec {
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly targetConcurrency: number;
  readonly scaleDownDelayMs: number;
}

export interface NetworkSpec {
  /** Allowed origins; absent where the manifest restricts nothing. */
  readonly egress?: readonly string[] | undefined;
}

export interface ResourcesSpec {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly timeoutMs: number;
  /** Hard limit of concurrent requests per instance. */
  readonly concurrency: number;
  readonly gpu?: { readonly resource: string; readonly count: number } | undefined;
}

export type TrafficMode = "latest" | "split";
export type StoredRevisionState = "pending" | "building" | "starting" | "ready" | "failed";

export interface StoredFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly logTail: readonly string[];
  readonly details?: readonly ErrorDetail[] | undefined;
}

export type TriggerState = "active" | "paused" | "blocked" | "deleting";

interface FunctionsTable {
  org: string;
  name: string;
  /** Rises with every change of the function or of anything below it. */
  generation: Generated<number>;
  /** Canonical form. */
  manifest: Jsonb<JsonObject>;
  description: string;
  scaling: Jsonb<ScalingSpec>;
  network: Jsonb<NetworkSpec>;
  trafficMode: TrafficMode;
  nextRevision: Generated<number>;
  createdAt: Date;
  updatedAt: Date;
}

interface RevisionsTable {
  org: string;
  function: string;
  number: number;
  /** Hash of everything immutable in the revision. */
  identity: string;
  sourceDigest: string;
  version: string;
  runtime: string;
  entry: string;
  resources: Jsonb<ResourcesSpec>;
  environment: Jsonb<Readonly<Record<string, string>>>;
  /** Environment variable name -> secret name. Values are never stored. */
  secrets: Jsonb<Readonly<Record<string, string>>>;
  imageDigest: string | null;
  layerKey: string | null;
  state: Generated<StoredRevisionState>;
  failure: NullableJsonb<StoredFailure>;
  phasesMs: JSONColumnType<Readonly<Record<string, number>>, string | undefined, string>;
  warnings: JSONColumnType<readonly string[], string | undefined, string>;
  percent: Generated<number>;
  lastTrafficAt: OptionalDate;
  /** True once it answered a real call with success. */
  proven: Generated<boolean>;
  createdAt: Date;
  readyAt: OptionalDate;
}

interface TriggersTable {
  /** `trg_<ULID>` */
  id: string;
  org: string;
  function: string;
  type: string;
  /** What makes it the same trigger across deploys: path, subject, topic, or schedule and payload. */
  key: string;
  spec: Jsonb<JsonObject>;
  state: Generated<TriggerState>;
  reason: string | null;
  lastError: string | null;
  lastFiredAt: OptionalDate;
  nextFireAt: OptionalDate;
  createdAt: Date;
  updatedAt: Date;
}

interface HttpRoutesTable {
  org: string;
  function: string;
  triggerId: string;
  auth: RouteAuth;
  path: string;
  method: string;
}

interface LogLinesTable {
  id: Generated<number>;
  org: string;
  function: string;
  ts: Date;
  /** Index into `LOG_LEVELS`. */
  level: number;
  msg: string;
  revision: string;
  instance: string;
  requestId: string | null;
  stream: "stdout" | "stderr" | "log" | "platform";
  fields: NullableJsonb<Readonly<Record<string, unknown>>>;
  bytes: number;
}

interface LogSizesTable {
  org: string;
  function: string;
  bytes: number;
  lines: number;
}

interface FiguresTable {
  org: string;
  function: string;
  revision: string;
  trigger: string;
  /** Start of the minute. */
  minute: Date;
  invocations: number;
  errors: number;
  timeouts: number;
  coldStarts: number;
  durationMsSum: number;
  /** Calls per bucket of `DURATION_BUCKETS_MS`, not cumulative; the last one has no upper bound. */
  durationBuckets: number[];
  coldMsSum: number;
}

interface ApiKeysTable {
  org: string;
  id: string;
  /** SHA-256 of the whole key, in hex. */
  hash: string;
  name: string;
  permissions: string[];
  createdAt: Date;
  lastUsedAt: OptionalDate;
  revokedAt: OptionalDate;
}

interface SettingsTable {
  /** Empty for the deployment. */
  org: string;
  key: string;
  value: Jsonb<JsonObject>;
  updatedAt: Date;
}

export interface Database extends EventTables, MqTables, LayerTables {
  functions: FunctionsTable;
  revisions: RevisionsTable;
  triggers: TriggersTable;
  httpRoutes: HttpRoutesTable;
  logLines: LogLinesTable;
  logSizes: LogSizesTable;
  figures: FiguresTable;
  apiKeys: ApiKeysTable;
  settings: SettingsTable;
}

export type FunctionRow = Selectable<FunctionsTable>;
export type RevisionRow = Selectable<RevisionsTable>;
export type TriggerRow = Selectable<TriggersTable>;
export type HttpRouteRow = Selectable<HttpRoutesTable>;
export type LogLineRow = Selectable<LogLinesTable>;
export type FiguresRow = Selectable<FiguresTable>;
export type ApiKeyRow = Selectable<ApiKeysTable>;
