import { badRequest, refuse } from "../refuse.ts";
import { parseGlob } from "./glob.ts";
import { type Kv, type KvScope, MAX_HASH_BYTES } from "./kv.ts";

type Value =
  | { readonly kind: "text"; bytes: Buffer }
  | { readonly kind: "hash"; readonly fields: Map<string, Buffer> }
  | { readonly kind: "list"; readonly values: Buffer[] };

interface Entry {
  readonly value: Value;
  /** Milliseconds since the epoch. */
  expiresAtMs: number | undefined;
}

/** All keys, as JSON can hold them; bytes in base64. */
export type KvSnapshot = readonly {
  readonly key: string;
  readonly expiresAtMs?: number | undefined;
  readonly text?: string;
  readonly hash?: Readonly<Record<string, string>>;
  readonly list?: readonly string[];
}[];

export interface MemoryKv extends Kv {
  snapshot(): KvSnapshot;
}

export interface MemoryKvOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What it starts with. */
  readonly snapshot?: KvSnapshot | undefined;
  /** Called after every command that may have changed something. */
  readonly onChange?: (() => void) | undefined;
}

const INTEGER = /^-?(?:0|[1-9]\d{0,15})$/;
const decode = (text: string): Buffer => Buffer.from(text, "base64");
const encode = (bytes: Buffer): string => bytes.toString("base64");

function entryOf({ expiresAtMs, text, hash, list }: KvSnapshot[number]): Entry {
  const value: Value =
    hash !== undefined
      ? { kind: "hash", fields: new Map(Object.entries(hash).map(([name, item]) => [name, decode(item)])) }
      : list !== undefined
        ? { kind: "list", values: list.map(decode) }
        : { kind: "text", bytes: decode(text ?? "") };
  return { value, expiresAtMs };
}

