import { PlatformError } from "../errors.ts";
import { isMap } from "../document/is-map.ts";
import { nearest } from "../document/suggest.ts";
import type { AttributeValue, Comparison, Condition, Filter, FuzzyOptions, Scalar } from "./filter.ts";
import { storableText } from "./text.ts";
import { tokensOf } from "./tokens.ts";

/** Deeper trees and longer lists than anybody writes by hand, and no more than a query can be made of. */
const MAX_DEPTH = 64;
const MAX_NODES = 1000;
const MAX_VALUES = 10_000;
const MAX_PATTERN = 1024;
const MAX_TOKENS = 256;

type Read = (operand: unknown, options: unknown, at: string) => Condition;

function refuse(at: string, rule: string, suggestion?: string): never {
  throw new PlatformError("validation_error", `the filter ${rule}${at === "" ? "" : ` (at ${at})`}`, {
    component: "layer",
    details: [{ path: at, rule, ...(suggestion === undefined ? {} : { suggestion }) }],
  });
}

const isScalar = (value: unknown): value is Scalar =>
  typeof value === "string" ||
  typeof value === "boolean" ||
  (typeof value === "number" && Number.isFinite(value));

function scalar(value: unknown, at: string): Scalar {
  if (typeof value === "string") return storableText(value);
  return isScalar(value) ? value : refuse(at, "compares with a string, a number, true or false here");
}

function scalars(value: unknown, at: string): readonly Scalar[] {
  return list(value, at).map((one, i) => scalar(one, `${at}[${i}]`));
}

function anyValue(value: unknown, at: string): AttributeValue {
  if (value === null) return value;
  if (isScalar(value)) return scalar(value, at);
  if (Array.isArray(value)) return scalars(value, at);
  return refuse(at, "compares with null, a string, a number, true, false or a list of them here");
}

function list(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) return refuse(at, "takes a list here");
  if (value.length > MAX_VALUES) return refuse(at, `takes at most ${MAX_VALUES} values in a list`);
  return value;
}

function ordered(value: unknown, at: string): string | number {
  if (typeof value === "string") return storableText(value);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return refuse(at, "compares with a string or a number here");
}

function text(value: unknown, at: string): string {
  if (typeof value !== "string") return refuse(at, "takes a string here");
  if (value.length > MAX_PATTERN) return refuse(at, `takes at most ${MAX_PATTERN} characters here`);
  return value;
}

function tokens(value: unknown, at: string): string[] {
  const texts = Array.isArray(value) ? value.map((one, i) => text(one, `${at}[${i}]`)) : [text(value, at)];
  const found = texts.flatMap(tokensOf);
  if (found.length === 0) return refuse(at, "needs a word here");
  if (found.length > MAX_TOKENS) return refuse(at, `takes at most ${MAX_TOKENS} words here`);
  return found;
}

function lastAsPrefix(options: unknown, at: string): boolean {
  if (options === undefined) return false;
  const prefix = isMap(options) ? options["last_as_prefix"] : options;
  if (prefix === undefined || typeof prefix === "boolean") return prefix ?? false;
  return refuse(at, "takes {last_as_prefix: true or false} here");
}

function fuzzy(options: unknown, at: string): FuzzyOptions {
  const given = isMap(options) ? options : {};
  const { max_edit_distance: steps, case_sensitive: caseSensitive = false } = given;
  const rule = "takes {max_edit_distance: [{min_query_chars, distance}]} here, distances of 0 to 2";
  if (typeof caseSensitive !== "boolean" || !Array.isArray(steps)) return refuse(at, rule);
  const maxEditDistance = steps.map((step: unknown) => {
    const { min_query_chars: minQueryChars, distance } = isMap(step) ? step : {};
    const fits = Number.isInteger(minQueryChars) && [0, 1, 2].includes(distance as number);
    return fits ? { minQueryChars: minQueryChars as number, distance: distance as number } : refuse(at, rule);
  });
  return {
    maxEditDistance: maxEditDistance.toSorted((a, b) => b.minQueryChars - a.minQueryChars),
    caseSensitive,
  };
}

const comparison =
  (op: Comparison | `Any${Comparison}`): Read =>
  (operand, _, at) => ({ op, value: ordered(operand, at) });
const pattern =
  (op: "Glob" | "NotGlob" | "IGlob" | "NotIGlob"): Read =>
  (operand, _, at) => ({ op, pattern: text(operand, at) });

