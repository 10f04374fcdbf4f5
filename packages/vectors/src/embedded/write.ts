import { PlatformError } from "@hanzo-fn/contract";
import type {
  AttributeValue,
  Filter,
  RowId,
  VectorWrite,
  WriteCondition,
  WrittenRow,
} from "@hanzo-fn/contract/layer";
import type { JsonObject, StoreTransaction, VectorNamespaceRow, VectorRow } from "@hanzo-fn/store";
import { compileFilter } from "../filter/compile.ts";
import type { NamespaceKey, WriteOutcome } from "../vector-store.ts";
import { toBytes } from "./floats.ts";
import { idTypeWith, storedId, writtenId } from "./ids.ts";
import { type Schema, schemaWith } from "./schema.ts";

const PAGE = 1000;

/** One write, in a transaction that holds its namespace to the end, so that those of a namespace come one after the other. */
export async function writeRows(
  { vectors }: Pick<StoreTransaction, "vectors">,
  { org, name }: NamespaceKey,
  write: VectorWrite,
): Promise<WriteOutcome> {
  const found = await vectors.hold(org, name);
  const copied = write.copyFrom === undefined ? undefined : await vectors.find(org, write.copyFrom);
  if (write.copyFrom !== undefined && copied === undefined) throw missing(write.copyFrom);
  const written = [...write.upserts, ...write.patches];
  const namespace = changed(found, copied, write, written);
  const version = await vectors.advance(found.id, patchOf(found, namespace));
  const { id, idType } = namespace;

  const deleted: string[] = [];
  if (write.deleteByFilter !== undefined) {
    for await (const rows of matching(vectors, namespace, write.deleteByFilter))
      deleted.push(
        ...(await vectors.delete(
          id,
          version,
          rows.map((row) => row.id),
        )),
      );
  }
  const patched: string[] = [];
  if (write.patchByFilter !== undefined) {
    const { filter, patch } = write.patchByFilter;
    for await (const rows of matching(vectors, namespace, filter)) {
      const changes = rows.map((row) => ({ id: row.id, attributes: patch.attributes, vector: null }));
      patched.push(...(await vectors.patch(id, version, changes)));
    }
  }
  const upserted: string[] = [];
  if (copied !== undefined) {
    for await (const rows of matching(vectors, copied, { all: [] }, { vectors: true })) {
      await vectors.put(id, version, rows);
      upserted.push(...rows.map((row) => row.id));
    }
  }
  const allowed = <T extends { readonly id: RowId }>(
    rows: readonly T[],
    condition: WriteCondition | undefined,
    asWritten: (row: T) => WrittenRow,
    ofNew: boolean,
  ): Promise<T[]> => allowedOf(vectors, namespace, rows, condition, asWritten, ofNew);
  const upserts = await allowed(write.upserts, write.upsertCondition, (row) => row, true);
  await inPages(upserts, (rows) => vectors.put(id, version, rows.map(wholeRow)));
  upserted.push(...upserts.map((row) => storedId(row.id)));
  const patches = await allowed(write.patches, write.patchCondition, (row) => row, false);
  await inPages(patches, async (rows) => {
    patched.push(...(await vectors.patch(id, version, rows.map(partOfRow))));
  });
  const ids = write.deletes.map((one) => ({ id: one }));
  const deletes = await allowed(ids, write.deleteCondition, (row) => ({ ...row, attributes: {} }), false);
  await inPages(deletes, async (rows) => {
    deleted.push(
      ...(await vectors.delete(
        id,
        version,
        rows.map((row) => storedId(row.id)),
      )),
    );
  });
  const asWritten = (list: readonly string[]): RowId[] => list.map((one) => writtenId(one, idType));
  return { upserted: asWritten(upserted), patched: asWritten(patched), deleted: asWritten(deleted) };
}

export function missing(name: string): PlatformError {
  return new PlatformError("not_found", `there is no namespace ${name}`, {
    component: "layer",
    next: "write a row to it, which makes it",
  });
}

function refuse(message: string): PlatformError {
  return new PlatformError("validation_error", message, { component: "layer" });
}

