import { PlatformError } from "@hanzo-fn/contract";
import type { S3Client } from "./client.ts";
import type { ContentCheck } from "../content-check.ts";
import { type S3Error, isS3Error } from "./errors.ts";
import type { Part } from "./parts.ts";
import { elements, escapeXml, textOf } from "./xml.ts";

export interface UploadTarget {
  readonly bucket: string;
  readonly key: string;
}

export interface UploadOptions {
  readonly contentType: string;
  /** Fails with status 412 where the key is taken. */
  readonly ifAbsent?: boolean | undefined;
  /** SHA-256 in hex that the content must have. */
  readonly digest?: string | undefined;
  /** Bytes that the source must give. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Uploaded {
  readonly size: number;
  readonly etag: string;
}

const MAX_PARTS = 10_000;
const ABORT_MS = 10_000;

export const condition = (options: UploadOptions): Record<string, string> =>
  options.ifAbsent === true ? { "if-none-match": "*" } : {};

export const unquote = (etag: string | undefined): string => (etag ?? "").replaceAll('"', "");

export interface Upload {
  readonly client: S3Client;
  readonly target: UploadTarget;
  readonly options: UploadOptions;
  readonly check: ContentCheck;
}

export async function uploadParts(
  up: Upload,
  first: Part,
  rest: AsyncGenerator<Part, undefined>,
): Promise<Uploaded> {
  const { client, target, options } = up;
  const begun = await client.sendForText({
    method: "POST",
    ...target,
    query: { uploads: "" },
    headers: { "content-type": options.contentType },
    signal: options.signal,
  });
  const uploadId = textOf(begun.text, "UploadId") ?? "";
  const etags: string[] = [];
  let sending: Promise<void> = Promise.resolve();
  try {
    // One part is on its way while the next one is read.
    let part: Part | undefined = first;
    for (let number = 1; part; number++) {
      const next: Promise<IteratorResult<Part, undefined>> | undefined = part.last ? undefined : rest.next();
      sending = sendPart(up, { uploadId, number }, part).then((etag) => void etags.push(etag));
      await Promise.all([sending, next]);
      part = (await next)?.value;
    }
    up.check.end();
    return await complete(up, uploadId, etags);
  } catch (error) {
    // Not awaited: a source that hangs would hang this, too.
    rest.return(undefined).catch(() => {});
    // A part that arrives after the abort would stay.
    await sending.catch(() => {});
    // What cannot be aborted now, the bucket's lifecycle rule clears away.
    await client
      .send({ method: "DELETE", ...target, query: { uploadId }, signal: AbortSignal.timeout(ABORT_MS) })
      .then(({ body }) => body.resume())
      .catch(() => {});
    throw error;
  }
}

async function sendPart(
  up: Upload,
  place: { readonly uploadId: string; readonly number: number },
  part: Part,
): Promise<string> {
  if (place.number > MAX_PARTS) {
    throw new PlatformError("payload_too_large", "the object has more bytes than S3 takes in parts", {
      component: "blobs",
    });
  }
  const { headers } = await up.client.sendForText({
    method: "PUT",
    ...up.target,
    query: { partNumber: String(place.number), uploadId: place.uploadId },
    body: part.bytes,
    signal: up.options.signal,
  });
  return headers.etag ?? "";
}

async function complete(up: Upload, uploadId: string, etags: readonly string[]): Promise<Uploaded> {
  const { client, target, options } = up;
  const parts = etags.map(
    (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
  );
  const size = up.check.size();
  try {
    const { text } = await client.sendForText({
      method: "POST",
      ...target,
      query: { uploadId },
      headers: { "content-type": "application/xml", ...condition(options) },
      body: Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`),
      signal: options.signal,
    });
    return { size, etag: unquote(textOf(text, "ETag")) };
  } catch (error) {
    if (!(isS3Error(error, 404) && error.attempts > 1)) throw error;
    return await completedBefore(up, size, error);
  }
}

/** The answer to an earlier attempt was lost, and the upload it completed is no more: the object tells. */
async function completedBefore(up: Upload, size: number, error: S3Error): Promise<Uploaded> {
  const { headers, body } = await up.client.send({ method: "HEAD", ...up.target, signal: up.options.signal });
  body.resume();
  if (Number(headers["content-length"]) !== size) throw error;
  return { size, etag: unquote(headers.etag) };
}

/** The uploads under way in a bucket whose key begins with `prefix`. */
export async function listUploads(client: S3Client, bucket: string, prefix: string): Promise<string[]> {
  const { text } = await client.sendForText({ method: "GET", bucket, query: { uploads: "", prefix } });
  return elements(text, "Upload").map((upload) => textOf(upload, "UploadId") ?? "");
}
