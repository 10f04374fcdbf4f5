import type { FunctionLogEntry } from "@hanzo-fn/contract";
import type { FunctionAggregate } from "./queries/aggregate.ts";
import type { BlobReference } from "./queries/garbage.ts";
import type { Queries, StoreTransaction } from "./queries/index.ts";
import type { LogFilter, StoredLogLine } from "./queries/log-lines.ts";

export interface ChangeHandlers {
  /** Something of this function changed, in whichever process. Re-read it. */
  onChange(org: string, fn: string): void;
  /** Changes may have been missed (first connection, or one lost and made anew). Re-read everything. */
  onResync(): void;
}

export interface MqHandlers {
  /** Messages of these subjects were published; of the one subject `>` it may be any. */
  onPublished(stream: string, subjects: readonly string[]): void;
  /** Publications may have been missed. */
  onResync(): void;
}

export interface FollowOptions {
  /** Lines after this one first; without it only what comes from now on. */
  readonly afterId?: number | undefined;
}

export interface TransactionOptions {
  /** Statements that take longer fail, where that is sooner than anywhere else (30 s). */
  readonly statementTimeoutMs?: number | undefined;
}

/**
 * Everything that is remembered. While the database is away every query rejects with `database_unavailable`,
 * and works again when it is back; a full disk rejects with `storage_full`.
 */
export interface Store extends Queries, AsyncDisposable {
  /** Runs `work` in one transaction, again (up to 3 times) where PostgreSQL broke a deadlock or a serialisation failed. */
  withTransaction<T>(
    work: (tx: StoreTransaction) => Promise<T>,
    options?: TransactionOptions | undefined,
  ): Promise<T>;
  /** Everything of one function as of one moment. */
  loadFunction(org: string, name: string): Promise<FunctionAggregate | undefined>;
  /** The same of several at once, by organisation and name; those that do not exist are left out. */
  loadFunctions(
    keys: readonly { readonly org: string; readonly name: string }[],
  ): Promise<FunctionAggregate[]>;
  /** The same of all functions of all organisations, in pages. */
  loadAll(): AsyncIterable<FunctionAggregate>;
  /** Calls back until the signal aborts. */
  onChange(handlers: ChangeHandlers, signal: AbortSignal): void;
  /** Calls back with the id of every task that is cancelled, in whichever process, until the signal aborts. */
  onTaskCancelled(heard: (id: string) => void, signal: AbortSignal): void;
  /** Calls back until the signal aborts, whenever something was published to the platform's own message queues. */
  onMqPublished(handlers: MqHandlers, signal: AbortSignal): void;
  /** Calls back whenever a topic of the embedded log may have new records, until the signal aborts. */
  onStreamAppend(topic: string, wake: () => void, signal: AbortSignal): void;
  appendLogs(entries: readonly FunctionLogEntry[]): Promise<void>;
  /** Lines as they arrive, each exactly once, until the signal aborts. */
  followLogs(filter: LogFilter, options: FollowOptions, signal: AbortSignal): AsyncIterable<StoredLogLine>;
  /** All that rows refer to. */
  referencedBlobs(): Promise<BlobReference[]>;
  /** Removes figures before `figuresBefore`, and lines and figures of functions that are gone since then. */
  sweep(options: { readonly figuresBefore: Date }): Promise<void>;
  /** Rejects with `database_unavailable` where the database does not answer. */
  health(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
