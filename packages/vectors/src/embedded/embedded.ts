import type { AttributeSchema, DistanceMetric } from "@hanzo-fn/contract/layer";
import type { Store, VectorNamespaceRow } from "@hanzo-fn/store";
import { compileFilter } from "../filter/compile.ts";
import type { NamespaceKey, NamespaceMetadata, VectorStore } from "../vector-store.ts";
import { VectorCache } from "./cache.ts";
import { storedId } from "./ids.ts";
import { present, runQuery } from "./query.ts";
import { filterable, missing, writeRows } from "./write.ts";

export interface EmbeddedVectorOptions {
  /** Of vectors in memory, all namespaces together, about. */
  readonly maxCacheBytes: number;
}

/** A write of all rows that one request may have takes longer than statements elsewhere. */
const WRITE_TIMEOUT_MS = 60_000;

/** Namespaces in the platform's database. Nearest neighbours are exact: every vector is looked at. */
export function createEmbeddedVectors(
  { store }: { readonly store: Pick<Store, "vectors" | "withTransaction"> },
  { maxCacheBytes }: EmbeddedVectorOptions,
): VectorStore {
  const cache = new VectorCache(store, maxCacheBytes);
  const find = async ({ org, name }: NamespaceKey): Promise<VectorNamespaceRow> => {
    const found = await store.vectors.find(org, name);
    if (found === undefined) throw missing(name);
    return found;
  };
  return {
    write: (key, write) =>
      store.withTransaction((tx) => writeRows(tx, key, write), { statementTimeoutMs: WRITE_TIMEOUT_MS }),

    query: async (key, query, signal) => runQuery({ store, cache }, await find(key), query, signal),

    async fetch(key, ids) {
      const namespace = await find(key);
      const columns = { attributes: true, vectors: true };
      const rows = await store.vectors.get(namespace.id, ids.map(storedId), columns);
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ids.flatMap((id) => {
        const row = byId.get(storedId(id));
        return row === undefined ? [] : [present(row, namespace)];
      });
    },

    async scan(key, { filter, after, limit }) {
      const namespace = await find(key);
      const page = await store.vectors.page(namespace, {
        filter,
        after,
        limit,
        attributes: true,
        vectors: false,
      });
      const holds = page.exact || filter === undefined ? undefined : compileFilter(filter);
      const rows = page.rows.filter((row) => holds?.(filterable(row, namespace)) ?? true);
      return {
        rows: rows.map((row) => present(row, namespace)),
        next: page.rows.length < limit ? undefined : page.rows.at(-1)?.id,
      };
    },

    async metadata({ org, name }) {
      const found = await store.vectors.find(org, name);
      return found === undefined ? undefined : describe(found);
    },

    async list(org, { prefix, cursor = "", limit }) {
      const found = await store.vectors.list(org, { prefix, after: cursor, limit });
      return {
        namespaces: found.map(describe),
        nextCursor: found.length < limit ? undefined : found.at(-1)?.name,
      };
    },

    remove: ({ org, name }) => store.vectors.remove(org, name),
  };
}

function describe(row: VectorNamespaceRow): NamespaceMetadata {
  return {
    name: row.name,
    rowCount: row.rowCount,
    bytes: row.bytes,
    distanceMetric: (row.distanceMetric as DistanceMetric | null) ?? undefined,
    dimensions: row.dimensions ?? undefined,
    schema: {
      ...(row.idType === null ? {} : { id: { type: row.idType } }),
      ...(row.schema as Readonly<Record<string, AttributeSchema>>),
    },
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    isUpToDate: true,
  };
}
