import { isMap } from "../../document/is-map.ts";
import { leaf, refuse, type Leaf, type Refused } from "../../document/leaf.ts";
import { didYouMean } from "../../document/suggest.ts";

/** What a filter can ask about a usage event, and of which type it is. */
export const EVENT_FIELDS = {
  model: "text",
  provider: "text",
  status: "text",
  event_type: "text",
  org_id: "text",
  team_id: "text",
  user_id: "text",
  total_tokens: "number",
  prompt_tokens: "number",
  completion_tokens: "number",
  latency_ms: "number",
  cost_usd: "number",
  cache_hit: "flag",
  stream: "flag",
} as const;

export type EventField = keyof typeof EVENT_FIELDS;
export type EventValue = string | number | boolean;

/** All that are given have to hold. A field that an event lacks holds nothing but `exists: false`. */
export interface EventCondition {
  readonly eq?: EventValue;
  readonly in?: readonly EventValue[];
  readonly prefix?: string;
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
  readonly exists?: boolean;
}

/** A filter as it is stored: a tree without short forms. */
export type EventFilter =
  | { readonly and: readonly EventFilter[] }
  | { readonly or: readonly EventFilter[] }
  | { readonly not: EventFilter }
  | { readonly field: EventField; readonly is: EventCondition };

const MAX_DEPTH = 8;
const MAX_NODES = 64;
const MAX_VALUES = 1000;
const MAX_TEXT = 256;

const OPERATORS: Readonly<Record<(typeof EVENT_FIELDS)[EventField], readonly (keyof EventCondition)[]>> = {
  text: ["eq", "in", "prefix", "exists"],
  number: ["eq", "in", "gt", "gte", "lt", "lte", "exists"],
  flag: ["eq", "exists"],
};
const KINDS = { text: "text", number: "a number", flag: "true or false" } as const;

/** Ends the reading at the first rule that is broken. */
class Broken extends Error {
  readonly suggestion: string | undefined;
  constructor(path: string, rule: string, suggestion?: string) {
    super(path === "" ? rule : `${rule} (at ${path})`);
    this.suggestion = suggestion;
  }
}

const join = (path: string, part: string): string => (path === "" ? part : `${path}.${part}`);

function isOf(kind: (typeof EVENT_FIELDS)[EventField], value: unknown): value is EventValue {
  if (kind === "text") return typeof value === "string" && value.length <= MAX_TEXT;
  return kind === "number" ? Number.isFinite(value) : typeof value === "boolean";
}

function readOperand(
  kind: (typeof EVENT_FIELDS)[EventField],
  operator: keyof EventCondition,
  value: unknown,
  path: string,
): unknown {
  if (operator === "exists") {
    if (typeof value !== "boolean") throw new Broken(path, "must be true or false");
    return value;
  }
  if (operator !== "in") {
    if (!isOf(kind, value)) throw new Broken(path, `must be ${KINDS[kind]}`);
    return value;
  }
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_VALUES)
    throw new Broken(path, `must be a list of 1 to ${MAX_VALUES} values`);
  const wrong = value.findIndex((one) => !isOf(kind, one));
  if (wrong !== -1) throw new Broken(`${path}[${wrong}]`, `must be ${KINDS[kind]}`);
  return value;
}

function readCondition(field: EventField, value: unknown, path: string): EventCondition {
  const kind = EVENT_FIELDS[field];
  // `model: zen-7b` is short for `model: {eq: zen-7b}`.
  if (!isMap(value)) return { eq: readOperand(kind, "eq", value, path) as EventValue };
  const operators = OPERATORS[kind];
  const entries = Object.entries(value);
  if (entries.length === 0) throw new Broken(path, `needs one of ${operators.join(", ")}`);
  const known = operators as readonly string[];
  return Object.fromEntries(
    entries.map(([operator, operand]) => {
      const at = join(path, operator);
      if (!known.includes(operator))
        throw new Broken(at, `must be one of ${operators.join(", ")}`, didYouMean(operator, known));
      return [operator, readOperand(kind, operator as keyof EventCondition, operand, at)];
    }),
  );
}

function readNode(value: unknown, path: string, depth: number, count: { nodes: number }): EventFilter {
  if (depth > MAX_DEPTH) throw new Broken(path, `must be at most ${MAX_DEPTH} levels deep`);
  if (++count.nodes > MAX_NODES) throw new Broken("", `must have at most ${MAX_NODES} conditions`);
  if (!isMap(value)) throw new Broken(path, "must be a map of fields, or of `and`, `or` and `not`");
  const parts = Object.entries(value).map(([name, inner]) => readPart(name, inner, path, depth, count));
  const [first, ...more] = parts;
  if (first === undefined) throw new Broken(path, "must not be empty");
  return more.length === 0 ? first : { and: parts };
}

function readPart(
  name: string,
  value: unknown,
  path: string,
  depth: number,
  count: { nodes: number },
): EventFilter {
  const at = join(path, name);
  if (name === "not") return { not: readNode(value, at, depth + 1, count) };
  if (name === "and" || name === "or") {
    if (!Array.isArray(value) || value.length === 0)
      throw new Broken(at, "must be a list with at least 1 entry");
    const nodes = value.map((one, i) => readNode(one, `${at}[${i}]`, depth + 1, count));
    return name === "and" ? { and: nodes } : { or: nodes };
  }
  if (!Object.hasOwn(EVENT_FIELDS, name)) {
    const known = ["and", "or", "not", ...Object.keys(EVENT_FIELDS)];
    throw new Broken(at, `must be one of ${known.join(", ")}`, didYouMean(name, known));
  }
  return { field: name as EventField, is: readCondition(name as EventField, value, at) };
}

export function readEventFilter(value: unknown): EventFilter | Refused {
  try {
    return readNode(value, "", 1, { nodes: 0 });
  } catch (error) {
    if (error instanceof Broken) return refuse(error.message, error.suggestion);
    throw error;
  }
}

/** As it may be written in `function.yaml`; reading it again gives the same filter. */
export function printEventFilter(filter: EventFilter): Record<string, unknown> {
  if ("and" in filter) return { and: filter.and.map(printEventFilter) };
  if ("or" in filter) return { or: filter.or.map(printEventFilter) };
  if ("not" in filter) return { not: printEventFilter(filter.not) };
  return { [filter.field]: filter.is };
}

function jsonOfField(field: EventField): Record<string, unknown> {
  const type = { text: "string", number: "number", flag: "boolean" }[EVENT_FIELDS[field]];
  const of = (operator: keyof EventCondition): Record<string, unknown> => {
    if (operator === "exists") return { type: "boolean" };
    return operator === "in" ? { type: "array", items: { type }, minItems: 1 } : { type };
  };
  const properties = Object.fromEntries(
    OPERATORS[EVENT_FIELDS[field]].map((operator) => [operator, of(operator)]),
  );
  return { anyOf: [{ type }, { type: "object", properties, additionalProperties: false }] };
}

/** The tree of conditions of an inference trigger. */
export function eventFilter(): Leaf<EventFilter> {
  const nodes = { type: "array", items: { type: "object" }, minItems: 1 };
  const fields = Object.keys(EVENT_FIELDS) as EventField[];
  return leaf<EventFilter>({
    json: {
      type: "object",
      properties: {
        and: nodes,
        or: nodes,
        not: { type: "object" },
        ...Object.fromEntries(fields.map((field) => [field, jsonOfField(field)])),
      },
      additionalProperties: false,
      examples: [{ model: { prefix: "zen-" }, total_tokens: { gte: 1000 } }],
    },
    parse: readEventFilter,
  });
}
