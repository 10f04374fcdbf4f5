export { findPostgres } from "./embedded/binaries.ts";
export { openStore, type StoreOptions } from "./open-store.ts";
export type { ChangeHandlers, FollowOptions, Store } from "./store.ts";
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
export type { Queries, StoreTransaction } from "./queries/index.ts";
export type { FunctionAggregate } from "./queries/aggregate.ts";
export type { ApiKeyQueries, NewApiKey } from "./queries/api-keys.ts";
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
export type { NewRevision, RevisionObservation, RevisionQueries } from "./queries/revisions.ts";
export type { SettingQueries } from "./queries/settings.ts";
export type {
  TriggerFilter,
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
