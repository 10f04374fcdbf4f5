import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { CamelCasePlugin, Kysely, PostgresDialect, sql } from "kysely";
import {
  CHANGES_CHANNEL,
  LOGS_CHANNEL,
  MQ_CHANNEL,
  parsePayload,
  parsePublished,
  STREAMS_CHANNEL,
  TASKS_CHANNEL,
} from "./channels.ts";
import { startEmbedded, type EmbeddedOptions } from "./embedded/embedded.ts";
import { isTransient } from "./errors.ts";
import { followLogs } from "./follow.ts";
import { createListener, type Listener } from "./listener.ts";
import type { StoreLog } from "./log.ts";
import { migrate } from "./migrate.ts";
import { createPool, type Connection } from "./pool.ts";
import { loadAll, loadFunction, loadFunctions } from "./queries/aggregate.ts";
import { referencedBlobs } from "./queries/garbage.ts";
import { createQueries, createStoreTransaction } from "./queries/index.ts";
import { appendLogLines } from "./queries/log-append.ts";
import type { Database } from "./schema.ts";
import type { Store } from "./store.ts";
import { sweep } from "./sweep.ts";

export interface StoreOptions {
  /** `postgres://…`, or the embedded PostgreSQL in a data directory. */
  readonly database: { readonly url: string } | { readonly embedded: EmbeddedOptions };
  /** Connections of this process for queries; one more listens. */
  readonly maxConnections?: number | undefined;
  /** Stored log bytes per function; 16 MiB where not given. */
  readonly maxLogBytesPerFunction?: number | undefined;
  readonly log: StoreLog;
  readonly clock: Clock;
  /** Gives up opening. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_CONNECTIONS = 10;
const DEFAULT_LOG_BYTES = 16 * 1024 * 1024;
const TRANSACTION_ATTEMPTS = 3;

/**
 * Opens the database, starting the embedded one where asked to, and brings its schema up to date.
 * Throws `database_unavailable`, `conflict` (another process serves the data directory), `unsupported` (the
 * embedded database cannot run here; says why and what to do) or `storage_full`.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  if ("url" in options.database) return connect(options, { connectionString: options.database.url });
  const { log, clock, signal } = options;
  const maxConnections = (options.maxConnections ?? DEFAULT_CONNECTIONS) + 8;
  const embedded = await startEmbedded(options.database.embedded, { log, clock, signal, maxConnections });
  try {
    return await connect(options, embedded.connection, () => embedded.stop());
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

async function connect(
  options: StoreOptions,
  connection: Connection,
  stop: () => Promise<void> = () => Promise.resolve(),
): Promise<Store> {
  const { log, clock } = options;
  const pool = createPool({ connection, log, maxConnections: options.maxConnections ?? DEFAULT_CONNECTIONS });
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
  try {
    const ran = await migrate(db);
    if (ran.length > 0) log.info("the database's schema was brought up to date", { migrations: ran });
  } catch (error) {
    await db.destroy();
    throw error;
  }
  const listener = createListener({
    connection: () => connection,
    channels: [CHANGES_CHANNEL, LOGS_CHANNEL, TASKS_CHANNEL, MQ_CHANNEL, STREAMS_CHANNEL],
    clock,
    log,
  });
  return createStore(db, listener, options, stop);
}

function createStore(
  db: Kysely<Database>,
  listener: Listener,
  options: StoreOptions,
  stop: () => Promise<void>,
): Store {
  const queries = createQueries(db);
  const maxBytesPerFunction = options.maxLogBytesPerFunction ?? DEFAULT_LOG_BYTES;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await listener.close();
    await db.destroy();
    await stop();
  };
  return {
    ...queries,
    async withTransaction(work, { statementTimeoutMs } = {}) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await db.transaction().execute(async (tx) => {
            if (statementTimeoutMs !== undefined) {
              await sql`select set_config('statement_timeout', ${String(statementTimeoutMs)}, true)`.execute(
                tx,
              );
            }
            return work(createStoreTransaction(tx));
          });
        } catch (error) {
          if (attempt === TRANSACTION_ATTEMPTS || !isTransient(error)) throw error;
        }
      }
    },
    loadFunction: (org, name) => loadFunction(db, org, name),
    loadFunctions: (keys) => loadFunctions(db, keys),
    loadAll: () => loadAll(db),
    onChange(handlers, signal) {
      const onNotify = (payload: string): void => {
        const { org, function: fn } = parsePayload(payload);
        handlers.onChange(org, fn);
      };
      listener.subscribe(CHANGES_CHANNEL, { onNotify, onConnected: () => handlers.onResync() }, signal);
    },
    onTaskCancelled: (heard, signal) =>
      // What was missed while the connection was away is found by renewals.
      listener.subscribe(TASKS_CHANNEL, { onNotify: heard, onConnected: () => {} }, signal),
    onMqPublished(handlers, signal) {
      const onNotify = (payload: string): void => {
        const { stream, subjects } = parsePublished(payload);
        handlers.onPublished(stream, subjects);
      };
      listener.subscribe(MQ_CHANNEL, { onNotify, onConnected: () => handlers.onResync() }, signal);
    },
    onStreamAppend(topic, wake, signal) {
      const onNotify = (payload: string): void => {
        if (payload === topic) wake();
      };
      listener.subscribe(STREAMS_CHANNEL, { onNotify, onConnected: wake }, signal);
    },
    appendLogs: (entries) => appendLogLines(db, entries, { maxBytesPerFunction }),
    followLogs: (filter, follow, signal) =>
      followLogs({ logLines: queries.logLines, listener, clock: options.clock }, filter, follow, signal),
    referencedBlobs: () => referencedBlobs(db),
    sweep: (limits) => sweep(db, limits),
    health: (signal) => health(db, signal),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

async function health(db: Kysely<Database>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const asked = sql`select 1`.execute(db);
  if (!signal) return void (await asked);
  const cut = new Promise<never>((_, reject) => {
    const onAbort = (): void =>
      reject(new PlatformError("database_unavailable", "the database did not answer in time"));
    signal.addEventListener("abort", onAbort, { once: true });
    asked.finally(() => signal.removeEventListener("abort", onAbort)).catch(() => undefined);
  });
  await Promise.race([asked, cut]);
}
