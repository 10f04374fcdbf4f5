export { findPostgres } from "./embedded/binaries.ts";
export { openStore, type StoreOptions } from "./open-store.ts";
export type { ChangeHandlers, FollowOptions, MqHandlers, Store, TransactionOptions } from "./store.ts";
export {
  startEmbedded,
  type EmbeddedDatabase,
  type EmbeddedOptions,
  type EmbeddedParts,
} from "./embedded/embedded.ts";
export type { Json, JsonObject } from "./json.ts";
export type { StoreLog } from "./log.ts";
export type {
  ApiKeyRow,
  FiguresRow,
  FunctionRow,
  HttpRouteRow,
  NetworkSpec,
  ResourcesSpec,
  RevisionRow,
  ScalingSpec,
  StoredFailure,
  StoredRevisionState,
  TrafficMode,
  TriggerRow,
  TriggerState,
} from "./schema.ts";
export type {
  CronFireFinalState,
  CronFireRow,
  CronScheduleRow,
  DeadLetterRow,
  StoredError,
  TaskCallback,
  TaskCallbackFinalState,
  TaskCallbackRow,
  TaskFinalState,
  TaskRow,
} from "./schema-events.ts";
export type {
  LeaseRow,
  QueueKey,
  QueueLane,
  QueueLease,
  QueueOutcome,
  QueueState,
  QueueTypes,
} from "./queue/definition.ts";
export type { ClaimOptions } from "./queue/claim.ts";
export type { LaneBacklog } from "./queue/maintain.ts";
export type { Queue } from "./queue/queue.ts";
export { delayAfterFailure, delayAfterNoDelivery, type RetryPolicy } from "./queue/retry.ts";
export type { Settlement, Verdict, WithdrawOptions } from "./queue/settle.ts";
export type { Queries, StoreTransaction } from "./queries/index.ts";
export type { FunctionAggregate } from "./queries/aggregate.ts";
export type { ApiKeyQueries, NewApiKey } from "./queries/api-keys.ts";
export type {
  CronFireKey,
  CronFireQueries,
  CronFireTypes,
  CronHistory,
  CronLag,
  NewCronFire,
  UnfinishedFire,
} from "./queries/cron-fires.ts";
export type {
  CronAdvance,
  CronScheduleCommands,
  CronScheduleQueries,
  HeldCronSchedule,
  WantedCronSchedule,
} from "./queries/cron-schedules.ts";
export type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQueries,
  NewDeadLetter,
} from "./queries/dead-letters.ts";
export type { EventAttemptQueries, EventAttempts, FailedDelivery } from "./queries/event-attempts.ts";
export {
  DURATION_BUCKETS_MS,
  type Figures,
  type FiguresQueries,
  type FiguresQuery,
} from "./queries/figures.ts";
export type {
  FunctionFilter,
  FunctionPage,
  FunctionPatch,
  FunctionQueries,
  NewFunction,
} from "./queries/functions.ts";
export type { BlobReference } from "./queries/garbage.ts";
export type {
  ClaimResult,
  HttpRouteCommands,
  HttpRouteQueries,
  RouteConflict,
  WantedRoute,
} from "./queries/http-routes.ts";
export type { KvPage, KvQueries, KvScope, KvSetOptions } from "./queries/kv.ts";
export type { LogFilter, LogLineQueries, LogQuery, StoredLogLine } from "./queries/log-lines.ts";
export type {
  MqBacklog,
  MqConsumerRow,
  MqHeld,
  MqMessage,
  MqPublished,
  MqQueries,
  MqSettlement,
  MqStreamRow,
  MqSwept,
  NewMqConsumer,
  NewMqMessage,
  NewMqStream,
} from "./queries/mq.ts";
export type { MqBinding, MqBindingKey, MqBindingQueries } from "./queries/mq-bindings.ts";
export type { NewRevision, RevisionObservation, RevisionQueries } from "./queries/revisions.ts";
export type {
  StreamGroup,
  StreamGroupQueries,
  StreamLease,
  StreamMember,
  StreamPosition,
  StreamShare,
} from "./queries/stream-groups.ts";
export type {
  NewStreamRecord,
  StoredStreamRecord,
  StreamBounds,
  StreamLogQueries,
  StreamPlace,
  StreamReadLimits,
  StreamTopic,
} from "./queries/stream-log.ts";
export type { StreamOffset, StreamOffsetQueries, StreamTriggerGroup } from "./queries/stream-offsets.ts";
export type { VectorIdType, VectorNamespaceRow } from "./schema-layer.ts";
export { paddedId } from "./queries/vector-filter.ts";
export type {
  VectorChange,
  VectorColumns,
  VectorNamespacePatch,
  VectorPage,
  VectorPageOptions,
  VectorQueries,
  VectorRow,
} from "./queries/vectors.ts";
export type { SettingQueries } from "./queries/settings.ts";
export type { TaskCallbackQueries, TaskCallbackTypes } from "./queries/task-callbacks.ts";
export type {
  EndedTask,
  KeylessTask,
  NewTask,
  TaskBacklog,
  TaskIdempotency,
  TaskPage,
  TaskSummary,
  TaskQueries,
  TaskSubmission,
  TaskTypes,
} from "./queries/tasks.ts";
export type {
  TriggerFilter,
  TriggerNote,
  TriggerObservation,
  TriggerPage,
  TriggerQueries,
  WantedTrigger,
} from "./queries/triggers.ts";
export {
  createFiguresSink,
  type FiguresSink,
  type FiguresSinkOptions,
  type FiguresSinkParts,
} from "./sinks/figures-sink.ts";
export { createLogSink, type LogSinkOptions, type LogSinkParts } from "./sinks/log-sink.ts";
