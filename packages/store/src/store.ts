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

export interface FollowOptions {
  /** Lines after this one first; without it only what comes from now on. */
  readonly afterId?: number | undefined;
}

/**
 * Everything that is remembered. While the database is away every query rejects with `database_unavailable`,
 * and works again when it is back; a full disk rejects with `storage_full`.
 */
export interface Store extends Queries, AsyncDisposable {
  /** Runs `work` in one transaction, again (up to 3 times) where PostgreSQL broke a deadlock or a serialisation failed. */
  withTransaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;
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
