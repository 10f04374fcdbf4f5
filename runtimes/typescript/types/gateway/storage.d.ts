import { type Gateway } from "./gateway.js";
export interface StoredObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
}
export interface ListedObject extends StoredObject {
  /** RFC 3339. */
  readonly modified: string;
}
export interface ObjectHead {
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
  readonly contentType: string;
  /** As the HTTP header `Last-Modified` has it. */
  readonly modified: string;
}
/** A part of an object: from byte `start` up to and without byte `end`. */
export interface Range {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}
/**
 * Objects by `ref`: a key in the function's own folder (`out/a.txt`), `s3://bucket/key`, or a URL of the storage
 * endpoint. Everything throws `GatewayError`.
 */
export interface Storage {
  get(ref: string): Promise<Uint8Array>;
  /** The object as a stream; `not_found` is thrown before there is one. */
  open(ref: string, range?: Range): Promise<ReadableStream<Uint8Array>>;
  /** The object appears whole or not at all. */
  put(
    ref: string,
    data: string | Uint8Array | AsyncIterable<Uint8Array>,
    options?: {
      readonly contentType?: string | undefined;
    },
  ): Promise<StoredObject>;
  /** Null where there is no such object. */
  head(ref: string): Promise<ObjectHead | null>;
  /** Also where there is none. */
  delete(ref: string): Promise<void>;
  list(prefix?: string): AsyncIterable<ListedObject>;
  /** A URL with which anyone may read or write the object for `expires` seconds. */
  presign(
    ref: string,
    options?: {
      readonly method?: "GET" | "PUT" | undefined;
      readonly expires?: number | undefined;
    },
  ): Promise<string>;
}
export declare function createStorage(gateway: Gateway): Storage;
