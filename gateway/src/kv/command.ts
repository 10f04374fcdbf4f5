import {
  type Fields,
  fieldsOf,
  flagField,
  integerField,
  onlyFields,
  optionalInteger,
  optionalText,
  textField,
} from "../fields.ts";
import { badRequest, refuse } from "../refuse.ts";
import type { ScanOptions, SetOptions } from "./kv.ts";
import { fromWire } from "./value.ts";

export type Side = "left" | "right";

/** One command of `POST /v1/kv`, checked. */
export type Command =
  | { readonly op: "get" | "ttl" | "hgetall" | "llen"; readonly key: string }
  | { readonly op: "set"; readonly key: string; readonly value: Buffer; readonly options: SetOptions }
  | { readonly op: "delete" | "exists"; readonly keys: readonly string[] }
  | { readonly op: "incr"; readonly key: string; readonly by: number }
  | { readonly op: "expire"; readonly key: string; readonly ttlMs: number }
  | { readonly op: "hget"; readonly key: string; readonly field: string }
  | { readonly op: "hset"; readonly key: string; readonly fields: ReadonlyMap<string, Buffer> }
  | { readonly op: "hdel"; readonly key: string; readonly fields: readonly string[] }
  | { readonly op: "push"; readonly key: string; readonly values: readonly Buffer[]; readonly side: Side }
  | { readonly op: "pop"; readonly key: string; readonly side: Side }
  | ({ readonly op: "scan" } & ScanOptions);

const MAX_KEY_BYTES = 1024;
/** A hundred years. */
const MAX_TTL_MS = 3_155_760_000_000;
const SAFE = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;
const SCAN_COUNT = { fallback: 100, max: 1000 };

function checkLength(name: string, what: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes <= MAX_KEY_BYTES) return name;
  throw refuse(
    "payload_too_large",
    `a ${what} may have ${MAX_KEY_BYTES} bytes of UTF-8, this one has ${bytes}`,
  );
}

function keyOf(fields: Fields): string {
  return checkLength(textField(fields, "key"), "key");
}

function listOf(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (Array.isArray(value) && value.length > 0) return value;
  throw badRequest(`${name} must be a list, not empty`);
}

function namesOf(fields: Fields, name: string, what: string): string[] {
  return listOf(fields, name).map((item) => checkLength(textField({ [name]: item }, name), what));
}

function setOptions(fields: Fields): SetOptions {
  const [nx, xx] = [flagField(fields, "nx"), flagField(fields, "xx")];
  if (nx && xx) throw badRequest("nx and xx exclude each other");
  const ttlMs = optionalInteger(fields, "ttl_ms", [1, MAX_TTL_MS]);
  return { ttlMs, when: nx ? "absent" : xx ? "present" : undefined };
}

function fieldMap(fields: Fields): Map<string, Buffer> {
  const entries = Object.entries(fieldsOf(fields["fields"], "fields"));
  if (entries.length === 0) throw badRequest("fields must not be empty");
  return new Map(
    entries.map(([name, value]) => [
      checkLength(textField({ "a field's name": name }, "a field's name"), "field"),
      fromWire(value),
    ]),
  );
}

function push(fields: Fields, side: Side): Command {
  return { op: "push", key: keyOf(fields), values: listOf(fields, "values").map(fromWire), side };
}

interface Shape {
  readonly fields: readonly string[];
  readonly read: (fields: Fields) => Command;
}

const ONLY_KEY = ["key"] as const;

/** What each command is written with. */
const SHAPES: Readonly<Record<string, Shape>> = {
  get: { fields: ONLY_KEY, read: (f) => ({ op: "get", key: keyOf(f) }) },
  set: {
    fields: ["key", "data", "ttl_ms", "nx", "xx"],
    read: (f) => ({ op: "set", key: keyOf(f), value: fromWire(f["data"]), options: setOptions(f) }),
  },
  delete: { fields: ["keys"], read: (f) => ({ op: "delete", keys: namesOf(f, "keys", "key") }) },
  exists: { fields: ["keys"], read: (f) => ({ op: "exists", keys: namesOf(f, "keys", "key") }) },
  incr: {
    fields: ["key", "by"],
    read: (f) => ({ op: "incr", key: keyOf(f), by: optionalInteger(f, "by", SAFE) ?? 1 }),
  },
  expire: {
    fields: ["key", "ttl_ms"],
    read: (f) => ({
      op: "expire",
      key: keyOf(f),
      ttlMs: integerField(f, "ttl_ms", [-MAX_TTL_MS, MAX_TTL_MS]),
    }),
  },
  ttl: { fields: ONLY_KEY, read: (f) => ({ op: "ttl", key: keyOf(f) }) },
  hget: {
    fields: ["key", "field"],
    read: (f) => ({ op: "hget", key: keyOf(f), field: checkLength(textField(f, "field"), "field") }),
  },
  hgetall: { fields: ONLY_KEY, read: (f) => ({ op: "hgetall", key: keyOf(f) }) },
  hset: { fields: ["key", "fields"], read: (f) => ({ op: "hset", key: keyOf(f), fields: fieldMap(f) }) },
  hdel: {
    fields: ["key", "fields"],
    read: (f) => ({ op: "hdel", key: keyOf(f), fields: namesOf(f, "fields", "field") }),
  },
  lpush: { fields: ["key", "values"], read: (f) => push(f, "left") },
  rpush: { fields: ["key", "values"], read: (f) => push(f, "right") },
  lpop: { fields: ONLY_KEY, read: (f) => ({ op: "pop", key: keyOf(f), side: "left" }) },
  rpop: { fields: ONLY_KEY, read: (f) => ({ op: "pop", key: keyOf(f), side: "right" }) },
  llen: { fields: ONLY_KEY, read: (f) => ({ op: "llen", key: keyOf(f) }) },
  scan: {
    fields: ["pattern", "cursor", "count"],
    read: (f) => ({
      op: "scan",
      pattern: pattern(f),
      cursor: optionalText(f, "cursor"),
      count: optionalInteger(f, "count", [1, SCAN_COUNT.max]) ?? SCAN_COUNT.fallback,
    }),
  },
};

function pattern(fields: Fields): string | undefined {
  const text = optionalText(fields, "pattern");
  return text === undefined ? undefined : checkLength(text, "pattern");
}

/** Throws `bad_request`, or `payload_too_large` for a key or a value that is too long. */
export function parseCommand(body: unknown): Command {
  const { op, ...rest } = fieldsOf(body, "the body");
  const shape = typeof op === "string" && Object.hasOwn(SHAPES, op) ? SHAPES[op] : undefined;
  if (shape === undefined) {
    const named = typeof op === "string" ? ` ${JSON.stringify(op.slice(0, 64))}` : "";
    throw badRequest(`there is no kv command${named}; there are ${Object.keys(SHAPES).join(", ")}`);
  }
  onlyFields(rest, shape.fields);
  return shape.read(rest);
}
