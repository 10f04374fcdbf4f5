import { PlatformError } from "@hanzo-fn/contract";
import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Database } from "../schema.ts";

/** Whose keys: every function has a space of its own. */
export interface KvScope {
  readonly org: string;
  readonly function: string;
}

export interface KvSetOptions {
  readonly ttlMs?: number | undefined;
  /** Sets only where the key is absent, or only where it is present. */
  readonly when?: "absent" | "present" | undefined;
}

export interface KvPage {
  /** In the order of their bytes. */
  readonly keys: readonly string[];
  /** True where no key comes after these. */
  readonly end: boolean;
}

/**
 * `ctx.kv` in the platform's database. Each command is atomic, and those of one function that write run one after
 * the other. A key that holds another kind of value throws `conflict`, one beyond the quota `storage_full`.
 */
export interface KvQueries {
  get(scope: KvScope, key: string): Promise<Buffer | undefined>;
  /** Replaces whatever the key held. False where `when` forbade it. */
  set(scope: KvScope, key: string, value: Uint8Array, options: KvSetOptions, quota: number): Promise<boolean>;
  /** How many there were. */
  delete(scope: KvScope, keys: readonly string[]): Promise<number>;
  /** How many there are; a key that is named twice counts twice. */
  exists(scope: KvScope, keys: readonly string[]): Promise<number>;
  increment(scope: KvScope, key: string, by: number, quota: number): Promise<number>;
  /** False where the key is absent; a key whose time is up goes at once. */
  expire(scope: KvScope, key: string, ttlMs: number): Promise<boolean>;
  /** Milliseconds; -1 where it does not expire, -2 where it is absent. */
  ttl(scope: KvScope, key: string): Promise<number>;
  hashGet(scope: KvScope, key: string, field: string): Promise<Buffer | undefined>;
  /** Throws `payload_too_large` where the hash takes more than `maxBytes`. */
  hashGetAll(scope: KvScope, key: string, maxBytes: number): Promise<Map<string, Buffer>>;
  /** How many fields are new. */
  hashSet(
    scope: KvScope,
    key: string,
    fields: ReadonlyMap<string, Uint8Array>,
    quota: number,
  ): Promise<number>;
  /** How many went. */
  hashDelete(scope: KvScope, key: string, fields: readonly string[]): Promise<number>;
  /** One after the other, to the left or to the right; the new length. */
  push(
    scope: KvScope,
    key: string,
    values: readonly Uint8Array[],
    side: "left" | "right",
    quota: number,
  ): Promise<number>;
  pop(scope: KvScope, key: string, side: "left" | "right"): Promise<Buffer | undefined>;
  length(scope: KvScope, key: string): Promise<number>;
  /** Up to `limit` keys after `after` that begin with `prefix`. */
  keys(scope: KvScope, options: { prefix: string; after: string; limit: number }): Promise<KvPage>;
  /** Removes up to `limit` keys whose time is up; how many went. */
  sweep(limit: number): Promise<number>;
}

type Kind = "string" | "hash" | "list";

function conflict(message: string, cause?: unknown): PlatformError {
  return new PlatformError("conflict", message, { component: "kv", cause });
}

/** The errors that the database's functions raise (migrations/0002-kv.ts). */
function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PlatformError) return error;
  const { code } = error as { code?: unknown };
  if (code === "KV001" || code === "KV002") return conflict(error.message, error);
  if (code !== "KV003") return error;
  return new PlatformError("storage_full", error.message, {
    component: "kv",
    cause: error,
    next: "delete keys, give them a ttl, or raise kv.max_bytes_per_function",
  });
}

const LIVE = sql`(expires_at is null or expires_at > now())`;

function requireKind(found: Kind | undefined, wanted: Kind): void {
  if (found !== undefined && found !== wanted) throw conflict(`the key holds a ${found}`);
}

