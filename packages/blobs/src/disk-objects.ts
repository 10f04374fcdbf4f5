import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, rename, rm, rmdir, stat, unlink, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { Readable, addAbortSignal } from "node:stream";
import { mapDiskError } from "./disk-errors.ts";
import { readObjectFile, writeObjectFile } from "./disk-objects/file.ts";
import { pathOfKey } from "./disk-objects/names.ts";
import { walkObjects } from "./disk-objects/walk.ts";
import {
  checkBucket,
  checkContentType,
  checkExpires,
  checkObjectKey,
  checkObjectRange,
  cursorOf,
  DEFAULT_CONTENT_TYPE,
  pageRequest,
  resolveRange,
} from "./object-keys.ts";
import type {
  GetObjectOptions,
  ListObjectsOptions,
  ObjectContent,
  ObjectHead,
  ObjectInfo,
  ObjectPage,
  Objects,
  PutObjectOptions,
} from "./objects.ts";
import type { UrlSigner } from "./signed-urls.ts";

export interface DiskObjectsOptions {
  readonly directory: string;
  /** Without it nothing can be presigned. */
  readonly signer?: UrlSigner | undefined;
}

interface Place {
  readonly buckets: string;
  readonly incoming: string;
}

/**
 * Objects as files in `<directory>/buckets/<bucket>`, written in `<directory>/incoming` and renamed into place when
 * they are whole and on the disk. What a killed process left in `incoming` is removed on opening.
 */
export async function openDiskObjects(
  deps: { readonly clock: Clock },
  options: DiskObjectsOptions,
): Promise<Objects> {
  const { directory, signer } = options;
  const place = { buckets: path.join(directory, "buckets"), incoming: path.join(directory, "incoming") };
  await onDisk(async () => {
    await rm(place.incoming, { recursive: true, force: true });
    for (const folder of [directory, place.buckets, place.incoming]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
    }
  });
  return {
    put: (bucket, key, source, put) => onDisk(() => putFile(place, { bucket, key }, source, put ?? {})),
    get: (bucket, key, get) => onDisk(() => getFile(place, { bucket, key }, get ?? {})),
    head: (bucket, key, signal) => onDisk(() => headFile(place, { bucket, key }, signal)),
    delete: (bucket, key, signal) => onDisk(() => deleteFile(place, { bucket, key }, signal)),
    list: (bucket, list) => onDisk(() => listFiles(place, bucket, list ?? {})),
    async presign(bucket, key, { method, expiresSeconds }) {
      fileOf(place, { bucket, key });
      checkExpires(method, expiresSeconds);
      if (!signer) {
        throw new PlatformError("unsupported", "objects on the disk of this machine have no signed URLs", {
          component: "blobs",
          next: "Set storage.url (OBJECT_STORAGE_URL) to an S3 service.",
        });
      }
      const expiresAt = deps.clock.now() + expiresSeconds * 1000;
      return { url: signer.sign({ method, bucket, key }, expiresAt), expiresAt: new Date(expiresAt) };
    },
    async ensureBucket(bucket) {
      checkBucket(bucket);
      await onDisk(() => mkdir(path.join(place.buckets, bucket), { recursive: true, mode: 0o700 }));
    },
  };
}

interface Target {
  readonly bucket: string;
  readonly key: string;
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw mapDiskError(error);
  }
}

function fileOf(place: Place, { bucket, key }: Target): string {
  checkBucket(bucket);
  checkObjectKey(key);
  return path.join(place.buckets, bucket, ...pathOfKey(key));
}

async function checkBucketIsThere(place: Place, bucket: string): Promise<void> {
  await stat(path.join(place.buckets, bucket)).catch((error: unknown) => {
    if (!isAbsence(error)) throw error;
    throw new PlatformError("not_found", `there is no bucket s3://${bucket}`, {
      component: "blobs",
      next: "Create the bucket, or name another one.",
    });
  });
}

