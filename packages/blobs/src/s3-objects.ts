import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import {
  checkBucket,
  checkContentType,
  checkExpires,
  checkObjectKey,
  checkObjectRange,
  cursorOf,
  DEFAULT_CONTENT_TYPE,
  pageRequest,
} from "./object-keys.ts";
import type {
  GetObjectOptions,
  ListObjectsOptions,
  ObjectContent,
  ObjectHead,
  ObjectPage,
  ObjectRange,
  Objects,
  Presigned,
  PresignOptions,
} from "./objects.ts";
import { type S3Client, createS3Client } from "./s3/client.ts";
import { S3Error, isS3Error, mapped } from "./s3/errors.ts";
import { listPage } from "./s3/list.ts";
import { unquote } from "./s3/multipart.ts";
import type { S3Settings } from "./s3/settings.ts";
import { upload } from "./s3/upload.ts";

/** Objects of an S3 service, addressed by path. A connection is made at the first call. */
export function openS3Objects(deps: { readonly clock: Clock }, settings: S3Settings): Objects {
  const client = createS3Client(deps, settings);
  return {
    async put(bucket, key, source, options = {}) {
      check(bucket, key);
      const contentType = options.contentType ?? DEFAULT_CONTENT_TYPE;
      checkContentType(contentType);
      return await mapped(nameOf(bucket, key), () =>
        upload(client, { bucket, key }, source, { contentType, size: options.size, signal: options.signal }),
      );
    },
    get: (bucket, key, options) => getObject(client, { bucket, key }, options ?? {}),
    async head(bucket, key, signal) {
      check(bucket, key);
      return await mapped(nameOf(bucket, key), () => headObject(client, { bucket, key }, signal));
    },
    async delete(bucket, key, signal) {
      check(bucket, key);
      await mapped(nameOf(bucket, key), () => deleteObject(client, { bucket, key }, signal));
    },
    list: (bucket, options) => listObjects(client, bucket, options ?? {}),
    presign: (bucket, key, options) => presign(client, { bucket, key }, options),
    async ensureBucket(bucket, signal) {
      checkBucket(bucket);
      await mapped(`s3://${bucket}`, () => ensureBucket(client, bucket, signal));
    },
  };
}

interface Target {
  readonly bucket: string;
  readonly key: string;
}

function check(bucket: string, key: string): void {
  checkBucket(bucket);
  checkObjectKey(key);
}

const nameOf = (bucket: string, key: string): string => `object s3://${bucket}/${key}`;

async function getObject(
  client: S3Client,
  target: Target,
  options: GetObjectOptions,
): Promise<ObjectContent> {
  check(target.bucket, target.key);
  checkObjectRange(options.range);
  const headers = options.range ? { range: rangeHeader(options.range) } : {};
  const { headers: found, body } = await mapped(nameOf(target.bucket, target.key), () =>
    client.send({ method: "GET", ...target, headers, signal: options.signal }),
  );
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(found["content-range"] ?? "");
  const head = headOf(target.key, found);
  if (!options.range || !range) return { ...head, body };
  return {
    ...head,
    size: Number(range[3]),
    range: { start: Number(range[1]), end: Number(range[2]) },
    body,
  };
}

const rangeHeader = (range: ObjectRange): string =>
  "suffix" in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ""}`;

function headOf(key: string, headers: IncomingHttpHeaders): ObjectHead {
  return {
    key,
    size: Number(headers["content-length"]),
    etag: unquote(headers.etag),
    modifiedAt: new Date(headers["last-modified"] ?? 0),
    contentType: headers["content-type"] ?? DEFAULT_CONTENT_TYPE,
  };
}

async function headObject(
  client: S3Client,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<ObjectHead | undefined> {
  try {
    const { headers, body } = await client.send({ method: "HEAD", ...target, signal });
    body.resume();
    return headOf(target.key, headers);
  } catch (error) {
    if (isS3Error(error, 404)) return undefined;
    throw error;
  }
}

async function deleteObject(
  client: S3Client,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await client.sendForText({ method: "DELETE", ...target, signal });
  } catch (error) {
    if (!(error instanceof S3Error && error.code === "NoSuchKey")) throw error;
  }
}

async function listObjects(
  client: S3Client,
  bucket: string,
  options: ListObjectsOptions,
): Promise<ObjectPage> {
  checkBucket(bucket);
  const request = pageRequest(options);
  const page = await mapped(`s3://${bucket}`, () =>
    listPage(client, bucket, { ...request, signal: options.signal }),
  );
  return { objects: page.objects, ...(page.after === undefined ? {} : { cursor: cursorOf(page.after) }) };
}

async function presign(client: S3Client, target: Target, options: PresignOptions): Promise<Presigned> {
  check(target.bucket, target.key);
  const { method, expiresSeconds } = options;
  checkExpires(method, expiresSeconds);
  options.signal?.throwIfAborted();
  const now = client.clock.now();
  const url = await client.presign({ method, ...target }, expiresSeconds);
  return { url, expiresAt: new Date(now + expiresSeconds * 1000) };
}

/** What nobody completed within a week goes, as HIP-32 asks of every bucket. */
const LIFECYCLE = Buffer.from(
  "<LifecycleConfiguration><Rule><ID>abandoned-uploads</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>" +
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>" +
    "</Rule></LifecycleConfiguration>",
);

async function ensureBucket(
  client: S3Client,
  bucket: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const { body } = await client.send({ method: "HEAD", bucket, signal });
    body.resume();
    return;
  } catch (error) {
    if (!isS3Error(error, 404)) throw error;
  }
  await client.sendForText({ method: "PUT", bucket, signal }).catch((error: unknown) => {
    // A rival made it meanwhile.
    if (!(error instanceof S3Error && error.code === "BucketAlreadyOwnedByYou")) throw error;
  });
  await putLifecycle(client, bucket, signal);
}

/** Only in a bucket that we made: another one's rules are its owner's. Not every service knows such rules. */
async function putLifecycle(
  client: S3Client,
  bucket: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await client.sendForText({
      method: "PUT",
      bucket,
      query: { lifecycle: "" },
      headers: {
        "content-type": "application/xml",
        "content-md5": createHash("md5").update(LIFECYCLE).digest("base64"),
      },
      body: LIFECYCLE,
      signal,
    });
  } catch (error) {
    if (
      error instanceof PlatformError ||
      (error instanceof S3Error && error.status >= 500 && error.status !== 501)
    ) {
      throw error;
    }
    signal?.throwIfAborted();
  }
}
