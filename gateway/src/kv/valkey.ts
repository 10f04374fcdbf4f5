import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { badRequest, refuse } from "../refuse.ts";
import { escapeGlob, parseGlob } from "./glob.ts";
import { type Kv, type KvScope, MAX_HASH_BYTES, type ScanOptions, type ScanPage } from "./kv.ts";
import { connectValkey, type ValkeyConnection, type ValkeyOptions } from "./valkey-connection.ts";

/** A page that finds nothing among the keys of others goes on, so that one call is worth its way. */
const SCAN = { rounds: 20, count: 1000 };
const CURSOR = /^\d{1,20}$/;

/** What stands before a function's keys. Neither name holds a colon, and no function's name a slash. */
function prefixOf({ org, function: name }: KvScope): string {
  return `fn:${encodeURIComponent(org)}/${name}:`;
}

function asBuffer(reply: unknown): Buffer | undefined {
  return reply === null ? undefined : (reply as Buffer);
}

function decodeKeys(reply: readonly Buffer[], prefix: string): string[] {
  const keys = reply.map((key) => key.toString("utf8"));
  return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}

/**
 * The user's pattern never reaches the server: it gets the literal beginning alone, and the rest is matched here, by
 * characters, as in the other store.
 */
async function scan(
  { send }: ValkeyConnection,
  scope: KvScope,
  { pattern, cursor = "0", count }: ScanOptions,
): Promise<ScanPage> {
  if (!CURSOR.test(cursor)) throw badRequest("the cursor is none of this store's");
  const prefix = prefixOf(scope);
  const glob = parseGlob(pattern ?? "*");
  const match = `${escapeGlob(prefix + glob.prefix)}*`;
  const keys: string[] = [];
  let at = cursor;
  for (let round = 0; round < SCAN.rounds; round++) {
    const wanted = round === 0 ? count : SCAN.count;
    const [next, found] = (await send("SCAN", at, "MATCH", match, "COUNT", String(wanted))) as [
      Buffer,
      Buffer[],
    ];
    at = next.toString();
    keys.push(...decodeKeys(found, prefix).filter((key) => glob.matches(key)));
    if (at === "0") return { keys };
    if (keys.length > 0) break;
  }
  return { keys, cursor: at };
}

async function increment({ send }: ValkeyConnection, key: string, by: number): Promise<number> {
  const sum = (await send("INCRBY", key, String(by))) as number;
  if (Number.isSafeInteger(sum)) return sum;
  // The other store refuses beforehand; here the server has added already.
  await send("INCRBY", key, String(-by));
  throw refuse("conflict", "the integer would be beyond 2^53 - 1");
}

async function hashGetAll({ send }: ValkeyConnection, key: string): Promise<Map<string, Buffer>> {
  const bytes = (await send("MEMORY", "USAGE", key, "SAMPLES", "0")) as number | null;
  if (bytes !== null && bytes > MAX_HASH_BYTES) {
    throw refuse("payload_too_large", `the hash takes more than ${MAX_HASH_BYTES} bytes`, {
      next: "read its fields one by one",
    });
  }
  const flat = (await send("HGETALL", key)) as Buffer[];
  const all = new Map<string, Buffer>();
  for (let i = 0; i < flat.length; i += 2) all.set(String(flat[i]), flat[i + 1] as Buffer);
  return all;
}

/** `ctx.kv` on a Valkey or Redis server that others may use too: a function has the keys with its own prefix. */
export function openValkeyKv(
  deps: { readonly clock: Clock; readonly log: Logger },
  options: ValkeyOptions,
): Kv {
  const connection = connectValkey(deps, options);
  const { send } = connection;
  const number = async (...command: readonly (string | Buffer)[]): Promise<number> =>
    (await send(...command)) as number;
  const keyOf = (scope: KvScope, key: string): string => prefixOf(scope) + key;
  const keysOf = (scope: KvScope, keys: readonly string[]): string[] => keys.map((key) => keyOf(scope, key));
  const bytes = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return {
    get: async (scope, key) => asBuffer(await send("GET", keyOf(scope, key))),
    async set(scope, key, value, { ttlMs, when }) {
      const ttl = ttlMs === undefined ? [] : ["PX", String(ttlMs)];
      const condition = when === undefined ? [] : [when === "absent" ? "NX" : "XX"];
      return (await send("SET", keyOf(scope, key), bytes(value), ...ttl, ...condition)) !== null;
    },
    delete: (scope, keys) => number("DEL", ...keysOf(scope, keys)),
    exists: (scope, keys) => number("EXISTS", ...keysOf(scope, keys)),
    increment: (scope, key, by) => increment(connection, keyOf(scope, key), by),
    expire: async (scope, key, ttlMs) => (await number("PEXPIRE", keyOf(scope, key), String(ttlMs))) === 1,
    ttl: (scope, key) => number("PTTL", keyOf(scope, key)),
    hashGet: async (scope, key, field) => asBuffer(await send("HGET", keyOf(scope, key), field)),
    hashGetAll: (scope, key) => hashGetAll(connection, keyOf(scope, key)),
    hashSet: (scope, key, fields) =>
      number("HSET", keyOf(scope, key), ...[...fields].flatMap(([field, value]) => [field, bytes(value)])),
    hashDelete: (scope, key, fields) => number("HDEL", keyOf(scope, key), ...fields),
    push: (scope, key, values, side) =>
      number(side === "left" ? "LPUSH" : "RPUSH", keyOf(scope, key), ...values.map(bytes)),
    pop: async (scope, key, side) =>
      asBuffer(await send(side === "left" ? "LPOP" : "RPOP", keyOf(scope, key))),
    length: (scope, key) => number("LLEN", keyOf(scope, key)),
    scan: (scope, options) => scan(connection, scope, options),
    close: connection.close,
  };
}
