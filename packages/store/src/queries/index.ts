import { sql, type Kysely, type Transaction } from "kysely";
import type { Database } from "../schema.ts";
import { CHANGES_CHANNEL } from "../channels.ts";
import { createApiKeyQueries, type ApiKeyQueries } from "./api-keys.ts";
import { createCronFireQueries, type CronFireQueries } from "./cron-fires.ts";
import {
  createCronScheduleCommands,
  createCronScheduleQueries,
  type CronScheduleCommands,
  type CronScheduleQueries,
} from "./cron-schedules.ts";
import { createDeadLetterQueries, type DeadLetterQueries } from "./dead-letters.ts";
import { createEventAttemptQueries, type EventAttemptQueries } from "./event-attempts.ts";
import { createFiguresQueries, type FiguresQueries } from "./figures.ts";
import { createFunctionQueries, type FunctionQueries } from "./functions.ts";
import {
  createHttpRouteCommands,
  createHttpRouteQueries,
  type HttpRouteCommands,
  type HttpRouteQueries,
} from "./http-routes.ts";
import { createKvQueries, type KvQueries } from "./kv.ts";
import { createLogLineQueries, type LogLineQueries } from "./log-lines.ts";
import { createMqBindingQueries, type MqBindingQueries } from "./mq-bindings.ts";
import { createMqQueries, type MqQueries } from "./mq.ts";
import { createRevisionQueries, type RevisionQueries } from "./revisions.ts";
import { createSettingQueries, type SettingQueries } from "./settings.ts";
import { createStreamGroupQueries, type StreamGroupQueries } from "./stream-groups.ts";
import { createStreamLogQueries, type StreamLogQueries } from "./stream-log.ts";
import { createStreamOffsetQueries, type StreamOffsetQueries } from "./stream-offsets.ts";
import { createTaskCallbackQueries, type TaskCallbackQueries } from "./task-callbacks.ts";
import { createTaskQueries, type TaskQueries } from "./tasks.ts";
import { createTriggerQueries, type TriggerQueries } from "./triggers.ts";
import { createVectorQueries, type VectorQueries } from "./vectors.ts";

/** The queries of every aggregate. */
export interface Queries {
  readonly functions: FunctionQueries;
  readonly revisions: RevisionQueries;
  readonly triggers: TriggerQueries;
  readonly httpRoutes: HttpRouteQueries;
  readonly logLines: LogLineQueries;
  readonly figures: FiguresQueries;
  readonly apiKeys: ApiKeyQueries;
  readonly settings: SettingQueries;
  readonly kv: KvQueries;
  readonly tasks: TaskQueries;
  readonly taskCallbacks: TaskCallbackQueries;
  readonly cronSchedules: CronScheduleQueries;
  readonly cronFires: CronFireQueries;
  readonly deadLetters: DeadLetterQueries;
  readonly eventAttempts: EventAttemptQueries;
  readonly streamOffsets: StreamOffsetQueries;
  readonly mq: MqQueries;
  readonly mqBindings: MqBindingQueries;
  readonly streamLog: StreamLogQueries;
  readonly streamGroups: StreamGroupQueries;
  readonly vectors: VectorQueries;
}

/** The same queries inside one transaction, and what only makes sense there. */
export interface StoreTransaction extends Queries {
  readonly httpRoutes: HttpRouteCommands;
  readonly cronSchedules: CronScheduleCommands;
  /** Waits until no other transaction holds this function; held until this one ends. */
  lockFunction(org: string, fn: string): Promise<void>;
  /** Tells every `onChange` of every process once this transaction commits. */
  notifyChange(org: string, fn: string): Promise<void>;
}

export function createQueries(db: Kysely<Database>): Queries {
  return {
    functions: createFunctionQueries(db),
    revisions: createRevisionQueries(db),
    triggers: createTriggerQueries(db),
    httpRoutes: createHttpRouteQueries(db),
    logLines: createLogLineQueries(db),
    figures: createFiguresQueries(db),
    apiKeys: createApiKeyQueries(db),
    settings: createSettingQueries(db),
    kv: createKvQueries(db),
    tasks: createTaskQueries(db),
    taskCallbacks: createTaskCallbackQueries(db),
    cronSchedules: createCronScheduleQueries(db),
    cronFires: createCronFireQueries(db),
    deadLetters: createDeadLetterQueries(db),
    eventAttempts: createEventAttemptQueries(db),
    streamOffsets: createStreamOffsetQueries(db),
    mq: createMqQueries(db),
    mqBindings: createMqBindingQueries(db),
    streamLog: createStreamLogQueries(db),
    streamGroups: createStreamGroupQueries(db),
    vectors: createVectorQueries(db),
  };
}

export function createStoreTransaction(tx: Transaction<Database>): StoreTransaction {
  return {
    ...createQueries(tx),
    httpRoutes: createHttpRouteCommands(tx),
    cronSchedules: createCronScheduleCommands(tx),
    async lockFunction(org, fn) {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`hanzo-fn/function/${org}/${fn}`}, 0))`.execute(
        tx,
      );
    },
    async notifyChange(org, fn) {
      await sql`select pg_notify(${CHANGES_CHANNEL}, ${`${org}/${fn}`})`.execute(tx);
    },
  };
}
