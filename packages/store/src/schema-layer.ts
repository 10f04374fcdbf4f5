import type { Generated, JSONColumnType, Selectable } from "kysely";
import type { JsonObject } from "./json.ts";

export type VectorIdType = "uint" | "uuid" | "string";

interface VectorNamespacesTable {
  id: Generated<number>;
  org: string;
  name: string;
  /** Of all ids, which are not mixed; null until there is a row. */
  idType: VectorIdType | null;
  /** Fixed by the first write that names one. */
  distanceMetric: string | null;
  /** Of every vector; null until there is one. */
  dimensions: number | null;
  schema: JSONColumnType<JsonObject, string | undefined, string>;
  /** Rises with every write. */
  version: Generated<number>;
  rowCount: Generated<number>;
  /** Of attributes and vectors, as they are stored. */
  bytes: Generated<number>;
  createdAt: Generated<Date>;
  updatedAt: Generated<Date>;
}

/** Rows are read and written by statements of their own (`queries/vectors.ts`) and have no type here. */
export interface LayerTables {
  vectorNamespaces: VectorNamespacesTable;
}

export type VectorNamespaceRow = Selectable<VectorNamespacesTable>;
