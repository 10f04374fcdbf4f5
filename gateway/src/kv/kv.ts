import type { KvScope } from "@hanzo-fn/store";

export type { KvScope };

export interface SetOptions {
  readonly ttlMs?: number | undefined;
  /** Sets only where the key is absent, or only where it is present. */
  readonly when?: "absent" | "present" | undefined;
}

export interface ScanOptions {
  /** A glob pattern (glob.ts); without one every key. */
  readonly pattern?: string | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** How many keys to look at, about. */
  readonly count: number;
}

export interface ScanPage {
  readonly keys: readonly string[];
  /** Set where there may be more. */
  readonly cursor?: string | undefined;
}

/**
 * Keys and values of functions. Keys are each function's own; a key that is absent is no error. Commands are atomic.
 * Errors: `conflict` for a key that holds another kind of value or no integer, `storage_full` beyond a quota,
 * `payload_too_large` for a hash too big to be read at once, `bad_request` for a cursor that is none,
 * `unavailable` where the store does not answer in time. A command that was sent cannot be taken back, which is why
 * none of them takes a signal.
 */
export interface Kv {
  get(scope: KvScope, key: string): Promise<Buffer | undefined>;
  /** Replaces whatever the key held, and its expiry. False where `when` forbade it. */
  set(scope: KvScope, key: string, value: Uint8Array, options: SetOptions): Promise<boolean>;
  /** How many there were. */
  delete(scope: KvScope, keys: readonly string[]): Promise<number>;
  /** How many there are; a key that is named twice counts twice. */
  exists(scope: KvScope, keys: readonly string[]): Promise<number>;
  /** The sum, within the integers that a JSON number holds. An absent key is 0. */
  increment(scope: KvScope, key: string, by: number): Promise<number>;
  /** False where the key is absent; one whose time is not above 0 goes at once. */
  expire(scope: KvScope, key: string, ttlMs: number): Promise<boolean>;
  /** Milliseconds; -1 where it does not expire, -2 where it is absent. */
  ttl(scope: KvScope, key: string): Promise<number>;
  hashGet(scope: KvScope, key: string, field: string): Promise<Buffer | undefined>;
  hashGetAll(scope: KvScope, key: string): Promise<ReadonlyMap<string, Buffer>>;
  /** How many fields are new. */
  hashSet(scope: KvScope, key: string, fields: ReadonlyMap<string, Uint8Array>): Promise<number>;
  /** How many went; a hash without fields is gone. */
  hashDelete(scope: KvScope, key: string, fields: readonly string[]): Promise<number>;
  /** One after the other; the new length. */
  push(scope: KvScope, key: string, values: readonly Uint8Array[], side: "left" | "right"): Promise<number>;
  /** A list without values is gone. */
  pop(scope: KvScope, key: string, side: "left" | "right"): Promise<Buffer | undefined>;
  length(scope: KvScope, key: string): Promise<number>;
  /** A key that is there from the first page to the last is in one of them at least. */
  scan(scope: KvScope, options: ScanOptions): Promise<ScanPage>;
  /** Lets go of connections. */
  close(): Promise<void>;
}

/** What `hashGetAll` gives at most, names and values together. */
export const MAX_HASH_BYTES = 16 * 1024 * 1024;
