import { isUtf8 } from "node:buffer";
import { postJson, type Gateway } from "./gateway.ts";

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

type Wire = { readonly text: string } | { readonly base64: string };

interface Page {
  readonly keys: readonly string[];
  readonly cursor: string | null;
}

export function createKv(gateway: Gateway): Kv {
  const send = async (command: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const { value } = (await postJson(gateway, "/v1/kv", command)) as { value: unknown };
    return value;
  };
  const bytes = async (command: Readonly<Record<string, unknown>>): Promise<Uint8Array | null> =>
    decode((await send(command)) as Wire | null);
  const text = async (command: Readonly<Record<string, unknown>>): Promise<string | null> =>
    textOf((await send(command)) as Wire | null);
  const count = async (command: Readonly<Record<string, unknown>>): Promise<number> =>
    (await send(command)) as number;

  return {
    get: (key) => text({ op: "get", key }),
    getBytes: (key) => bytes({ op: "get", key }),
    getJson: async <T>(key: string) => {
      const found = await text({ op: "get", key });
      return found === null ? null : (JSON.parse(found) as T);
    },
    set: async (key, value, { ttl, nx, xx } = {}) =>
      (await send({
        op: "set",
        key,
        data: encodeValue(value),
        ...(ttl === undefined ? {} : { ttl_ms: toMilliseconds(ttl) }),
        ...(nx === true ? { nx } : {}),
        ...(xx === true ? { xx } : {}),
      })) as boolean,
    delete: (...keys) => count({ op: "delete", keys }),
    exists: (...keys) => count({ op: "exists", keys }),
    incr: (key, by = 1) => count({ op: "incr", key, by }),
    expire: async (key, ttl) => (await send({ op: "expire", key, ttl_ms: toMilliseconds(ttl) })) as boolean,
    ttl: async (key) => {
      const ms = await count({ op: "ttl", key });
      return ms < 0 ? ms : ms / 1000;
    },
    hget: (key, field) => text({ op: "hget", key, field }),
    hset: async (key, fields) =>
      count({
        op: "hset",
        key,
        fields: Object.fromEntries(
          Object.entries(fields).map(([field, value]) => [field, encodeValue(value)]),
        ),
      }),
    hgetall: async (key) => {
      const found = (await send({ op: "hgetall", key })) as Readonly<Record<string, Wire>> | null;
      return Object.fromEntries(
        Object.entries(found ?? {}).map(([field, value]) => [field, textOf(value) ?? ""]),
      );
    },
    hdel: (key, ...fields) => count({ op: "hdel", key, fields }),
    lpush: async (key, ...values) => count({ op: "lpush", key, values: values.map(encodeValue) }),
    rpush: async (key, ...values) => count({ op: "rpush", key, values: values.map(encodeValue) }),
    lpop: (key) => text({ op: "lpop", key }),
    rpop: (key) => text({ op: "rpop", key }),
    llen: (key) => count({ op: "llen", key }),
    async *scan(pattern) {
      let cursor: string | null = null;
      do {
        const page = (await send({
          op: "scan",
          ...(pattern === undefined ? {} : { pattern }),
          ...(cursor === null ? {} : { cursor }),
        })) as Page;
        yield* page.keys;
        cursor = page.cursor;
      } while (cursor !== null);
    },
  };
}

function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** The bytes that a value is stored as. */
export function toStored(value: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`a ${typeof value} cannot be stored`);
  return Buffer.from(json, "utf8");
}

function encodeValue(value: unknown): Wire {
  if (typeof value === "string") return { text: value.toWellFormed() };
  const bytes = toStored(value);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? { text: buffer.toString("utf8") } : { base64: buffer.toString("base64") };
}

function decode(value: Wire | null): Uint8Array | null {
  if (value === null) return null;
  return "text" in value ? Buffer.from(value.text, "utf8") : Buffer.from(value.base64, "base64");
}

function textOf(value: Wire | null): string | null {
  if (value === null) return null;
  return "text" in value ? value.text : Buffer.from(value.base64, "base64").toString("utf8");
}
