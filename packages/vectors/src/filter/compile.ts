import {
  type AttributeValue,
  type Comparison,
  type Condition,
  type Filter,
  type Scalar,
  tokensOf,
} from "@hanzo-fn/contract/layer";
import { compareText } from "./order.ts";
import { globPattern, type Pattern, regexPattern } from "./patterns.ts";
import { allTokens, anyToken, fuzzyWords, tokenSequence } from "./words.ts";

/** What a filter is asked about. */
export interface FilterableRow {
  readonly id: string | number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export type RowTest = (row: FilterableRow) => boolean;
type ValueTest = (value: AttributeValue) => boolean;

/** A filter as a function; what it means stands at `Filter`. Throws `validation_error` for a pattern that cannot be read. */
export function compileFilter(filter: Filter): RowTest {
  if ("all" in filter) {
    const parts = filter.all.map(compileFilter);
    return (row) => parts.every((part) => part(row));
  }
  if ("any" in filter) {
    const parts = filter.any.map(compileFilter);
    return (row) => parts.some((part) => part(row));
  }
  if ("not" in filter) {
    const part = compileFilter(filter.not);
    return (row) => !part(row);
  }
  const { attribute } = filter;
  const test = compileCondition(filter.is);
  return (row) => test(valueOf(row, attribute));
}

/** What a row has under a name: its id, an attribute, or null. */
export function valueOf({ id, attributes }: FilterableRow, name: string): AttributeValue {
  if (name === "id") return id;
  return Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null;
}

const isList = (value: AttributeValue): value is readonly Scalar[] => Array.isArray(value);

function isEqual(a: AttributeValue, b: AttributeValue): boolean {
  if (!isList(a) || !isList(b)) return a === b;
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function compileCondition(condition: Condition): ValueTest {
  switch (condition.op) {
    case "Eq":
      return (value) => isEqual(value, condition.value);
    case "NotEq":
      // Of null: is there a value. Of a value: is there another one.
      return (value) => value !== null && !isEqual(value, condition.value);
    case "In":
      return isOneOf(condition.values);
    case "NotIn": {
      const found = isOneOf(condition.values);
      return (value) => value !== null && !found(value);
    }
    case "Lt":
    case "Lte":
    case "Gt":
    case "Gte":
      return compares(condition.op, condition.value);
    case "AnyLt":
    case "AnyLte":
    case "AnyGt":
    case "AnyGte": {
      const test = compares(condition.op.slice(3) as Comparison, condition.value);
      return (value) => isList(value) && value.some(test);
    }
    case "Contains":
      return (value) => isList(value) && value.includes(condition.value);
    case "NotContains":
      return (value) => isList(value) && !value.includes(condition.value);
    case "ContainsAny": {
      const wanted = new Set(condition.values);
      return (value) => isList(value) && value.some((one) => wanted.has(one));
    }
    case "NotContainsAny": {
      const unwanted = new Set(condition.values);
      return (value) => isList(value) && !value.some((one) => unwanted.has(one));
    }
    case "Glob":
    case "IGlob":
      return ofText(globPattern(condition.pattern, { ignoreCase: condition.op === "IGlob" }));
    case "NotGlob":
    case "NotIGlob": {
      const pattern = globPattern(condition.pattern, { ignoreCase: condition.op === "NotIGlob" });
      return (value) => typeof value === "string" && !pattern.test(value);
    }
    case "Regex":
      return ofText(regexPattern(condition.pattern));
    case "ContainsAllTokens":
      return ofWords(allTokens(condition.tokens, condition.lastAsPrefix));
    case "ContainsAnyToken":
      return ofWords(anyToken(condition.tokens, condition.lastAsPrefix));
    case "ContainsTokenSequence":
      return ofWords(tokenSequence(condition.tokens));
    case "Fuzzy":
      return ofText({ test: fuzzyWords(condition.text, condition.options) });
  }
  return condition satisfies never;
}

function isOneOf(values: readonly AttributeValue[]): ValueTest {
  const lists = values.filter(isList);
  const others = new Set(values);
  return (value) => (isList(value) ? lists.some((one) => isEqual(one, value)) : others.has(value));
}

const HOLDS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  Lt: (order) => order < 0,
  Lte: (order) => order <= 0,
  Gt: (order) => order > 0,
  Gte: (order) => order >= 0,
};

function compares(op: Comparison, limit: string | number): ValueTest {
  const holds = HOLDS[op];
  if (typeof limit === "string")
    return (value) => typeof value === "string" && holds(compareText(value, limit));
  return (value) => typeof value === "number" && holds(value - limit);
}

function ofText(pattern: Pattern): ValueTest {
  return (value) => typeof value === "string" && pattern.test(value);
}

/** Of a string its words, of a list of strings the words of all of them, one after the other. */
function ofWords(test: (words: readonly string[]) => boolean): ValueTest {
  return (value) => {
    const texts = isList(value)
      ? value.filter((one) => typeof one === "string")
      : typeof value === "string"
        ? [value]
        : [];
    return texts.length > 0 && test(texts.flatMap(tokensOf));
  };
}
