import { GatewayError } from "../gateway-error.ts";
import { postJson, readJson, type Gateway, type GatewayAnswer } from "./gateway.ts";

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
    options?: { readonly contentType?: string | undefined },
  ): Promise<StoredObject>;
  /** Null where there is no such object. */
  head(ref: string): Promise<ObjectHead | null>;
  /** Also where there is none. */
  delete(ref: string): Promise<void>;
  list(prefix?: string): AsyncIterable<ListedObject>;
  /** A URL with which anyone may read or write the object for `expires` seconds. */
  presign(
    ref: string,
    options?: { readonly method?: "GET" | "PUT" | undefined; readonly expires?: number | undefined },
  ): Promise<string>;
}

const AN_HOUR_S = 3600;

export function createStorage(gateway: Gateway): Storage {
  const read = (ref: string, range: Range = {}): Promise<GatewayAnswer> =>
    gateway.request({ method: "GET", path: objectPath(ref), headers: rangeHeader(range) });

  return {
    get: async (ref) => (await read(ref)).bytes(),
    open: async (ref, range) => (await read(ref, range)).stream(),
    put: async (ref, data, { contentType } = {}) => {
      const headers = contentType === undefined ? {} : { "content-type": contentType };
      const body = typeof data === "string" ? Buffer.from(data, "utf8") : data;
      return (await readJson(
        await gateway.request({ method: "PUT", path: objectPath(ref), headers, body }),
      )) as StoredObject;
    },
    head: async (ref) => {
      try {
        return headOf(await gateway.request({ method: "HEAD", path: objectPath(ref) }));
      } catch (error) {
        if (error instanceof GatewayError && error.status === 404) return null;
        throw error;
      }
    },
    delete: async (ref) => {
      await (await gateway.request({ method: "DELETE", path: objectPath(ref) })).bytes();
    },
    async *list(prefix = "") {
      let cursor: string | null = null;
      do {
        const query = new URLSearchParams({ prefix, ...(cursor === null ? {} : { cursor }) });
        const page = (await readJson(
          await gateway.request({ method: "GET", path: `/v1/storage/list?${query.toString()}` }),
        )) as { readonly objects: readonly ListedObject[]; readonly cursor: string | null };
        yield* page.objects;
        cursor = page.cursor;
      } while (cursor !== null);
    },
    presign: async (ref, { method = "GET", expires = AN_HOUR_S } = {}) => {
      const body = { ref, method, expires_s: expires };
      return ((await postJson(gateway, "/v1/storage/presign", body)) as { url: string }).url;
    },
  };
}

function objectPath(ref: string): string {
  return `/v1/storage/object?ref=${encodeURIComponent(ref.toWellFormed())}`;
}

function rangeHeader({ start, end }: Range): Record<string, string> {
  if (start === undefined && end === undefined) return {};
  if (end !== undefined && end <= (start ?? 0))
    throw new RangeError(`no byte lies between ${start ?? 0} and ${end}`);
  return { range: `bytes=${start ?? 0}-${end === undefined ? "" : end - 1}` };
}

async function headOf(answer: GatewayAnswer): Promise<ObjectHead> {
  await answer.bytes();
  return {
    size: Number(answer.header("content-length") ?? 0),
    etag: answer.header("etag") ?? "",
    contentType: answer.header("content-type") ?? "",
    modified: answer.header("last-modified") ?? "",
  };
}
