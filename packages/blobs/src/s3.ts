import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Blobs, BlobSource, ByteRange, DeleteOptions, ListedBlob, PutOptions } from "./blobs.ts";
import { checkKey, checkPrefix, checkRange } from "./keys.ts";
import {
  type Place,
  blobKeyOf,
  mergeMarks,
  objectKey,
  readState,
  removeBlob,
  touch,
  whileLeaving,
} from "./s3/blob-state.ts";
import { asUnavailable, createS3Client } from "./s3/client.ts";
import { isS3Error, mapS3Error, mapped } from "./s3/errors.ts";
import { type ListedObject, listPage } from "./s3/list.ts";
import type { S3Settings } from "./s3/settings.ts";
import { upload } from "./s3/upload.ts";

export interface S3BlobsSettings extends S3Settings {
  readonly bucket: string;
}

/** Blobs as objects of one bucket, which must be there (`Objects.ensureBucket`) and hold nothing else. */
export function openS3Blobs(deps: { readonly clock: Clock }, settings: S3BlobsSettings): Blobs {
  const place = { client: createS3Client(deps, settings), bucket: settings.bucket };
  const checked = async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    checkKey(key);
    return await mapped(`blob ${key}`, work);
  };
  return {
    putIfAbsent: (key, source, options) => checked(key, () => putBlob(place, key, source, options ?? {})),
    get: (key, range) => readBlob(place, key, range, settings.url),
    head: (key) =>
      checked(key, async () => {
        const { blob } = await readState(place, key, undefined);
        return blob && { size: blob.size, etag: blob.etag, modifiedAt: blob.modifiedAt };
      }),
    list: (prefix) => listBlobs(place, prefix),
    delete: (key, options) => checked(key, () => deleteBlob(place, key, options ?? {})),
  };
}

/** S3's times have whole seconds. */
const TIME_GRAIN_MS = 1000;
const CONTENT_TYPE = "application/octet-stream";

async function putBlob(
  place: Place,
  key: string,
  source: BlobSource,
  options: PutOptions,
): Promise<"stored" | "present"> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (await touch(place, key, signal)) return "present";
  const result = await uploadIfAbsent(place, key, source, options);
  if (result === "stored") {
    const { blob, leaving } = await readState(place, key, signal);
    if (blob && leaving.length === 0) return result;
  }
  for (let wait = 50; wait < 2000; wait *= 2) {
    if (await touch(place, key, signal)) return result;
    // Some services take a key before they show its object.
    await place.client.clock.sleep(wait, signal);
  }
  throw new PlatformError("unavailable", "the blob was deleted while it was being stored", {
    component: "blobs",
    next: "Try again.",
  });
}

async function uploadIfAbsent(
  { client, bucket }: Place,
  key: string,
  source: BlobSource,
  options: PutOptions,
): Promise<"stored" | "present"> {
  try {
    const target = { bucket, key: objectKey(key) };
    await upload(client, target, source, { ...options, contentType: CONTENT_TYPE, ifAbsent: true });
    return "stored";
  } catch (error) {
    if (isS3Error(error, 412)) return "present";
    throw error;
  }
}

async function* readBlob(
  place: Place,
  key: string,
  range: ByteRange | undefined,
  url: string,
): AsyncGenerator<Buffer> {
  checkKey(key);
  checkRange(range);
  try {
    const { body } = await place.client.send({
      method: "GET",
      bucket: place.bucket,
      key: objectKey(key),
      headers: range ? { range: `bytes=${range.start}-${range.end ?? ""}` } : {},
    });
    yield* body as AsyncIterable<Buffer>;
  } catch (error) {
    // A range beyond the end.
    if (isS3Error(error, 416)) return;
    throw asUnavailable(mapS3Error(error, `blob ${key}`), url);
  }
}

async function* listBlobs({ client, bucket }: Place, prefix: string): AsyncGenerator<ListedBlob> {
  checkPrefix(prefix);
  let after: string | undefined;
  let held: ListedObject[] = [];
  do {
    const page = await mapped(`bucket ${bucket}`, () => listPage(client, bucket, { prefix, after }));
    after = page.after;
    const objects = [...held, ...page.objects];
    // The marks of the last blob may be on the next page.
    const last = after === undefined ? undefined : blobKeyOf(objects.at(-1)!.key);
    const split = objects.findIndex(({ key }) => blobKeyOf(key) === last);
    held = split < 0 ? [] : objects.splice(split);
    for (const { key, size, modifiedAt } of mergeMarks(objects)) yield { key, size, modifiedAt };
  } while (after !== undefined);
}

async function deleteBlob(place: Place, key: string, options: DeleteOptions): Promise<boolean> {
  const { unmodifiedSince } = options;
  return await whileLeaving(place, key, async (signal) => {
    const { blob } = await readState(place, key, signal);
    if (!blob) return false;
    const latest = blob.modifiedAt.getTime() + TIME_GRAIN_MS;
    if (unmodifiedSince && latest > unmodifiedSince.getTime()) return false;
    await removeBlob(place, key, signal);
    return true;
  });
}
