import { createHash } from "node:crypto";
import type { S3Settings } from "./settings.ts";

export interface S3Call {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly bucket: string;
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SignedCall {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Signer {
  /** `now` in milliseconds since the epoch. */
  sign(call: S3Call, now: number): Promise<SignedCall>;
  /** A URL that carries the signature itself. */
  presign(call: S3Call, now: number, expiresSeconds: number): Promise<string>;
}

const EMPTY = new Uint8Array();

/** Signature Version 4 of the AWS API. The library is loaded at the first signature. */
export function createSigner(settings: S3Settings): Signer {
  const endpoint = new URL(settings.url);
  // The signing key of a day, made once.
  const cache = new Map<string, ArrayBuffer>();
  const signer = async (call: S3Call, now: number, extra: { url: URL; headers?: Record<string, string> }) => {
    const { AwsV4Signer } = await import("aws4fetch");
    return new AwsV4Signer({
      method: call.method,
      url: extra.url.href,
      headers: extra.headers ?? {},
      accessKeyId: settings.accessKey,
      secretAccessKey: settings.secretKey,
      ...(settings.sessionToken === undefined ? {} : { sessionToken: settings.sessionToken }),
      service: "s3",
      region: settings.region ?? "us-east-1",
      cache,
      datetime: new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}/g, ""),
      signQuery: extra.headers === undefined,
    }).sign();
  };
  return {
    async sign(call, now) {
      const headers = { ...call.headers, "x-amz-content-sha256": contentHash(endpoint, call.body ?? EMPTY) };
      const signed = await signer(call, now, { url: urlOf(endpoint, call), headers });
      return { url: signed.url, headers: Object.fromEntries(signed.headers) };
    },
    async presign(call, now, expiresSeconds) {
      const query = { ...call.query, "X-Amz-Expires": String(expiresSeconds) };
      const signed = await signer(call, now, { url: urlOf(endpoint, { ...call, query }) });
      return signed.url.href;
    },
  };
}

/** Over TLS the bytes are safe already, which saves hashing them. */
function contentHash(endpoint: URL, body: Uint8Array): string {
  return endpoint.protocol === "https:"
    ? "UNSIGNED-PAYLOAD"
    : createHash("sha256").update(body).digest("hex");
}

function urlOf(endpoint: URL, call: Pick<S3Call, "bucket" | "key" | "query">): URL {
  const url = new URL(endpoint);
  const key = call.key === undefined ? "" : `/${call.key.split("/").map(percent).join("/")}`;
  url.pathname = `${endpoint.pathname.replace(/\/$/, "")}/${call.bucket}${key}`;
  for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
  return url;
}

/** As Signature Version 4 wants it: everything but RFC 3986's unreserved characters. */
function percent(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