export function createKvQueries(db: Kysely<Database>): KvQueries {
  const call = async <T>(query: RawBuilder<{ answer: T }>): Promise<T> => {
    try {
      const { rows } = await query.execute(db);
      return (rows[0] as { answer: T }).answer;
    } catch (error) {
      throw explain(error);
    }
  };
  const one = async <R>(query: RawBuilder<R>): Promise<R | undefined> => (await query.execute(db)).rows[0];
  return {
    async get({ org, function: fn }, key) {
      const row = await one(
        sql<{ kind: Kind; value: Buffer }>`select kind, value from kv_keys
          where org = ${org} and function = ${fn} and key = ${key} and ${LIVE}`,
      );
      requireKind(row?.kind, "string");
      return row?.value;
    },
    set: ({ org, function: fn }, key, value, { ttlMs, when }, quota) =>
      call(
        sql`select kv_set(${org}, ${fn}, ${key}, ${bytes(value)}, ${ttlMs ?? null}, ${when ?? null}, ${quota}) as answer`,
      ),
    delete: ({ org, function: fn }, keys) => call(sql`select kv_delete(${org}, ${fn}, ${keys}) as answer`),
    exists: ({ org, function: fn }, keys) =>
      call(
        sql`select count(*)::integer as answer from unnest(${keys}::text[]) as wanted (key)
          join kv_keys k on k.org = ${org} and k.function = ${fn} and k.key = wanted.key where ${LIVE}`,
      ),
    increment: ({ org, function: fn }, key, by, quota) =>
      call(sql`select kv_increment(${org}, ${fn}, ${key}, ${by}, ${quota}) as answer`),
    expire: ({ org, function: fn }, key, ttlMs) =>
      call(sql`select kv_expire(${org}, ${fn}, ${key}, ${ttlMs}) as answer`),
    async ttl({ org, function: fn }, key) {
      const row = await one(
        sql<{ ttl: number | null }>`
          select ceil(extract(epoch from expires_at - now()) * 1000)::bigint as ttl from kv_keys
          where org = ${org} and function = ${fn} and key = ${key} and ${LIVE}`,
      );
      return row === undefined ? -2 : (row.ttl ?? -1);
    },
    async hashGet({ org, function: fn }, key, field) {
      const row = await one(
        sql<{ kind: Kind; value: Buffer | null }>`select k.kind, f.value from kv_keys k
          left join kv_fields f
            on f.org = k.org and f.function = k.function and f.key = k.key and f.field = ${field}
          where k.org = ${org} and k.function = ${fn} and k.key = ${key} and ${LIVE}`,
      );
      requireKind(row?.kind, "hash");
      return row?.value ?? undefined;
    },
    hashGetAll: (scope, key, maxBytes) => hashGetAll(db, scope, key, maxBytes),
    hashSet: ({ org, function: fn }, key, fields, quota) =>
      call(
        sql`select kv_hash_set(${org}, ${fn}, ${key}, ${[...fields.keys()]}, ${[...fields.values()].map(bytes)}, ${quota}) as answer`,
      ),
    hashDelete: ({ org, function: fn }, key, fields) =>
      call(sql`select kv_hash_delete(${org}, ${fn}, ${key}, ${fields}) as answer`),
    push: ({ org, function: fn }, key, values, side, quota) =>
      call(
        sql`select kv_push(${org}, ${fn}, ${key}, ${values.map(bytes)}, ${side === "left"}, ${quota}) as answer`,
      ),
    async pop({ org, function: fn }, key, side) {
      const query = sql<{ answer: Buffer | null }>`
        select kv_pop(${org}, ${fn}, ${key}, ${side === "left"}) as answer`;
      return (await call(query)) ?? undefined;
    },
    async length({ org, function: fn }, key) {
      const row = await one(
        sql<{ kind: Kind; length: number | null }>`select k.kind,
          (select max(position) - min(position) + 1 from kv_items i
            where i.org = k.org and i.function = k.function and i.key = k.key) as length
          from kv_keys k where org = ${org} and function = ${fn} and key = ${key} and ${LIVE}`,
      );
      requireKind(row?.kind, "list");
      return row?.length ?? 0;
    },
    async keys({ org, function: fn }, { prefix, after, limit }) {
      const { rows } = await sql<{ key: string }>`select key from kv_keys
        where org = ${org} and function = ${fn} and key >= ${prefix} and key > ${after} and ${LIVE}
        order by key limit ${limit}`.execute(db);
      const keys = rows.map(({ key }) => key).filter((key) => key.startsWith(prefix));
      return { keys, end: keys.length < limit };
    },
    sweep: (limit) => call(sql`select kv_sweep(${limit}) as answer`),
  };
}

async function hashGetAll(
  db: Kysely<Database>,
  { org, function: fn }: KvScope,
  key: string,
  maxBytes: number,
): Promise<Map<string, Buffer>> {
  const { rows } = await sql<{ kind: Kind; bytes: number; field: string | null; value: Buffer }>`
    select k.kind, k.bytes, f.field, f.value from kv_keys k
    left join kv_fields f on f.org = k.org and f.function = k.function and f.key = k.key and k.bytes <= ${maxBytes}
    where k.org = ${org} and k.function = ${fn} and k.key = ${key} and ${LIVE}`.execute(db);
  const [first] = rows;
  requireKind(first?.kind, "hash");
  if (first !== undefined && first.bytes > maxBytes) {
    throw new PlatformError("payload_too_large", `the hash takes more than ${maxBytes} bytes`, {
      component: "kv",
      next: "read its fields one by one",
    });
  }
  return new Map(rows.flatMap(({ field, value }) => (field === null ? [] : [[field, value]])));
}

/** A view of the bytes that node-postgres writes as bytea. */
function bytes(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
