import type { Filter } from "./filter.ts";
import { readFilter } from "./read-filter.ts";
import { isMap } from "../document/is-map.ts";
import { refuseValue } from "./refuse.ts";
import { readVectors, VECTOR } from "./row.ts";

export interface AttributeOrder {
  readonly attribute: string;
  readonly descending: boolean;
}

export type Ranking =
  /** Nearest first; a namespace with one vector a row is asked with one. */
  | { readonly by: "vector"; readonly vectors: readonly Float32Array[] }
  /** Rows that lack an attribute come last. */
  | { readonly by: "attributes"; readonly orders: readonly AttributeOrder[] };

export type Aggregation = { readonly kind: "Count" } | { readonly kind: "Sum"; readonly attribute: string };

export interface VectorQuery {
  /** Absent where only aggregates are asked for. */
  readonly ranking?: Ranking | undefined;
  readonly filter?: Filter | undefined;
  readonly limit: number;
  readonly include: { readonly only: readonly string[] } | { readonly allBut: readonly string[] };
  readonly aggregates: Readonly<Record<string, Aggregation>>;
  /** Attributes whose values make the groups of the aggregates. */
  readonly groupBy: readonly string[];
  readonly vectorEncoding: "float" | "base64";
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 10_000;

function readLimit(body: Readonly<Record<string, unknown>>): number {
  const { limit, top_k: topK } = body;
  const given = (isMap(limit) ? limit["total"] : limit) ?? topK ?? DEFAULT_LIMIT;
  if (isMap(limit) && limit["per"] !== undefined) return refuseValue("limit.per", "is not served here");
  if (Number.isInteger(given) && (given as number) >= 1 && (given as number) <= MAX_LIMIT)
    return given as number;
  return refuseValue("limit", `must be a whole number from 1 to ${MAX_LIMIT}`);
}

const isOrder = (value: unknown): value is [string, "asc" | "desc"] =>
  Array.isArray(value) &&
  value.length === 2 &&
  typeof value[0] === "string" &&
  ["asc", "desc"].includes(value[1] as string);

function readRanking(value: unknown): Ranking | undefined {
  if (value === undefined || value === null) return undefined;
  if (isOrder(value)) return { by: "attributes", orders: [toOrder(value)] };
  if (Array.isArray(value) && value.length > 0 && value.every(isOrder))
    return { by: "attributes", orders: value.map(toOrder) };
  const [attribute, operator, operand] = Array.isArray(value) ? (value as unknown[]) : [];
  if (operator === "ANN" || operator === "kNN") {
    if (attribute !== VECTOR)
      return refuseValue("rank_by[0]", `must be \`${VECTOR}\`, the attribute that has vectors here`);
    return { by: "vector", vectors: readVectors(operand, "rank_by[2]") };
  }
  return refuseValue(
    "rank_by",
    'must be ["vector", "ANN" or "kNN", vector], or [attribute, "asc" or "desc"]',
  );
}

const toOrder = ([attribute, order]: [string, "asc" | "desc"]): AttributeOrder => ({
  attribute,
  descending: order === "desc",
});

function readInclude(body: Readonly<Record<string, unknown>>): VectorQuery["include"] {
  const { include_attributes: include = false, exclude_attributes: exclude } = body;
  const names = (value: unknown, at: string): string[] =>
    Array.isArray(value) && value.every((one) => typeof one === "string")
      ? value
      : refuseValue(at, "must be true, false or a list of names");
  if (exclude !== undefined) return { allBut: names(exclude, "exclude_attributes") };
  if (include === true) return { allBut: [] };
  return { only: include === false || include === null ? [] : names(include, "include_attributes") };
}

function readAggregates(value: unknown): Record<string, Aggregation> {
  if (value === undefined) return {};
  if (!isMap(value)) return refuseValue("aggregate_by", "must be a map of names to aggregates");
  return Object.fromEntries(
    Object.entries(value).map(([name, given]) => {
      const [kind, attribute] = Array.isArray(given) ? (given as unknown[]) : [];
      if (kind === "Count") return [name, { kind }];
      if (kind === "Sum" && typeof attribute === "string") return [name, { kind, attribute }];
      return refuseValue(`aggregate_by.${name}`, 'must be ["Count"] or ["Sum", attribute]');
    }),
  );
}

/** What clients may ask for, and would get a wrong answer without. */
const NOT_SERVED = ["as_of", "between", "nearest_to_id", "cursor", "compute_attributes", "rerank_by"];

export function readQuery(body: unknown): VectorQuery {
  if (!isMap(body)) return refuseValue("the body", "must be a query: {rank_by: […], …}");
  for (const name of NOT_SERVED)
    if (body[name] !== undefined && body[name] !== null) return refuseValue(name, "is not served here");
  const { filters, group_by: groupBy = [], vector_encoding: encoding = "float", vector } = body;
  const ranking = readRanking(
    body["rank_by"] ?? (vector === undefined ? undefined : [VECTOR, "ANN", vector]),
  );
  const aggregates = readAggregates(body["aggregate_by"]);
  if (ranking === undefined && Object.keys(aggregates).length === 0)
    return refuseValue("rank_by", "is needed where there is no aggregate_by");
  if (!Array.isArray(groupBy) || !groupBy.every((one) => typeof one === "string"))
    return refuseValue("group_by", "must be a list of attributes");
  if (encoding !== "float" && encoding !== "base64")
    return refuseValue("vector_encoding", "must be float or base64");
  return {
    ranking,
    filter: filters === undefined || filters === null ? undefined : readFilter(filters),
    limit: readLimit(body),
    include: readInclude(body),
    aggregates,
    groupBy,
    vectorEncoding: encoding,
  };
}