/** The conditions that there are, by the name of their operator. */
const OPERATORS: Readonly<Record<Condition["op"], Read>> = {
  Eq: (operand, _, at) => ({ op: "Eq", value: anyValue(operand, at) }),
  NotEq: (operand, _, at) => ({ op: "NotEq", value: anyValue(operand, at) }),
  In: (operand, _, at) => ({
    op: "In",
    values: list(operand, at).map((one, i) => anyValue(one, `${at}[${i}]`)),
  }),
  NotIn: (operand, _, at) => ({
    op: "NotIn",
    values: list(operand, at).map((one, i) => anyValue(one, `${at}[${i}]`)),
  }),
  Lt: comparison("Lt"),
  Lte: comparison("Lte"),
  Gt: comparison("Gt"),
  Gte: comparison("Gte"),
  AnyLt: comparison("AnyLt"),
  AnyLte: comparison("AnyLte"),
  AnyGt: comparison("AnyGt"),
  AnyGte: comparison("AnyGte"),
  Contains: (operand, _, at) => ({ op: "Contains", value: scalar(operand, at) }),
  NotContains: (operand, _, at) => ({ op: "NotContains", value: scalar(operand, at) }),
  ContainsAny: (operand, _, at) => ({ op: "ContainsAny", values: scalars(operand, at) }),
  NotContainsAny: (operand, _, at) => ({ op: "NotContainsAny", values: scalars(operand, at) }),
  Glob: pattern("Glob"),
  NotGlob: pattern("NotGlob"),
  IGlob: pattern("IGlob"),
  NotIGlob: pattern("NotIGlob"),
  Regex: (operand, _, at) => ({ op: "Regex", pattern: text(operand, at) }),
  ContainsAllTokens: (operand, options, at) => ({
    op: "ContainsAllTokens",
    tokens: tokens(operand, at),
    lastAsPrefix: lastAsPrefix(options, at),
  }),
  ContainsAnyToken: (operand, options, at) => ({
    op: "ContainsAnyToken",
    tokens: tokens(operand, at),
    lastAsPrefix: lastAsPrefix(options, at),
  }),
  ContainsTokenSequence: (operand, _, at) => ({ op: "ContainsTokenSequence", tokens: tokens(operand, at) }),
  Fuzzy: (operand, options, at) => ({ op: "Fuzzy", text: text(operand, at), options: fuzzy(options, at) }),
};

/**
 * Reads a filter as the wire has it. `And` and `Or` take one list of filters, or the filters themselves, as both forms
 * are written in the field. Throws `validation_error`, which names the place.
 */
export function readFilter(value: unknown): Filter {
  return readNode(value, "", 1, { nodes: 0 });
}

function readNode(value: unknown, at: string, depth: number, count: { nodes: number }): Filter {
  if (depth > MAX_DEPTH) return refuse("", `is more than ${MAX_DEPTH} levels deep`);
  if (++count.nodes > MAX_NODES) return refuse("", `has more than ${MAX_NODES} conditions`);
  if (!Array.isArray(value) || typeof value[0] !== "string")
    return refuse(
      at,
      'is [attribute, operator, value], ["And", filters], ["Or", filters] or ["Not", filter]',
    );
  const [head, ...rest] = value as [string, ...unknown[]];
  // An attribute may have any name: what follows tells.
  if ((head === "And" || head === "Or") && rest.every(Array.isArray)) {
    const nested = rest.length === 1 && (rest[0] as unknown[]).every(Array.isArray);
    const parts = (nested ? (rest[0] as unknown[]) : rest).map((one, i) =>
      readNode(one, nested ? `${at}[1][${i}]` : `${at}[${i + 1}]`, depth + 1, count),
    );
    return head === "And" ? { all: parts } : { any: parts };
  }
  if (head === "Not" && rest.length === 1) return { not: readNode(rest[0], `${at}[1]`, depth + 1, count) };
  return { attribute: head, is: readCondition(rest, at) };
}

function readCondition([operator, operand, options, ...more]: readonly unknown[], at: string): Condition {
  const known = Object.keys(OPERATORS);
  if (typeof operator !== "string" || !Object.hasOwn(OPERATORS, operator)) {
    const near = typeof operator === "string" ? nearest(operator, known) : undefined;
    return refuse(
      `${at}[1]`,
      `knows the operators ${known.join(", ")}`,
      near === undefined ? undefined : `did you mean \`${near}\`?`,
    );
  }
  if (operand === undefined || more.length > 0) return refuse(at, "is [attribute, operator, value]");
  return OPERATORS[operator as Condition["op"]](operand, options, `${at}[2]`);
}

/** As the wire has it; reading it again gives the same filter. */
export function printFilter(filter: Filter): unknown[] {
  if ("all" in filter) return ["And", filter.all.map(printFilter)];
  if ("any" in filter) return ["Or", filter.any.map(printFilter)];
  if ("not" in filter) return ["Not", printFilter(filter.not)];
  const { attribute, is } = filter;
  if ("value" in is) return [attribute, is.op, is.value];
  if ("values" in is) return [attribute, is.op, is.values];
  if ("pattern" in is) return [attribute, is.op, is.pattern];
  if ("lastAsPrefix" in is) return [attribute, is.op, is.tokens, { last_as_prefix: is.lastAsPrefix }];
  if ("tokens" in is) return [attribute, is.op, is.tokens];
  const { maxEditDistance, caseSensitive } = is.options;
  return [
    attribute,
    is.op,
    is.text,
    {
      max_edit_distance: maxEditDistance.map(({ minQueryChars, distance }) => ({
        min_query_chars: minQueryChars,
        distance,
      })),
      case_sensitive: caseSensitive,
    },
  ];
}
