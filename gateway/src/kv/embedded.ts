import type { KvQueries } from "@hanzo-fn/store";
import { badRequest } from "../refuse.ts";
import { parseGlob } from "./glob.ts";
import { type Kv, MAX_HASH_BYTES } from "./kv.ts";

export interface EmbeddedKvOptions {
  /** Bytes of keys and values that one function may hold. */
  readonly maxBytesPerFunction: number;
}

/** A cursor is the last key of its page. */
function afterOf(cursor: string | undefined): string {
  if (cursor === undefined) return "";
  const key = Buffer.from(cursor, "base64url").toString("utf8");
  if (key !== "" && Buffer.from(key, "utf8").toString("base64url") === cursor) return key;
  throw badRequest("the cursor is none of this store's");
}

/** `ctx.kv` in the platform's database. */
export function createEmbeddedKv(queries: KvQueries, options: EmbeddedKvOptions): Kv {
  const quota = options.maxBytesPerFunction;
  return {
    get: queries.get,
    set: (scope, key, value, set) => queries.set(scope, key, value, set, quota),
    delete: queries.delete,
    exists: queries.exists,
    increment: (scope, key, by) => queries.increment(scope, key, by, quota),
    expire: queries.expire,
    ttl: queries.ttl,
    hashGet: queries.hashGet,
    hashGetAll: (scope, key) => queries.hashGetAll(scope, key, MAX_HASH_BYTES),
    hashSet: (scope, key, fields) => queries.hashSet(scope, key, fields, quota),
    hashDelete: queries.hashDelete,
    push: (scope, key, values, side) => queries.push(scope, key, values, side, quota),
    pop: queries.pop,
    length: queries.length,
    async scan(scope, { pattern, cursor, count }) {
      const glob = parseGlob(pattern ?? "*");
      const { keys, end } = await queries.keys(scope, {
        prefix: glob.prefix,
        after: afterOf(cursor),
        limit: count,
      });
      const last = keys.at(-1);
      return {
        keys: keys.filter((key) => glob.matches(key)),
        cursor: end || last === undefined ? undefined : Buffer.from(last, "utf8").toString("base64url"),
      };
    },
    close: () => Promise.resolve(),
  };
}
