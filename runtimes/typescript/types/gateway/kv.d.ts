import { type Gateway } from "./gateway.js";
export interface SetOptions {
  /** Seconds until the key goes; fractions are allowed. */
  readonly ttl?: number | undefined;
  /** Only where there is no such key. */
  readonly nx?: boolean | undefined;
  /** Only where there is one. */
  readonly xx?: boolean | undefined;
}
/**
 * The function's own keys and values. A string is stored as its UTF-8, bytes as they are, anything else as its JSON.
 * Keys have at most 1 KiB, values 1 MiB. Everything throws `GatewayError`.
 */
export interface Kv {
  /** The text of a key, or null where there is none. */
  get(key: string): Promise<string | null>;
  getBytes(key: string): Promise<Uint8Array | null>;
  /** Parses the value as JSON. */
  getJson<T = unknown>(key: string): Promise<T | null>;
  /** False where `nx` or `xx` forbade it. */
  set(key: string, value: unknown, options?: SetOptions): Promise<boolean>;
  /** How many there were. */
  delete(...keys: readonly string[]): Promise<number>;
  exists(...keys: readonly string[]): Promise<number>;
  /** The new number; a missing key counts as 0. */
  incr(key: string, by?: number): Promise<number>;
  /** Seconds; whether the key is there. */
  expire(key: string, ttl: number): Promise<boolean>;
  /** Seconds until the key goes; -1 for a key that stays, -2 where there is none. */
  ttl(key: string): Promise<number>;
  hget(key: string, field: string): Promise<string | null>;
  /** How many fields are new. */
  hset(key: string, fields: Readonly<Record<string, unknown>>): Promise<number>;
  hgetall(key: string): Promise<Record<string, string>>;
  /** How many fields there were. */
  hdel(key: string, ...fields: readonly string[]): Promise<number>;
  /** The new length. */
  lpush(key: string, ...values: readonly unknown[]): Promise<number>;
  rpush(key: string, ...values: readonly unknown[]): Promise<number>;
  lpop(key: string): Promise<string | null>;
  rpop(key: string): Promise<string | null>;
  llen(key: string): Promise<number>;
  /** The keys that match a glob pattern, page by page; one that comes or goes meanwhile may be missing or twice. */
  scan(pattern?: string): AsyncIterable<string>;
}
export declare function createKv(gateway: Gateway): Kv;
/** The bytes that a value is stored as. */
export declare function toStored(value: unknown): Uint8Array;