function snapshotOf(key: string, { value, expiresAtMs }: Entry): KvSnapshot[number] {
  const base = { key, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  switch (value.kind) {
    case "text":
      return { ...base, text: encode(value.bytes) };
    case "hash":
      return {
        ...base,
        hash: Object.fromEntries(Array.from(value.fields, ([name, item]) => [name, encode(item)])),
      };
    case "list":
      return { ...base, list: value.values.map(encode) };
  }
}

/** `ctx.kv` in memory, for one process on its author's machine. */
export function createMemoryKv({ now, snapshot = [], onChange = () => {} }: MemoryKvOptions): MemoryKv {
  const entries = new Map(snapshot.map((item) => [item.key, entryOf(item)]));
  const idOf = ({ org, function: name }: KvScope, key: string): string => `${org}/${name}:${key}`;

  const find = (scope: KvScope, key: string): Entry | undefined => {
    const id = idOf(scope, key);
    const entry = entries.get(id);
    if (entry?.expiresAtMs === undefined || entry.expiresAtMs > now()) return entry;
    entries.delete(id);
    return undefined;
  };
  /** The value of a key where it is of this kind; throws `conflict` for another. */
  const read = <K extends Value["kind"]>(
    scope: KvScope,
    key: string,
    kind: K,
  ): Extract<Value, { kind: K }> | undefined => {
    const value = find(scope, key)?.value;
    if (value === undefined || value.kind === kind) return value as Extract<Value, { kind: K }> | undefined;
    throw refuse("conflict", `the key holds another kind of value, not a ${kind}`);
  };
  const write = <T>(run: () => T): Promise<T> =>
    new Promise((resolve) => {
      resolve(run());
      onChange();
    });
  const make = <T extends Value>(scope: KvScope, key: string, value: T): T => {
    entries.set(idOf(scope, key), { value, expiresAtMs: undefined });
    return value;
  };
  const reading = async <T>(run: () => T): Promise<T> => run();

  return {
    get: (scope, key) => reading(() => read(scope, key, "text")?.bytes),
    set: (scope, key, value, { ttlMs, when }) =>
      write(() => {
        const there = find(scope, key) !== undefined;
        if (when !== undefined && there !== (when === "present")) return false;
        const expiresAtMs = ttlMs === undefined ? undefined : now() + ttlMs;
        entries.set(idOf(scope, key), { value: { kind: "text", bytes: Buffer.from(value) }, expiresAtMs });
        return true;
      }),
    delete: (scope, keys) =>
      write(() => keys.filter((key) => find(scope, key) && entries.delete(idOf(scope, key))).length),
    exists: (scope, keys) => reading(() => keys.filter((key) => find(scope, key) !== undefined).length),
    increment: (scope, key, by) =>
      write(() => {
        const held = read(scope, key, "text");
        const text = held?.bytes.toString("latin1") ?? "0";
        if (!INTEGER.test(text)) throw refuse("conflict", "the key holds no integer");
        const sum = Number(text) + by;
        if (!Number.isSafeInteger(sum)) throw refuse("conflict", "the integer would be beyond 2^53 - 1");
        const bytes = Buffer.from(String(sum));
        if (held === undefined) make(scope, key, { kind: "text", bytes });
        else held.bytes = bytes;
        return sum;
      }),
    expire: (scope, key, ttlMs) =>
      write(() => {
        const entry = find(scope, key);
        if (entry === undefined) return false;
        if (ttlMs > 0) entry.expiresAtMs = now() + ttlMs;
        else entries.delete(idOf(scope, key));
        return true;
      }),
    ttl: (scope, key) =>
      reading(() => {
        const entry = find(scope, key);
        if (entry === undefined) return -2;
        return entry.expiresAtMs === undefined ? -1 : Math.max(0, entry.expiresAtMs - now());
      }),
    hashGet: (scope, key, field) => reading(() => read(scope, key, "hash")?.fields.get(field)),
    hashGetAll: (scope, key) =>
      reading(() => {
        const fields = new Map(read(scope, key, "hash")?.fields);
        const size = Array.from(fields, ([name, item]) => Buffer.byteLength(name) + item.length).reduce(
          (a, b) => a + b,
          0,
        );
        if (size <= MAX_HASH_BYTES) return fields;
        throw refuse("payload_too_large", `the hash takes more than ${MAX_HASH_BYTES} bytes`);
      }),
    hashSet: (scope, key, fields) =>
      write(() => {
        const hash = read(scope, key, "hash") ?? make(scope, key, { kind: "hash", fields: new Map() });
        const before = hash.fields.size;
        for (const [name, item] of fields) hash.fields.set(name, Buffer.from(item));
        return hash.fields.size - before;
      }),
    hashDelete: (scope, key, fields) =>
      write(() => {
        const hash = read(scope, key, "hash");
        const gone = fields.filter((name) => hash?.fields.delete(name)).length;
        if (hash?.fields.size === 0) entries.delete(idOf(scope, key));
        return gone;
      }),
    push: (scope, key, values, side) =>
      write(() => {
        const list = read(scope, key, "list") ?? make(scope, key, { kind: "list", values: [] });
        for (const value of values) list.values[side === "left" ? "unshift" : "push"](Buffer.from(value));
        return list.values.length;
      }),
    pop: (scope, key, side) =>
      write(() => {
        const list = read(scope, key, "list");
        const value = side === "left" ? list?.values.shift() : list?.values.pop();
        if (list?.values.length === 0) entries.delete(idOf(scope, key));
        return value;
      }),
    length: (scope, key) => reading(() => read(scope, key, "list")?.values.length ?? 0),
    scan: (scope, { pattern, cursor, count }) =>
      reading(() => {
        const glob = parseGlob(pattern ?? "*");
        const after = cursor === undefined ? undefined : Buffer.from(cursor, "base64url").toString("utf8");
        if (after !== undefined && Buffer.from(after).toString("base64url") !== cursor) {
          throw badRequest("the cursor is none of this store's");
        }
        const prefix = idOf(scope, "");
        const keys = [...entries.keys()]
          .filter((id) => id.startsWith(prefix))
          .map((id) => id.slice(prefix.length))
          .filter((key) => find(scope, key) !== undefined && (after === undefined || key > after))
          .toSorted((a, b) => (a < b ? -1 : 1));
        const page = keys.slice(0, count);
        const last = keys.length > page.length ? page.at(-1) : undefined;
        return {
          keys: page.filter((key) => glob.matches(key)),
          cursor: last === undefined ? undefined : Buffer.from(last).toString("base64url"),
        };
      }),
    close: () => Promise.resolve(),
    snapshot: () =>
      [...entries]
        .filter(([, { expiresAtMs }]) => expiresAtMs === undefined || expiresAtMs > now())
        .map(([key, entry]) => snapshotOf(key, entry)),
  };
}
