import { VECTOR, type VectorQuery, type VectorWrite } from "@hanzo-fn/contract/layer";
import type { NamespaceMetadata, QueryOutcome, StoredRow, WriteOutcome } from "@hanzo-fn/vectors";

type Json = Record<string, unknown>;

const some = (name: string, ids: readonly unknown[], wanted: boolean): Json =>
  wanted && ids.length > 0 ? { [name]: ids } : {};

export function describeWrite(
  { upserted, patched, deleted }: WriteOutcome,
  { returnAffectedIds }: VectorWrite,
  tookMs: number,
): Json {
  const affected = upserted.length + patched.length + deleted.length;
  return {
    status: "OK",
    message: `${affected} rows were written`,
    rows_affected: affected,
    rows_upserted: upserted.length,
    rows_patched: patched.length,
    rows_deleted: deleted.length,
    rows_remaining: false,
    ...some("upserted_ids", upserted, returnAffectedIds),
    ...some("patched_ids", patched, returnAffectedIds),
    ...some("deleted_ids", deleted, returnAffectedIds),
    billing: { billable_logical_bytes_written: 0 },
    performance: { server_total_ms: Math.round(tookMs) },
  };
}

function describeVector(vectors: readonly Float32Array[], encoding: VectorQuery["vectorEncoding"]): unknown {
  const write = (vector: Float32Array): unknown =>
    encoding === "base64"
      ? Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64")
      : Array.from(vector);
  return vectors.length === 1 ? write(vectors[0] as Float32Array) : vectors.map(write);
}

export function describeOutcome(
  { rows, aggregations, groups }: QueryOutcome,
  { vectorEncoding }: VectorQuery,
): Json {
  return {
    ...(rows === undefined
      ? {}
      : {
          rows: rows.map(({ id, attributes, vectors, distance }) => ({
            id,
            ...attributes,
            ...(vectors === undefined ? {} : { [VECTOR]: describeVector(vectors, vectorEncoding) }),
            ...(distance === undefined ? {} : { $dist: distance }),
          })),
        }),
    ...(aggregations === undefined ? {} : { aggregations }),
    ...(groups === undefined ? {} : { aggregation_groups: groups }),
  };
}

export function describeSchema({ schema, dimensions, distanceMetric }: NamespaceMetadata): Json {
  const vector =
    dimensions === undefined
      ? {}
      : { [VECTOR]: { type: `[${dimensions}]f32`, ann: { distance_metric: distanceMetric } } };
  return { ...schema, ...vector };
}

export function describeNamespace(metadata: NamespaceMetadata): Json {
  const { name, rowCount, bytes, createdAt, updatedAt, isUpToDate } = metadata;
  return {
    id: name,
    schema: describeSchema(metadata),
    approx_logical_bytes: bytes,
    approx_row_count: rowCount,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    last_write_at: updatedAt.toISOString(),
    encryption: { mode: "default" },
    index: isUpToDate ? { status: "up-to-date" } : { status: "updating", unindexed_bytes: 0 },
  };
}

export function describeDocument({ id, attributes }: StoredRow, names: readonly string[] | undefined): Json {
  const wanted = Object.entries(attributes).filter(([name]) => names?.includes(name) ?? true);
  return { id: String(id), attributes: Object.fromEntries(wanted) };
}
