export interface BlobInfo {
  /** Bytes. */
  readonly size: number;
  readonly etag?: string | undefined;
  readonly modifiedAt: Date;
}

export interface ListedBlob {
  readonly key: string;
  readonly size: number;
  readonly modifiedAt: Date;
}

/** Bytes from `start` to `end`, both inclusive and from 0; without `end` to the last one. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number | undefined;
}

export interface PutOptions {
  /** SHA-256 of the content in hex; another content is refused with `invalid_source` and leaves nothing behind. */
  readonly digest?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DeleteOptions {
  /** Keeps a blob that was stored or put again after this. */
  readonly unmodifiedSince?: Date | undefined;
}

/**
 * Immutable bytes under keys (`checkKey`). A blob is wholly there or wholly absent, whenever the process is
 * killed. A full disk throws `storage_full`.
 */
export interface Blobs {
  /**
   * Stores where the key is free. `present` leaves the bytes that are there, may leave `source` unread, and sets
   * the blob's time of modification to now.
   */
  putIfAbsent(key: string, source: BlobSource, options?: PutOptions): Promise<"stored" | "present">;
  /** Streams the bytes; throws `not_found`. A range beyond the end gives what there is of it. */
  get(key: string, range?: ByteRange): AsyncIterable<Buffer>;
  head(key: string): Promise<BlobInfo | undefined>;
  /** Every blob whose key begins with `prefix`, in the order of the keys' bytes. */
  list(prefix: string): AsyncIterable<ListedBlob>;
  /** False where there was none, or it was modified since. */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
}

export type BlobSource = AsyncIterable<Uint8Array> | Uint8Array;
