import type { KvQueries } from "@hanzo-fn/store";
import { badRequest } from "../refuse.ts";
import { parseGlob } from "./glob.ts";
import { type Kv, type KvScope, MAX_HASH_BYTES, type ScanOptions, type ScanPage } from "./kv.ts";
import { createTurns } from "./turns.ts";

export interface EmbeddedKvOptions {
  /** Bytes of keys and values that one function may hold. */
  readonly maxBytesPerFunction: number;
  /** Connections of the database's pool that all functions together may hold. */
  readonly maxConnections: number;
}

/** Writes of one function wait for each other in the database: more than two connections only wait there. */
const PER_FUNCTION = 2;

/** A cursor is the last key of its page. */
function afterOf(cursor: string | undefined): string {
  if (cursor === undefined) return "";
  const key = Buffer.from(cursor, "base64url").toString("utf8");
  if (key !== "" && Buffer.from(key, "utf8").toString("base64url") === cursor) return key;
  throw badRequest("the cursor is none of this store's");
}

async function scan(
  queries: KvQueries,
  scope: KvScope,
  { pattern, cursor, count }: ScanOptions,
): Promise<ScanPage> {
  const glob = parseGlob(pattern ?? "*");
  const page = { prefix: glob.prefix, after: afterOf(cursor), limit: count };
  const { keys, end } = await queries.keys(scope, page);
  const last = keys.at(-1);
  return {
    keys: keys.filter((key) => glob.matches(key)),
    cursor: end || last === undefined ? undefined : Buffer.from(last, "utf8").toString("base64url"),
  };
}

/** `ctx.kv` in the platform's database. */
export function createEmbeddedKv(queries: KvQueries, options: EmbeddedKvOptions): Kv {
  const { maxBytesPerFunction: quota, maxConnections } = options;
  const turns = createTurns({ total: maxConnections, perFunction: PER_FUNCTION });
  return {
    get: (scope, key) => turns(scope, () => queries.get(scope, key)),
    set: (scope, key, value, set) => turns(scope, () => queries.set(scope, key, value, set, quota)),
    delete: (scope, keys) => turns(scope, () => queries.delete(scope, keys)),
    exists: (scope, keys) => turns(scope, () => queries.exists(scope, keys)),
    increment: (scope, key, by) => turns(scope, () => queries.increment(scope, key, by, quota)),
    expire: (scope, key, ttlMs) => turns(scope, () => queries.expire(scope, key, ttlMs)),
    ttl: (scope, key) => turns(scope, () => queries.ttl(scope, key)),
    hashGet: (scope, key, field) => turns(scope, () => queries.hashGet(scope, key, field)),
    hashGetAll: (scope, key) => turns(scope, () => queries.hashGetAll(scope, key, MAX_HASH_BYTES)),
    hashSet: (scope, key, fields) => turns(scope, () => queries.hashSet(scope, key, fields, quota)),
    hashDelete: (scope, key, fields) => turns(scope, () => queries.hashDelete(scope, key, fields)),
    push: (scope, key, values, side) => turns(scope, () => queries.push(scope, key, values, side, quota)),
    pop: (scope, key, side) => turns(scope, () => queries.pop(scope, key, side)),
    length: (scope, key) => turns(scope, () => queries.length(scope, key)),
    scan: (scope, options) => turns(scope, () => scan(queries, scope, options)),
    close: () => Promise.resolve(),
  };
}
