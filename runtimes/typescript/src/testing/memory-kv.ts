import { GatewayError } from "../gateway-error.ts";
import { toStored, type Kv } from "../gateway/kv.ts";
import { matchesGlob } from "./glob.ts";

const MAX_KEY_BYTES = 1024;
const MAX_VALUE_BYTES = 1024 * 1024;

type Held =
  | { readonly kind: "value"; readonly bytes: Uint8Array }
  | { readonly kind: "hash"; readonly fields: Map<string, Uint8Array> }
  | { readonly kind: "list"; readonly values: Uint8Array[] };

interface Entry {
  readonly held: Held;
  /** Milliseconds since the epoch; undefined for a key that stays. */
  readonly endsMs: number | undefined;
}

/** `ctx.kv` in memory, with the limits and the refusals of the platform's. */
export function createMemoryKv(now: () => number): Kv {
  const entries = new Map<string, Entry>();

  const find = (key: string): Entry | undefined => {
    checkKey(key);
    const entry = entries.get(key);
    if (entry?.endsMs === undefined || entry.endsMs > now()) return entry;
    entries.delete(key);
    return undefined;
  };
  const of = <K extends Held["kind"]>(key: string, kind: K): Extract<Held, { kind: K }> | undefined => {
    const held = find(key)?.held;
    if (held === undefined) return undefined;
    if (held.kind !== kind) throw new GatewayError("conflict", 409, `the key "${key}" holds a ${held.kind}`);
    return held as Extract<Held, { kind: K }>;
  };
  const put = (key: string, held: Held, endsMs: number | undefined): void =>
    void entries.set(key, { held, endsMs });
  const fieldsOf = (key: string): Map<string, Uint8Array> => {
    const held = of(key, "hash") ?? { kind: "hash", fields: new Map<string, Uint8Array>() };
    put(key, held, find(key)?.endsMs);
    return held.fields;
  };
  const push = (key: string, values: readonly unknown[], first: boolean): number => {
    const held = of(key, "list") ?? { kind: "list", values: [] };
    for (const value of values) {
      if (first) held.values.unshift(checked(value));
      else held.values.push(checked(value));
    }
    put(key, held, find(key)?.endsMs);
    return held.values.length;
  };
  const pop = (key: string, first: boolean): string | null => {
    const values = of(key, "list")?.values ?? [];
    const value = first ? values.shift() : values.pop();
    if (values.length === 0) entries.delete(key);
    return value === undefined ? null : toText(value);
  };

  const getBytes = (key: string): Uint8Array | null => of(key, "value")?.bytes ?? null;
  const get = (key: string): string | null => {
    const bytes = getBytes(key);
    return bytes === null ? null : toText(bytes);
  };

  return {
    get: async (key) => get(key),
    getBytes: async (key) => getBytes(key),
    getJson: async <T>(key: string) => {
      const text = get(key);
      return text === null ? null : (JSON.parse(text) as T);
    },
    set: async (key, value, { ttl, nx, xx } = {}) => {
      const there = find(key) !== undefined;
      if ((nx === true && there) || (xx === true && !there)) return false;
      put(key, { kind: "value", bytes: checked(value) }, ttl === undefined ? undefined : now() + ttl * 1000);
      return true;
    },
    delete: async (...keys) => keys.filter((key) => find(key) !== undefined && entries.delete(key)).length,
    exists: async (...keys) => keys.filter((key) => find(key) !== undefined).length,
    incr: async (key, by = 1) => {
      const text = get(key) ?? "0";
      if (!/^-?\d+$/.test(text))
        throw new GatewayError("conflict", 409, `the key "${key}" holds no whole number`);
      const sum = Number(text) + by;
      put(key, { kind: "value", bytes: toStored(String(sum)) }, find(key)?.endsMs);
      return sum;
    },
    expire: async (key, ttl) => {
      const entry = find(key);
      if (entry !== undefined) put(key, entry.held, now() + ttl * 1000);
      return entry !== undefined;
    },
    ttl: async (key) => {
      const entry = find(key);
      if (entry === undefined) return -2;
      return entry.endsMs === undefined ? -1 : (entry.endsMs - now()) / 1000;
    },
    hget: async (key, field) => {
      const value = of(key, "hash")?.fields.get(field);
      return value === undefined ? null : toText(value);
    },
    hset: async (key, fields) => {
      const held = fieldsOf(key);
      const before = held.size;
      for (const [field, value] of Object.entries(fields)) held.set(field, checked(value));
      return held.size - before;
    },
    hgetall: async (key) =>
      Object.fromEntries(
        [...(of(key, "hash")?.fields ?? [])].map(([field, value]) => [field, toText(value)]),
      ),
    hdel: async (key, ...fields) => {
      const held = of(key, "hash")?.fields;
      const gone = fields.filter((field) => held?.delete(field) === true).length;
      if (held?.size === 0) entries.delete(key);
      return gone;
    },
    lpush: async (key, ...values) => push(key, values, true),
    rpush: async (key, ...values) => push(key, values, false),
    lpop: async (key) => pop(key, true),
    rpop: async (key) => pop(key, false),
    llen: async (key) => of(key, "list")?.values.length ?? 0,
    async *scan(pattern = "*") {
      for (const key of [...entries.keys()]) {
        if (matchesGlob(pattern, key) && find(key) !== undefined) yield key;
      }
    },
  };
}

function checkKey(key: string): void {
  if (key === "" || key.includes("\0"))
    throw new GatewayError("bad_request", 400, "a key is not empty and has no NUL");
  if (Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw new GatewayError("payload_too_large", 413, "a key has at most 1 KiB");
}

function checked(value: unknown): Uint8Array {
  const bytes = toStored(value);
  if (bytes.byteLength > MAX_VALUE_BYTES)
    throw new GatewayError("payload_too_large", 413, "a value has at most 1 MiB");
  return Uint8Array.from(bytes);
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
