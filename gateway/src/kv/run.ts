import type { Command } from "./command.ts";
import type { Kv, KvScope } from "./kv.ts";
import { toWire } from "./value.ts";

const orNull = (value: Buffer | undefined) => (value === undefined ? null : toWire(value));

/** Runs one command; what `value` holds in the answer. */
export async function runCommand(kv: Kv, scope: KvScope, command: Command): Promise<unknown> {
  switch (command.op) {
    case "get":
      return orNull(await kv.get(scope, command.key));
    case "set":
      return kv.set(scope, command.key, command.value, command.options);
    case "delete":
      return kv.delete(scope, command.keys);
    case "exists":
      return kv.exists(scope, command.keys);
    case "incr":
      return kv.increment(scope, command.key, command.by);
    case "expire":
      return kv.expire(scope, command.key, command.ttlMs);
    case "ttl":
      return kv.ttl(scope, command.key);
    case "hget":
      return orNull(await kv.hashGet(scope, command.key, command.field));
    case "hgetall": {
      const all = await kv.hashGetAll(scope, command.key);
      return Object.fromEntries(Array.from(all, ([field, value]) => [field, toWire(value)]));
    }
    case "hset":
      return kv.hashSet(scope, command.key, command.fields);
    case "hdel":
      return kv.hashDelete(scope, command.key, command.fields);
    case "push":
      return kv.push(scope, command.key, command.values, command.side);
    case "pop":
      return orNull(await kv.pop(scope, command.key, command.side));
    case "llen":
      return kv.length(scope, command.key);
    case "scan": {
      const { keys, cursor } = await kv.scan(scope, command);
      return { keys, cursor: cursor ?? null };
    }
  }
}