/** The namespace after the write. */
function changed(
  found: VectorNamespaceRow,
  copied: VectorNamespaceRow | undefined,
  write: VectorWrite,
  written: readonly WrittenRow[],
): VectorNamespaceRow {
  const start =
    copied === undefined || found.rowCount > 0 ? found : { ...copied, id: found.id, version: found.version };
  if (copied !== undefined && start === found)
    throw refuse(`the namespace ${found.name} has rows, and only an empty one can be made a copy`);
  const metric = write.distanceMetric;
  if (metric !== undefined && start.distanceMetric !== null && start.distanceMetric !== metric)
    throw refuse(`the namespace's distance metric is ${start.distanceMetric}, which its first write fixed`);
  let { dimensions } = start;
  for (const { id, vectors = [] } of written) {
    const length = vectors[0]?.length;
    if (length === undefined) continue;
    dimensions ??= length;
    if (length !== dimensions)
      throw refuse(
        `the vector of ${JSON.stringify(id)} has ${length} dimensions, and the namespace's have ${dimensions}`,
      );
  }
  const rows = write.patchByFilter === undefined ? written : [...written, write.patchByFilter.patch];
  return {
    ...start,
    dimensions,
    distanceMetric: start.distanceMetric ?? metric ?? (dimensions === null ? null : "cosine_distance"),
    idType: idTypeWith(
      start.idType,
      written.map(({ id }) => id),
    ),
    schema: schemaWith(start.schema as Schema, write.schema, rows) as JsonObject,
  };
}

function patchOf(
  before: VectorNamespaceRow,
  { idType, distanceMetric, dimensions, schema }: VectorNamespaceRow,
) {
  return {
    ...(idType === null || idType === before.idType ? {} : { idType }),
    ...(distanceMetric === null ? {} : { distanceMetric }),
    ...(dimensions === null ? {} : { dimensions }),
    ...(schema === before.schema ? {} : { schema }),
  };
}

const wholeRow = ({ id, vectors, attributes }: WrittenRow): VectorRow => ({
  id: storedId(id),
  vector: vectors === undefined ? null : toBytes(vectors),
  attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)),
});

const partOfRow = ({ id, vectors, attributes }: WrittenRow): VectorRow => ({
  id: storedId(id),
  vector: vectors === undefined ? null : toBytes(vectors),
  attributes,
});

async function inPages<T>(
  list: readonly T[],
  write: (page: readonly T[]) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < list.length; i += PAGE) await write(list.slice(i, i + PAGE));
}

/** Rows that a filter holds, by id, in pages that may be empty. */
export async function* matching(
  vectors: StoreTransaction["vectors"],
  namespace: VectorNamespaceRow,
  filter: Filter,
  columns: { readonly vectors: boolean } = { vectors: false },
): AsyncGenerator<VectorRow[]> {
  const holds = compileFilter(filter);
  let after: string | undefined;
  for (;;) {
    const options = { filter, after, limit: PAGE, attributes: true, ...columns };
    const { rows, exact } = await vectors.page(namespace, options);
    yield exact ? [...rows] : rows.filter((row) => holds(filterable(row, namespace)));
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return;
  }
}

export function filterable(
  { id, attributes }: VectorRow,
  { idType }: VectorNamespaceRow,
): { readonly id: RowId; readonly attributes: Readonly<Record<string, AttributeValue>> } {
  return { id: writtenId(id, idType), attributes };
}

/** Rows whose condition the row that there is holds. Where there is none yet, what makes one needs no permission. */
async function allowedOf<T extends { readonly id: RowId }>(
  vectors: StoreTransaction["vectors"],
  namespace: VectorNamespaceRow,
  rows: readonly T[],
  condition: WriteCondition | undefined,
  asWritten: (row: T) => WrittenRow,
  ofNew: boolean,
): Promise<T[]> {
  if (condition === undefined) return [...rows];
  const allowed: T[] = [];
  await inPages(rows, async (page) => {
    const ids = page.map(({ id }) => storedId(id));
    const found = await vectors.get(namespace.id, ids, { attributes: true, vectors: false });
    const byId = new Map(found.map((row) => [row.id, row]));
    for (const row of page) {
      const now = byId.get(storedId(row.id));
      const holds =
        now === undefined ? ofNew : compileFilter(condition.of(asWritten(row)))(filterable(now, namespace));
      if (holds) allowed.push(row);
    }
  });
  return allowed;
}
