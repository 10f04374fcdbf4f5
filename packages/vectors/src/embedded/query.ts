import type {
  AttributeOrder,
  AttributeValue,
  DistanceMetric,
  Filter,
  VectorQuery,
} from "@hanzo-fn/contract/layer";
import { PlatformError } from "@hanzo-fn/contract";
import type { Store, VectorNamespaceRow, VectorRow } from "@hanzo-fn/store";
import { setImmediate as nextTurn } from "node:timers/promises";
import { valueOf } from "../filter/compile.ts";
import { compareText } from "../filter/order.ts";
import type { QueryOutcome, RankedRow, StoredRow } from "../vector-store.ts";
import type { CachedVectors, VectorCache } from "./cache.ts";
import { floatsOf, vectorsOf } from "./floats.ts";
import { writtenId } from "./ids.ts";
import { Nearest, prepared, rowDistance } from "./nearest.ts";
import { filterable, matching } from "./write.ts";

export interface QueryParts {
  readonly store: Pick<Store, "vectors">;
  readonly cache: VectorCache;
}

type Found = { readonly id: string; readonly distance?: number };

export async function runQuery(
  parts: QueryParts,
  namespace: VectorNamespaceRow,
  query: VectorQuery,
  signal: AbortSignal,
): Promise<QueryOutcome> {
  const { ranking, limit } = query;
  const aggregated = await aggregate(parts, namespace, query, signal);
  if (ranking === undefined) return aggregated;
  const found =
    ranking.by === "vector"
      ? await nearest(parts, namespace, ranking.vectors, query, signal)
      : await ordered(parts, namespace, ranking.orders, query, signal);
  return { ...aggregated, rows: await withColumns(parts, namespace, query, found.slice(0, limit)) };
}

/** What was asked for of the rows that were found, those that are still there. */
async function withColumns(
  { store }: QueryParts,
  namespace: VectorNamespaceRow,
  { include }: VectorQuery,
  found: readonly Found[],
): Promise<RankedRow[]> {
  const wants = (name: string): boolean =>
    "only" in include ? include.only.includes(name) : !include.allBut.includes(name);
  const columns = { attributes: true, vectors: wants("vector") };
  const rows = await store.vectors.get(
    namespace.id,
    found.map(({ id }) => id),
    columns,
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  return found.flatMap(({ id, distance }) => {
    const row = byId.get(id);
    if (row === undefined) return [];
    const { attributes, ...rest } = present(row, namespace);
    const wanted = Object.fromEntries(Object.entries(attributes).filter(([name]) => wants(name)));
    return [{ ...rest, attributes: wanted, ...(distance === undefined ? {} : { distance }) }];
  });
}

/** A row as it was written. */
export function present(
  { id, attributes, vector }: VectorRow,
  { idType, dimensions }: VectorNamespaceRow,
): StoredRow {
  const row = { id: writtenId(id, idType), attributes };
  return vector === null || dimensions === null ? row : { ...row, vectors: vectorsOf(vector, dimensions) };
}

/** Milliseconds of computing after which others have a turn. */
const TURN_MS = 4;
const LOOK_EVERY = 256;

async function nearest(
  { store, cache }: QueryParts,
  namespace: VectorNamespaceRow,
  vectors: readonly Float32Array[],
  { filter, limit }: VectorQuery,
  signal: AbortSignal,
): Promise<Found[]> {
  const { dimensions } = namespace;
  if (dimensions === null) return [];
  const length = vectors[0]?.length;
  if (length !== dimensions) {
    throw new PlatformError(
      "validation_error",
      `the query's vector has ${length} dimensions, and the namespace's have ${dimensions}`,
      { component: "layer" },
    );
  }
  const metric = namespace.distanceMetric as DistanceMetric;
  const queries = vectors.map((vector) => prepared(metric, vector));
  const best = new Nearest<string>(limit);
  const cached = await cache.of(namespace);
  if (cached !== undefined) {
    const ids = filter === undefined ? cached.places.keys() : await idsOf(store, namespace, filter, signal);
    await look(cached, metric, queries, ids, best, signal);
  } else {
    for await (const rows of matching(store.vectors, namespace, filter ?? { all: [] }, { vectors: true })) {
      signal.throwIfAborted();
      for (const { id, vector } of rows) {
        if (vector === null) continue;
        const floats = floatsOf(vector);
        best.offer(rowDistance(metric, queries, floats, 0, floats.length), id);
      }
    }
  }
  return best.taken().map(({ distance, item }) => ({ id: item, distance }));
}

async function look(
  cached: CachedVectors,
  metric: DistanceMetric,
  queries: readonly Float32Array[],
  ids: Iterable<string>,
  best: Nearest<string>,
  signal: AbortSignal,
): Promise<void> {
  let turnEnds = performance.now() + TURN_MS;
  let looked = 0;
  for (const id of ids) {
    const place = cached.places.get(id);
    if (place !== undefined)
      best.offer(rowDistance(metric, queries, cached.floats, place.from, place.until), id);
    if (++looked % LOOK_EVERY !== 0 || performance.now() < turnEnds) continue;
    await nextTurn();
    signal.throwIfAborted();
    turnEnds = performance.now() + TURN_MS;
  }
}

async function idsOf(
  store: QueryParts["store"],
  namespace: VectorNamespaceRow,
  filter: Filter,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const rows of matching(store.vectors, namespace, filter)) {
    signal.throwIfAborted();
    for (const { id } of rows) ids.push(id);
  }
  return ids;
}