const absent = ({ bucket, key }: Target): PlatformError =>
  new PlatformError("not_found", `there is no object s3://${bucket}/${key}`, { component: "blobs" });

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

async function putFile(
  place: Place,
  target: Target,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  options: PutObjectOptions,
): Promise<{ readonly size: number; readonly etag: string }> {
  const file = fileOf(place, target);
  const contentType = options.contentType ?? DEFAULT_CONTENT_TYPE;
  checkContentType(contentType);
  options.signal?.throwIfAborted();
  await checkBucketIsThere(place, target.bucket);
  const temporary = path.join(place.incoming, randomBytes(12).toString("hex"));
  try {
    const written = await writeObjectFile(temporary, source, { ...options, contentType });
    await moveIntoPlace(temporary, file);
    return written;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A deletion may take away the empty folder between its making and its use. */
async function moveIntoPlace(temporary: string, file: string): Promise<void> {
  const folder = path.dirname(file);
  for (let attempt = 1; ; attempt++) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await rename(temporary, file);
      break;
    } catch (error) {
      if (!isAbsence(error) || attempt === 100) throw error;
    }
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  try {
    await using handle = await open(folder, "r");
    await handle.sync();
  } catch (error) {
    // Emptied and removed by a deletion that came after.
    if (!isAbsence(error)) throw error;
  }
}

async function openObject(place: Place, target: Target): Promise<FileHandle | undefined> {
  try {
    return await open(fileOf(place, target), "r");
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

async function getFile(place: Place, target: Target, options: GetObjectOptions): Promise<ObjectContent> {
  checkObjectRange(options.range);
  options.signal?.throwIfAborted();
  const handle = await openObject(place, target);
  if (!handle) throw absent(target);
  try {
    const head = { key: target.key, ...(await readObjectFile(handle)) };
    const range = options.range && resolveRange(options.range, head.size);
    if (options.range && !range) {
      throw new PlatformError("range_not_satisfiable", `the object has ${head.size} bytes`, {
        component: "blobs",
      });
    }
    const bytes = range ?? { start: 0, end: head.size - 1 };
    return { ...head, ...(range ? { range } : {}), body: await bodyOf(handle, bytes, options.signal) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function bodyOf(
  handle: FileHandle,
  bytes: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): Promise<Readable> {
  if (bytes.end < bytes.start) {
    await handle.close();
    return Readable.from([]);
  }
  const body = handle.createReadStream({ ...bytes, highWaterMark: 256 * 1024 });
  return signal ? addAbortSignal(signal, body) : body;
}

async function headFile(
  place: Place,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<ObjectHead | undefined> {
  signal?.throwIfAborted();
  await using handle = await openObject(place, target);
  return handle && { key: target.key, ...(await readObjectFile(handle)) };
}

async function deleteFile(place: Place, target: Target, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const file = fileOf(place, target);
  await unlink(file).catch((error: unknown) => {
    if (!isAbsence(error)) throw error;
  });
  const bucket = path.join(place.buckets, target.bucket);
  for (let folder = path.dirname(file); folder !== bucket; folder = path.dirname(folder)) {
    // Until one that holds something else.
    if (!(await rmdir(folder).then(() => true, isAbsence))) return;
  }
}

async function listFiles(place: Place, bucket: string, options: ListObjectsOptions): Promise<ObjectPage> {
  checkBucket(bucket);
  const { prefix, after, limit } = pageRequest(options);
  await checkBucketIsThere(place, bucket);
  const objects: ObjectInfo[] = [];
  for await (const key of walkObjects(path.join(place.buckets, bucket), prefix, after)) {
    if (objects.length === limit) return { objects, cursor: cursorOf(objects.at(-1)!.key) };
    const head = await headFile(place, { bucket, key }, options.signal);
    // Deleted since the folder was read.
    if (head) objects.push({ key, size: head.size, etag: head.etag, modifiedAt: head.modifiedAt });
  }
  return { objects };
}
