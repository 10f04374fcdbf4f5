import type {
  AttributeSchema,
  AttributeValue,
  DistanceMetric,
  Filter,
  RowId,
  VectorQuery,
  VectorWrite,
} from "@hanzo-fn/contract/layer";

/** A namespace belongs to one organisation, and no other can name it. */
export interface NamespaceKey {
  readonly org: string;
  readonly name: string;
}

export interface StoredRow {
  readonly id: RowId;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Where they were asked for, and there are any. */
  readonly vectors?: readonly Float32Array[] | undefined;
}

export interface RankedRow extends StoredRow {
  /** Of a query by vectors; smaller is nearer. */
  readonly distance?: number | undefined;
}

export interface WriteOutcome {
  readonly upserted: readonly RowId[];
  readonly patched: readonly RowId[];
  readonly deleted: readonly RowId[];
}

export interface QueryOutcome {
  /** Absent where only aggregates were asked for. */
  readonly rows?: readonly RankedRow[] | undefined;
  /** By name; of a query with groups they are in `groups`. */
  readonly aggregations?: Readonly<Record<string, number>> | undefined;
  readonly groups?: readonly Readonly<Record<string, AttributeValue>>[] | undefined;
}

export interface NamespaceMetadata {
  readonly name: string;
  readonly rowCount: number;
  /** Of attributes and vectors, about. */
  readonly bytes: number;
  readonly distanceMetric: DistanceMetric | undefined;
  readonly dimensions: number | undefined;
  /** Of attributes, and of `id`: uint, uuid or string. */
  readonly schema: Readonly<Record<string, AttributeSchema>>;
  readonly createdAt: Date;
  /** Of the newest write. */
  readonly updatedAt: Date;
  /** Whether queries see every write that was answered. */
  readonly isUpToDate: boolean;
}

export interface NamespacePage {
  readonly namespaces: readonly NamespaceMetadata[];
  readonly nextCursor?: string | undefined;
}

export interface ScanPage {
  /** In the order of their ids. */
  readonly rows: readonly StoredRow[];
  /** Where the next page begins; undefined after the last. */
  readonly next?: string | undefined;
}

export interface ScanOptions {
  readonly filter?: Filter | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** Rows that are looked at; a page has those of them that the filter holds. */
  readonly limit: number;
}

/**
 * Rows with vectors and attributes, in namespaces that the first write makes. Reads see every write that was answered.
 * What the store refuses rejects with `validation_error`, a namespace that is not there with `not_found`, and one that
 * does not answer with `upstream_unreachable` or, in the platform's own database, `database_unavailable`.
 */
export interface VectorStore {
  /** All of it, or nothing. */
  write(key: NamespaceKey, write: VectorWrite, signal: AbortSignal): Promise<WriteOutcome>;
  query(key: NamespaceKey, query: VectorQuery, signal: AbortSignal): Promise<QueryOutcome>;
  /** Those that there are, in the order asked for. */
  fetch(key: NamespaceKey, ids: readonly RowId[], signal: AbortSignal): Promise<StoredRow[]>;
  scan(key: NamespaceKey, options: ScanOptions, signal: AbortSignal): Promise<ScanPage>;
  metadata(key: NamespaceKey, signal: AbortSignal): Promise<NamespaceMetadata | undefined>;
  list(
    org: string,
    options: { readonly prefix: string; readonly cursor?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<NamespacePage>;
  /** False where there was none. */
  remove(key: NamespaceKey, signal: AbortSignal): Promise<boolean>;
}