/** Of values as `Filter` orders them: numbers, then text, then true and false; what is missing or a list comes last. */
function compareValues(a: AttributeValue, b: AttributeValue): number {
  const [x, y] = [rankOf(a), rankOf(b)];
  if (x !== y) return x - y;
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  return x === LAST ? 0 : Number(a) - Number(b);
}

const LAST = 3;

function rankOf(value: AttributeValue): number {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  return typeof value === "boolean" ? 2 : LAST;
}

type Sorted = { readonly id: string; readonly values: readonly AttributeValue[] };

function compareRows(orders: readonly AttributeOrder[]): (a: Sorted, b: Sorted) => number {
  return (a, b) => {
    for (const [i, { descending }] of orders.entries()) {
      const [x, y] = [a.values[i] ?? null, b.values[i] ?? null];
      const isLast = [x, y].some((one) => rankOf(one) === LAST);
      const order = compareValues(x, y);
      if (order !== 0) return descending && !isLast ? -order : order;
    }
    return compareText(a.id, b.id);
  };
}

async function ordered(
  { store }: QueryParts,
  namespace: VectorNamespaceRow,
  orders: readonly AttributeOrder[],
  { filter, limit }: VectorQuery,
  signal: AbortSignal,
): Promise<Found[]> {
  const [first] = orders;
  const inOrder = first?.attribute === "id" && !first.descending;
  const compare = compareRows(orders);
  let kept: Sorted[] = [];
  for await (const rows of matching(store.vectors, namespace, filter ?? { all: [] })) {
    signal.throwIfAborted();
    for (const row of rows) {
      const one = filterable(row, namespace);
      kept.push({ id: row.id, values: orders.map(({ attribute }) => valueOf(one, attribute)) });
    }
    if (inOrder && kept.length >= limit) break;
    // No more than the rows of a page beyond what is asked for are held.
    if (!inOrder) kept = kept.toSorted(compare).slice(0, limit);
  }
  return kept;
}

async function aggregate(
  { store }: QueryParts,
  namespace: VectorNamespaceRow,
  { aggregates, groupBy, filter = { all: [] } }: VectorQuery,
  signal: AbortSignal,
): Promise<QueryOutcome> {
  const names = Object.keys(aggregates);
  if (names.length === 0) return {};
  if (groupBy.length === 0 && names.every((name) => aggregates[name]?.kind === "Count")) {
    const count = await store.vectors.count(namespace, filter);
    if (count !== undefined) return { aggregations: Object.fromEntries(names.map((name) => [name, count])) };
  }
  const groups = new Map<
    string,
    { readonly key: readonly AttributeValue[]; readonly sums: Record<string, number> }
  >();
  if (groupBy.length === 0)
    groups.set("[]", { key: [], sums: Object.fromEntries(names.map((name) => [name, 0])) });
  for await (const rows of matching(store.vectors, namespace, filter)) {
    signal.throwIfAborted();
    for (const row of rows) {
      const one = filterable(row, namespace);
      const key = groupBy.map((name) => valueOf(one, name));
      const shown = JSON.stringify(key);
      let group = groups.get(shown);
      if (group === undefined) {
        group = { key, sums: Object.fromEntries(names.map((name) => [name, 0])) };
        groups.set(shown, group);
      }
      for (const [name, aggregation] of Object.entries(aggregates)) {
        const value = aggregation.kind === "Count" ? 1 : valueOf(one, aggregation.attribute);
        if (typeof value === "number") group.sums[name] = (group.sums[name] ?? 0) + value;
      }
    }
  }
  if (groupBy.length === 0) return { aggregations: groups.get("[]")?.sums };
  return {
    groups: Array.from(groups.values(), ({ key, sums }) => ({
      ...Object.fromEntries(groupBy.map((name, i) => [name, key[i] ?? null])),
      ...sums,
    })),
  };
}
