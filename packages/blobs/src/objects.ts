import type { Readable } from "node:stream";

export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes with the content; without quotes. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

export interface ObjectHead extends ObjectInfo {
  readonly contentType: string;
}

/** The bytes from `start` to `end`, both inclusive and from 0, without `end` to the last; or the last `suffix` bytes. */
export type ObjectRange =
  | { readonly start: number; readonly end?: number | undefined }
  | { readonly suffix: number };

export interface ObjectContent extends ObjectHead {
  /** Which of the object's bytes `body` gives, both inclusive; only where a range was asked for. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** To be read to its end or destroyed. */
  readonly body: Readable;
}

export interface PutObjectOptions {
  /** `application/octet-stream` where not given. */
  readonly contentType?: string | undefined;
  /** Bytes, where known: a source that gives another number is refused with `bad_request`. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GetObjectOptions {
  readonly range?: ObjectRange | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ListObjectsOptions {
  readonly prefix?: string | undefined;
  /** The `cursor` of the page before. */
  readonly cursor?: string | undefined;
  /** 1 to 1000, which is what it is where not given. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ObjectPage {
  /** In the order of the keys' UTF-8 bytes. */
  readonly objects: readonly ObjectInfo[];
  /** Set where there may be more. */
  readonly cursor?: string | undefined;
}

export interface PresignOptions {
  readonly method: "GET" | "PUT";
  /** Whole seconds from now, at least 1; at most a day to get and an hour to put, else `bad_request`. */
  readonly expiresSeconds: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Presigned {
  readonly url: string;
  readonly expiresAt: Date;
}

/**
 * Objects under keys in buckets: what `ctx.storage` stands on. Who may touch what is the caller's to know.
 *
 * A key is 1 to 1024 bytes of UTF-8 in segments of 1 to 255 between single slashes, without control characters and
 * without `.` and `..` as a segment; anything else is `bad_request`, as is a bucket's name that S3 does not allow.
 * Stores on a file system, some S3 services among them, may refuse a key below another one (`a` and `a/b`) with
 * `conflict`. Further errors: `unavailable` (with the cause), `storage_full`, `forbidden` where the service refuses
 * our credentials.
 */
export interface Objects {
  /** Replaces what was there. The object appears whole or not at all; `not_found` where there is no such bucket. */
  put(
    bucket: string,
    key: string,
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options?: PutObjectOptions,
  ): Promise<{ readonly size: number; readonly etag: string }>;
  /** `not_found`; `range_not_satisfiable` where no byte of the range is there. */
  get(bucket: string, key: string, options?: GetObjectOptions): Promise<ObjectContent>;
  head(bucket: string, key: string, signal?: AbortSignal): Promise<ObjectHead | undefined>;
  /** Also where there was none. */
  delete(bucket: string, key: string, signal?: AbortSignal): Promise<void>;
  list(bucket: string, options?: ListObjectsOptions): Promise<ObjectPage>;
  /** A URL that needs no other credentials; `unsupported` where the store has none. */
  presign(bucket: string, key: string, options: PresignOptions): Promise<Presigned>;
  /** Makes the bucket where it is absent, and sees to it that abandoned uploads are cleared away. */
  ensureBucket(bucket: string, signal?: AbortSignal): Promise<void>;
}
