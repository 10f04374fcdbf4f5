import type { ColumnType, Generated, JSONColumnType, Selectable } from "kysely";
import type { JsonObject } from "./json.ts";
import type { LeaseColumns } from "./queue/definition.ts";

type NullableJsonb<T extends object> = JSONColumnType<T | null, string | null | undefined, string | null>;
type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>;

/** What a failed attempt says: a code of the error table, or the function's own words. */
export interface StoredError {
  readonly code: string;
  readonly message: string;
}

export type TaskFinalState = "succeeded" | "failed" | "timeout" | "cancelled" | "expired";

interface TasksTable extends LeaseColumns<TaskFinalState> {
  /** `task_<ULID>` */
  id: string;
  org: string;
  function: string;
  /** The revision that the caller pinned. */
  revision: Optional<number>;
  /** What the call carries besides its body: headers, ids, who called. */
  request: JSONColumnType<JsonObject, string, never>;
  /** The body, or where it lies. */
  payload: Optional<Buffer>;
  payloadRef: Optional<string>;
  /** No attempt starts after it: what waits then ends as `expired`. */
  expiresAt: Date;
  /** Who is told how it ended. */
  callback: NullableJsonb<TaskCallback>;
  /** Status and headers of the answer. */
  response: NullableJsonb<JsonObject>;
  /** The answer's body, or where it lies. */
  result: Optional<Buffer>;
  resultRef: Optional<string>;
  error: NullableJsonb<StoredError>;
}

/** Where the end of a task is posted to. */
export interface TaskCallback extends JsonObject {
  readonly url: string;
  /** With its port: callbacks of a host share its place in the queue. */
  readonly host: string;
}

interface TaskKeysTable {
  org: string;
  function: string;
  /** `Idempotency-Key` */
  key: string;
  requestHash: string;
  taskId: string;
  expiresAt: Date;
}

export type TaskCallbackFinalState = "delivered" | "failed";

interface TaskCallbacksTable extends LeaseColumns<TaskCallbackFinalState> {
  taskId: string;
  org: string;
  host: string;
  function: string;
  url: string;
  /** What the last delivery was answered with. */
  statusCode: Optional<number>;
  error: NullableJsonb<StoredError>;
}

interface CronSchedulesTable {
  triggerId: string;
  org: string;
  function: string;
  /** Rises with every change of the schedule. */
  specVersion: Generated<number>;
  enabled: Generated<boolean>;
  nextFireAt: Date;
  /** The latest time that was fired or passed over: nothing at or before it is fired again. */
  lastScheduledAt: Optional<Date>;
  /** Version of the time zone data that `nextFireAt` was computed with. */
  tzVersion: string;
}

export type CronFireFinalState = "succeeded" | "failed" | "skipped" | "missed";

interface CronFiresTable extends LeaseColumns<CronFireFinalState> {
  triggerId: string;
  /** The time in the schedule; `runAt` has the jitter. */
  scheduledAt: Date;
  org: string;
  function: string;
  /** A run whose outcome is unknown is not run again. */
  atMostOnce: Generated<boolean>;
  /** The dead letter that it was made from; null where the schedule fired it. */
  redriveOf: Optional<string>;
  statusCode: Optional<number>;
  error: NullableJsonb<StoredError>;
}

interface DeadLettersTable {
  /** `dl_<ULID>` */
  id: string;
  org: string;
  function: string;
  triggerId: string;
  /** The same at every delivery, for example `mq:<stream>:<seq>`. */
  eventId: string;
  /** Subject, topic or schedule. */
  source: string;
  /** The body, or where it lies. */
  payload: Optional<Buffer>;
  payloadRef: Optional<string>;
  /** The body is JSON text. */
  json: boolean;
  headers: JSONColumnType<Readonly<Record<string, string>>, string, never>;
  /** Why it was given up, in one word. */
  reason: string;
  /** Those that counted. */
  attempts: number;
  firstFailedAt: Date;
  lastFailedAt: Date;
  /** Of the last answer, where there was one. */
  status: Optional<number>;
  error: string;
  parkedAt: Generated<Date>;
  /** When the broker's dead letters had it as well. */
  publishedAt: Optional<Date>;
  redrivenAt: Optional<Date>;
  /** Id of the event that it was published again as. */
  redrivenAs: Optional<string>;
}

interface EventAttemptsTable {
  triggerId: string;
  eventId: string;
  /** Those that counted; 0 where none was delivered yet. */
  attempts: number;
  firstFailedAt: Date;
  lastFailedAt: Date;
}

interface StreamOffsetsTable {
  triggerId: string;
  topic: string;
  partition: number;
  /** The first one that is not done. */
  nextOffset: number;
  at: Date;
}

interface StreamTriggerGroupsTable {
  triggerId: string;
  groupName: string;
  topic: string;
  /** The platform made it. */
  created: boolean;
}

interface StreamTopicsTable {
  name: string;
  retentionMs: number;
  /** Of one partition. */
  retentionBytes: number;
  createdAt: Generated<Date>;
}

interface StreamPartitionsTable {
  topic: string;
  partition: number;
  /** The oldest record that is left, or the next one. */
  firstOffset: Generated<number>;
  nextOffset: Generated<number>;
  bytes: Generated<number>;
}

interface StreamRecordsTable {
  topic: string;
  partition: number;
  recordOffset: number;
  key: Optional<Buffer>;
  value: Optional<Buffer>;
  headers: NullableJsonb<Readonly<Record<string, string>>>;
  at: Generated<Date>;
}

interface StreamGroupsTable {
  groupName: string;
  topic: string;
  partition: number;
  /** The first one that is not done. */
  nextOffset: number;
  /** The member that reads it. */
  owner: Optional<string>;
  /** Rises with every owner. */
  epoch: Generated<number>;
  leaseUntil: Optional<Date>;
}

interface StreamMembersTable {
  groupName: string;
  topic: string;
  member: string;
  leaseUntil: Date;
}

export interface EventTables {
  tasks: TasksTable;
  taskKeys: TaskKeysTable;
  taskCallbacks: TaskCallbacksTable;
  cronSchedules: CronSchedulesTable;
  cronFires: CronFiresTable;
  deadLetters: DeadLettersTable;
  eventAttempts: EventAttemptsTable;
  streamOffsets: StreamOffsetsTable;
  streamTriggerGroups: StreamTriggerGroupsTable;
  streamTopics: StreamTopicsTable;
  streamPartitions: StreamPartitionsTable;
  streamRecords: StreamRecordsTable;
  streamGroups: StreamGroupsTable;
  streamMembers: StreamMembersTable;
}

export type TaskRow = Selectable<TasksTable>;
export type TaskCallbackRow = Selectable<TaskCallbacksTable>;
export type CronFireRow = Selectable<CronFiresTable>;
export type CronScheduleRow = Selectable<CronSchedulesTable>;
export type DeadLetterRow = Selectable<DeadLettersTable>;
