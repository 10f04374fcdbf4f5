import type { AttributeValue, Filter } from "./filter.ts";
import { readFilter } from "./read-filter.ts";
import { isMap } from "../document/is-map.ts";
import { listOf, refuseValue } from "./refuse.ts";
import {
  readAttributes,
  readColumns,
  readRow,
  readRowId,
  requireAttributeName,
  type RowId,
  type WrittenRow,
} from "./row.ts";

const DISTANCE_METRICS = ["cosine_distance", "euclidean_squared"] as const;
export type DistanceMetric = (typeof DISTANCE_METRICS)[number];

/** A type and whatever else was declared, as it was written. */
export type AttributeSchema = Readonly<Record<string, unknown>> & { readonly type: string };

/** A filter over the row as it is, which may name attributes of the row as it is to be: `{"$ref_new": name}`. */
export interface WriteCondition {
  of(row: WrittenRow): Filter;
}

/** What a write does, in this order: the filters', then rows, patches and deletes. */
export interface VectorWrite {
  readonly deleteByFilter?: Filter | undefined;
  readonly patchByFilter?: { readonly filter: Filter; readonly patch: Omit<WrittenRow, "id"> } | undefined;
  /** All rows of another namespace first. */
  readonly copyFrom?: string | undefined;
  readonly upserts: readonly WrittenRow[];
  readonly patches: readonly WrittenRow[];
  readonly deletes: readonly RowId[];
  readonly upsertCondition?: WriteCondition | undefined;
  readonly patchCondition?: WriteCondition | undefined;
  readonly deleteCondition?: WriteCondition | undefined;
  readonly distanceMetric?: DistanceMetric | undefined;
  readonly schema: Readonly<Record<string, AttributeSchema>>;
  readonly returnAffectedIds: boolean;
}

const MAX_ROWS = 100_000;
const TYPE = /^(?:\[\])?(?:string|int|uint|float|uuid|datetime|bool)$|^\[\d+\]f(?:16|32)$/;

function rowsOf(body: Readonly<Record<string, unknown>>, kind: "upsert" | "patch"): WrittenRow[] {
  const { [`${kind}_rows`]: rows, [`${kind}_columns`]: columns } = body;
  return unique(
    [
      ...(rows === undefined ? [] : listOf(rows, `${kind}_rows`, readRow)),
      ...(columns === undefined ? [] : readColumns(columns, `${kind}_columns`)),
    ],
    kind,
    ({ id }) => id,
  );
}

/** A list in which no id comes twice, of which nobody could say which counts. */
function unique<T>(list: readonly T[], what: string, idOf: (one: T) => RowId): T[] {
  if (list.length > MAX_ROWS) return refuseValue(what, `takes at most ${MAX_ROWS} rows at once`);
  const seen = new Set<RowId>();
  for (const one of list) {
    const id = idOf(one);
    if (seen.has(id)) return refuseValue(what, `names the id ${JSON.stringify(id)} twice`);
    seen.add(id);
  }
  return [...list];
}

function readSchema(value: unknown): Record<string, AttributeSchema> {
  if (value === undefined) return {};
  if (!isMap(value)) return refuseValue("schema", "must be a map of attributes to their types");
  return Object.fromEntries(
    Object.entries(value).map(([name, given]) => {
      requireAttributeName(name, "schema");
      const declared = typeof given === "string" ? { type: given } : given;
      if (!isMap(declared) || typeof declared["type"] !== "string" || !TYPE.test(declared["type"]))
        return refuseValue(
          `schema.${name}`,
          "must be a type: string, int, uint, float, uuid, datetime, bool, a list of one, such as []string, or [N]f32",
        );
      return [name, declared as AttributeSchema];
    }),
  );
}

function readMetric(value: unknown): DistanceMetric | undefined {
  if (value === undefined) return undefined;
  const known = DISTANCE_METRICS.find((metric) => metric === value);
  return known ?? refuseValue("distance_metric", `must be one of ${DISTANCE_METRICS.join(", ")}`);
}

function readPatchByFilter(value: unknown): VectorWrite["patchByFilter"] {
  if (value === undefined) return undefined;
  const { filters, patch } = isMap(value) ? value : {};
  if (!isMap(patch)) return refuseValue("patch_by_filter", "must be {filters, patch: {…}}");
  return {
    filter: readFilter(filters),
    patch: { attributes: readAttributes(patch, "patch_by_filter.patch") },
  };
}

function readSource(value: unknown): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  const source = isMap(value) ? value["source_namespace"] : undefined;
  return typeof source === "string" ? source : refuseValue("copy_from_namespace", "must name a namespace");
}

export function readWrite(body: unknown): VectorWrite {
  if (!isMap(body)) return refuseValue("the body", "must be a write: {upsert_rows: […], …}");
  const condition = (name: string): WriteCondition | undefined =>
    body[name] === undefined ? undefined : readCondition(body[name]);
  const { deletes, delete_by_filter: deleteByFilter } = body;
  return {
    deleteByFilter: deleteByFilter === undefined ? undefined : readFilter(deleteByFilter),
    patchByFilter: readPatchByFilter(body["patch_by_filter"]),
    copyFrom: readSource(body["copy_from_namespace"] ?? body["branch_from_namespace"]),
    upserts: rowsOf(body, "upsert"),
    patches: rowsOf(body, "patch"),
    deletes:
      deletes === undefined ? [] : unique(listOf(deletes, "deletes", readRowId), "deletes", (id) => id),
    upsertCondition: condition("upsert_condition"),
    patchCondition: condition("patch_condition"),
    deleteCondition: condition("delete_condition"),
    distanceMetric: readMetric(body["distance_metric"]),
    schema: readSchema(body["schema"]),
    returnAffectedIds: body["return_affected_ids"] === true,
  };
}

const isReference = (value: unknown): value is { readonly $ref_new: string } =>
  isMap(value) && typeof value["$ref_new"] === "string" && Object.keys(value).length === 1;

function mentions(value: unknown): boolean {
  return isReference(value) || (Array.isArray(value) && value.some(mentions));
}

/** What compares by order holds of nothing where there is nothing to compare with. */
const ORDERED = /^(?:Any)?[LG]te?$/;
const NEVER = ["Or", []];

function readCondition(value: unknown): WriteCondition {
  if (!mentions(value)) {
    const filter = readFilter(value);
    return { of: () => filter };
  }
  // Whether it can be read does not hang on the row.
  readFilter(resolved(value, () => 0));
  return {
    of: ({ id, attributes }) =>
      readFilter(
        resolved(value, (name) =>
          name === "id" ? id : Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null,
        ),
      ),
  };
}

function resolved(value: unknown, read: (name: string) => AttributeValue): unknown {
  if (isReference(value)) return read(value.$ref_new);
  if (!Array.isArray(value)) return value;
  const parts = value.map((one) => resolved(one, read));
  const [, operator, operand] = parts;
  const isLost =
    isReference(value[2]) && operand === null && typeof operator === "string" && ORDERED.test(operator);
  return isLost ? NEVER : parts;
}
