import type { AttributeValue, Comparison, Condition, Filter, Scalar } from "@hanzo-fn/contract/layer";
import { sql, type RawBuilder } from "kysely";
import type { VectorIdType } from "../schema-layer.ts";

/** A filter as a condition of `vector_rows as r`. */
export interface FilterSql {
  readonly sql: RawBuilder<boolean>;
  /** False where more rows hold it than hold the filter: what PostgreSQL would judge otherwise is left to the caller. */
  readonly exact: boolean;
}

const ALL: FilterSql = { sql: sql`true`, exact: true };
const UNKNOWN: FilterSql = { sql: sql`true`, exact: false };

/** Ids that are numbers, as rows have them. */
export const paddedId = (id: number): string => String(id).padStart(20, "0");

/**
 * A condition that holds wherever the filter does. PostgreSQL compares strings by bytes, numbers by value and knows
 * patterns, words and case by rules of its own, so that those are not asked of it.
 */
export function filterSql(filter: Filter, idType: VectorIdType | null): FilterSql {
  if ("all" in filter) {
    const parts = filter.all.map((part) => filterSql(part, idType));
    return parts.length === 0
      ? ALL
      : { sql: joined(parts, sql` and `), exact: parts.every(({ exact }) => exact) };
  }
  if ("any" in filter) {
    const parts = filter.any.map((part) => filterSql(part, idType));
    if (parts.length === 0) return { sql: sql`false`, exact: true };
    return { sql: joined(parts, sql` or `), exact: parts.every(({ exact }) => exact) };
  }
  if ("not" in filter) {
    const part = filterSql(filter.not, idType);
    // What holds more often than the filter says nothing of where the filter does not hold.
    return part.exact ? { sql: sql`not ${part.sql}`, exact: true } : UNKNOWN;
  }
  const value = filter.attribute === "id" ? idValue(idType) : sql`r.attributes -> ${filter.attribute}::text`;
  const condition = conditionSql(value, filter.is);
  return condition === undefined ? UNKNOWN : { sql: sql`coalesce(${condition}, false)`, exact: true };
}

function joined(parts: readonly FilterSql[], by: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`(${sql.join(
    parts.map((part) => part.sql),
    by,
  )})`;
}

/** The id as the wire has it. */
function idValue(idType: VectorIdType | null): RawBuilder<unknown> {
  return idType === "uint" ? sql`to_jsonb(r.id::bigint)` : sql`to_jsonb(r.id)`;
}

type Value = RawBuilder<unknown>;

const json = (value: AttributeValue): Value => sql`${JSON.stringify(value)}::jsonb`;
const jsons = (values: readonly AttributeValue[]): Value =>
  sql`${values.map((one) => JSON.stringify(one))}::jsonb[]`;
const isArray = (value: Value): Value => sql`jsonb_typeof(${value}) = 'array'`;

/** Undefined where PostgreSQL is not asked. Null, as of a missing attribute, means that it does not hold. */
function conditionSql(value: Value, is: Condition): Value | undefined {
  switch (is.op) {
    case "Eq":
      return is.value === null ? sql`${value} is null` : sql`${value} = ${json(is.value)}`;
    case "NotEq":
      return is.value === null ? sql`${value} is not null` : sql`${value} <> ${json(is.value)}`;
    case "In":
      return isOneOf(value, is.values);
    case "NotIn":
      return sql`${value} is not null and not coalesce(${isOneOf(value, is.values)}, false)`;
    case "Lt":
    case "Lte":
    case "Gt":
    case "Gte":
      return compares(value, is.op, is.value);
    case "AnyLt":
    case "AnyLte":
    case "AnyGt":
    case "AnyGte": {
      const op = is.op.slice(3) as Comparison;
      return sql`exists (select from ${elements(value)} as e (one) where ${compares(sql`e.one`, op, is.value)})`;
    }
    case "Contains":
      return sql`${isArray(value)} and ${value} @> ${json([is.value])}`;
    case "NotContains":
      return sql`${isArray(value)} and not ${value} @> ${json([is.value])}`;
    case "ContainsAny":
      return sql`${isArray(value)} and ${containsAny(value, is.values)}`;
    case "NotContainsAny":
      return sql`${isArray(value)} and not ${containsAny(value, is.values)}`;
    case "Glob":
    case "NotGlob":
    case "IGlob":
    case "NotIGlob":
    case "Regex":
    case "ContainsAllTokens":
    case "ContainsAnyToken":
    case "ContainsTokenSequence":
    case "Fuzzy":
      return undefined;
  }
  return is satisfies never;
}

function isOneOf(value: Value, values: readonly AttributeValue[]): Value {
  const present = sql`${value} = any(${jsons(values.filter((one) => one !== null))})`;
  return values.includes(null) ? sql`(${value} is null or ${present})` : present;
}

function elements(value: Value): Value {
  return sql`jsonb_array_elements(case when ${isArray(value)} then ${value} else '[]' end)`;
}

function containsAny(value: Value, values: readonly Scalar[]): Value {
  return sql`exists (select from ${elements(value)} as e (one) where e.one = any(${jsons(values)}))`;
}

const SIGNS: Readonly<Record<Comparison, Value>> = { Lt: sql`<`, Lte: sql`<=`, Gt: sql`>`, Gte: sql`>=` };

/** A cast of what is no number fails, and only `case` keeps the order of what it looks at. */
function compares(value: Value, op: Comparison, limit: string | number): Value {
  return typeof limit === "string"
    ? sql`case when jsonb_typeof(${value}) = 'string' then (${value} #>> '{}') collate "C" ${SIGNS[op]} ${limit}::text end`
    : sql`case when jsonb_typeof(${value}) = 'number' then (${value})::numeric ${SIGNS[op]} ${json(limit)}::numeric end`;
}
