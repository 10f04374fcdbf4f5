import { sql, type Kysely, type Transaction } from "kysely";
import type { Database } from "../schema.ts";
import { CHANGES_CHANNEL } from "../channels.ts";
import { createApiKeyQueries, type ApiKeyQueries } from "./api-keys.ts";
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
import { createRevisionQueries, type RevisionQueries } from "./revisions.ts";
import { createSettingQueries, type SettingQueries } from "./settings.ts";
import { createTriggerQueries, type TriggerQueries } from "./triggers.ts";

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
}

/** The same queries inside one transaction, and what only makes sense there. */
export interface StoreTransaction extends Queries {
  readonly httpRoutes: HttpRouteCommands;
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
  };
}

export function createStoreTransaction(tx: Transaction<Database>): StoreTransaction {
  return {
    ...createQueries(tx),
    httpRoutes: createHttpRouteCommands(tx),
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
