import { PlatformError } from "@hanzo-fn/contract";
import { isMap, readQuery, readRowId, type RowId, readWrite } from "@hanzo-fn/contract/layer";
import type { NamespaceKey, NamespaceMetadata, StoredRow, VectorStore } from "@hanzo-fn/vectors";
import type { LayerCall, LayerHandlers } from "../app.ts";
import { readJson } from "../body.ts";
import {
  describeNamespace,
  describeOutcome,
  describeSchema,
  describeWrite,
  describeDocument,
} from "./describe.ts";

export interface NamespaceParts {
  readonly vectors: VectorStore;
  readonly maxBodyBytes: number;
}

type Ids =
  | "listNamespaces"
  | "listNamespaceIds"
  | "writeNamespace"
  | "deleteNamespace"
  | "queryNamespace"
  | "queryNamespaceV1"
  | "namespaceMetadata"
  | "namespaceMetadataV1"
  | "namespaceSchema"
  | "updateNamespaceSchema"
  | "warmNamespace"
  | "fetchDocuments"
  | "fetchDocument";

const NAME = /^[A-Za-z0-9_.-]{1,128}$/;
const MAX_PAGE = 1000;
const MAX_IDS = 10_000;
const MAX_QUERIES = 16;

function refuse(message: string): PlatformError {
  return new PlatformError("validation_error", message, { component: "layer" });
}

function missing(what: string): PlatformError {
  return new PlatformError("not_found", `there is no ${what}`, { component: "layer" });
}

function keyOf({ org, params }: LayerCall): NamespaceKey {
  const name = params["namespace"] ?? "";
  if (NAME.test(name)) return { org, name };
  throw refuse("a namespace's name has 1 to 128 letters, digits, _, . and -");
}

function pageSize(query: URLSearchParams): number {
  const given = query.get("page_size");
  const size = given === null ? 100 : Number(given);
  if (Number.isInteger(size) && size >= 1 && size <= MAX_PAGE) return size;
  throw refuse(`page_size must be a whole number from 1 to ${MAX_PAGE}`);
}

function namesOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw refuse("include_attributes must be a list of names");
}

export function namespaceHandlers({ vectors, maxBodyBytes }: NamespaceParts): Pick<LayerHandlers, Ids> {
  const bodyOf = ({ incoming }: LayerCall): Promise<unknown> => readJson(incoming, maxBodyBytes);
  const found = async (call: LayerCall): Promise<NamespaceMetadata> => {
    const key = keyOf(call);
    const metadata = await vectors.metadata(key, call.signal);
    if (metadata !== undefined) return metadata;
    throw missing(`namespace ${key.name}`);
  };
  const list = (call: LayerCall): ReturnType<VectorStore["list"]> => {
    const { query } = call;
    const cursor = query.get("cursor") ?? undefined;
    return vectors.list(
      call.org,
      { prefix: query.get("prefix") ?? "", cursor, limit: pageSize(query) },
      call.signal,
    );
  };
  const write = async (call: LayerCall, body: unknown): Promise<unknown> => {
    const startedAt = performance.now();
    const read = readWrite(body);
    return describeWrite(
      await vectors.write(keyOf(call), read, call.signal),
      read,
      performance.now() - startedAt,
    );
  };
  const query = async (call: LayerCall, body: unknown): Promise<Record<string, unknown>> => {
    const read = readQuery(body);
    return describeOutcome(await vectors.query(keyOf(call), read, call.signal), read);
  };
  const timed = async (answer: Promise<Record<string, unknown>>): Promise<unknown> => {
    const startedAt = performance.now();
    const described = await answer;
    return { ...described, ...figures(performance.now() - startedAt) };
  };
  const queries = async (call: LayerCall): Promise<unknown> => {
    const body = await bodyOf(call);
    const list = isMap(body) ? body["queries"] : undefined;
    if (!Array.isArray(list)) return timed(query(call, body));
    if (list.length > MAX_QUERIES) throw refuse(`queries may have ${MAX_QUERIES} entries`);
    return timed(Promise.all(list.map((one) => query(call, one))).then((results) => ({ results })));
  };
  const documents = async (call: LayerCall, ids: readonly string[]): Promise<Map<string, StoredRow>> => {
    // Numbers come as text, in paths and from clients that know ids as text.
    const { schema } = await found(call);
    const areNumbers = schema["id"]?.type === "uint";
    const asKept = ids.map((id): RowId => (areNumbers && /^\d{1,16}$/.test(id) ? Number(id) : id));
    const rows = await vectors.fetch(keyOf(call), asKept, call.signal);
    return new Map(rows.map((row) => [String(row.id), row]));
  };
  const metadata = async (call: LayerCall): Promise<unknown> => describeNamespace(await found(call));
  return {
    async listNamespaces(call) {
      const { namespaces, nextCursor } = await list(call);
      return {
        namespaces: namespaces.map(({ name, rowCount, bytes }) => ({
          name,
          row_count: rowCount,
          size_bytes: bytes,
        })),
        ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }),
      };
    },
    async listNamespaceIds(call) {
      const { namespaces, nextCursor } = await list(call);
      return {
        namespaces: namespaces.map(({ name }) => ({ id: name })),
        ...(nextCursor === undefined ? {} : { next_cursor: nextCursor }),
      };
    },
    writeNamespace: async (call) => write(call, await bodyOf(call)),
    async deleteNamespace(call) {
      const key = keyOf(call);
      if (await vectors.remove(key, call.signal)) return { status: "OK" };
      throw missing(`namespace ${key.name}`);
    },
    queryNamespace: queries,
    queryNamespaceV1: queries,
    namespaceMetadata: metadata,
    namespaceMetadataV1: metadata,
    namespaceSchema: async (call) => describeSchema(await found(call)),
    async updateNamespaceSchema(call) {
      await found(call);
      await write(call, { schema: await bodyOf(call) });
      return describeSchema(await found(call));
    },
    async warmNamespace(call) {
      await found(call);
      return { status: "ACCEPTED", message: "the next query finds what it needs" };
    },
    async fetchDocuments(call) {
      const body = await bodyOf(call);
      const { ids, include_attributes: include } = isMap(body) ? body : {};
      if (!Array.isArray(ids)) throw refuse("ids must be a list");
      if (ids.length > MAX_IDS) throw refuse(`ids may have ${MAX_IDS} entries`);
      const wanted = ids.map((id, i) => String(readRowId(id, `ids[${i}]`)));
      const names = namesOf(include);
      const rows = await documents(call, wanted);
      return {
        documents: wanted.flatMap((id) => {
          const row = rows.get(id);
          return row === undefined ? [] : [describeDocument(row, names)];
        }),
        missing: wanted.filter((id) => !rows.has(id)),
      };
    },
    async fetchDocument(call) {
      const id = String(readRowId(call.params["id"], "the id"));
      const row = (await documents(call, [id])).get(id);
      if (row === undefined) throw missing(`document ${id}`);
      return describeDocument(row, call.query.get("include_attributes")?.split(","));
    },
  };
}

/** Nothing is billed here; clients ask for the places all the same. */
function figures(tookMs: number): Record<string, unknown> {
  return {
    billing: { billable_logical_bytes_queried: 0, billable_logical_bytes_returned: 0 },
    performance: {
      cache_hit_ratio: 1,
      cache_temperature: "hot",
      server_total_ms: Math.round(tookMs),
      query_execution_ms: Math.round(tookMs),
      exhaustive_search_count: 0,
      approx_namespace_size: 0,
    },
  };
}
