import { PlatformError } from "@hanzo-fn/contract";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  chmod,
  link,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  type FileHandle,
} from "node:fs/promises";
import path from "node:path";
import type {
  BlobInfo,
  Blobs,
  BlobSource,
  ByteRange,
  DeleteOptions,
  ListedBlob,
  PutOptions,
} from "./blobs.ts";
import { mapDiskError } from "./disk-errors.ts";
import { checkKey, checkPrefix, checkRange } from "./keys.ts";
import { walk } from "./walk.ts";

export interface DiskBlobsOptions {
  readonly directory: string;
}

const READ_CHUNK = 256 * 1024;

/**
 * Blobs as files in `<directory>/objects`, written in `<directory>/incoming` and linked into place when they are
 * whole and on the disk. What a killed process left in `incoming` is removed on opening.
 */
export async function openDiskBlobs(options: DiskBlobsOptions): Promise<Blobs> {
  const objects = path.join(options.directory, "objects");
  const incoming = path.join(options.directory, "incoming");
  await rm(incoming, { recursive: true, force: true }).catch(rethrow);
  for (const directory of [options.directory, objects, incoming]) {
    await mkdir(directory, { recursive: true, mode: 0o700 }).catch(rethrow);
    await chmod(directory, 0o700);
  }
  const fileOf = (key: string): string => {
    checkKey(key);
    return path.join(objects, ...key.split("/").map(escapeSegment));
  };
  return {
    putIfAbsent: (key, source, put) => putFile({ objects, incoming, file: fileOf(key) }, source, put ?? {}),
    get: (key, range) => readFileRange(fileOf(key), key, range),
    head: (key) => headFile(fileOf(key)),
    list: (prefix) => listFiles(objects, prefix),
    delete: (key, remove) => deleteFile(fileOf(key), incoming, remove ?? {}),
  };
}

/**
 * A key may be a prefix of another one (`a` and `a/b`), a file may not be a folder: a file's name ends in `,`,
 * which no key contains.
 */
const escapeSegment = (segment: string, index: number, all: readonly string[]): string =>
  index === all.length - 1 ? `${segment},` : segment;

async function putFile(
  place: { readonly objects: string; readonly incoming: string; readonly file: string },
  source: BlobSource,
  options: PutOptions,
): Promise<"stored" | "present"> {
  if (await touch(place.file)) return "present";
  const temporary = path.join(place.incoming, randomBytes(12).toString("hex"));
  try {
    await writeWhole(temporary, source, options);
    await makeFolders(place.objects, path.dirname(place.file));
    const result = await linkOrTouch(temporary, place.file);
    await syncFolder(path.dirname(place.file));
    return result;
  } catch (error) {
    throw mapDiskError(error);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** `link` fails where the name exists (`rename` would replace it): of two rivals one stores. */
async function linkOrTouch(temporary: string, file: string): Promise<"stored" | "present"> {
  for (;;) {
    try {
      await link(temporary, file);
      return "stored";
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (await touch(file)) return "present";
  }
}

/** Makes a blob young again, so that the collection of garbage keeps it until its new row is there. False where it is absent. */
async function touch(file: string): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(file, now, now);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw mapDiskError(error);
  }
}

async function writeWhole(file: string, source: BlobSource, options: PutOptions): Promise<void> {
  await using handle = await open(file, "wx", 0o600);
  const hash = createHash("sha256");
  for await (const chunk of chunksOf(source)) {
    options.signal?.throwIfAborted();
    hash.update(chunk);
    await writeAll(handle, chunk);
  }
  if (options.digest !== undefined && hash.digest("hex") !== options.digest) {
    throw new PlatformError("invalid_source", "the content does not have the digest it was announced with", {
      component: "blobs",
    });
  }
  await handle.sync();
}

function chunksOf(source: BlobSource): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  return source instanceof Uint8Array ? [source] : source;
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written);
    written += bytesWritten;
  }
}

/** A new folder is only safe when the one that lists it is on the disk. */
async function makeFolders(root: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let dir = path.dirname(folder); dir.startsWith(root); dir = path.dirname(dir)) await syncFolder(dir);
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}

async function* readFileRange(
  file: string,
  key: string,
  range: ByteRange | undefined,
): AsyncGenerator<Buffer> {
  checkRange(range);
  const stream = createReadStream(file, {
    highWaterMark: READ_CHUNK,
    start: range?.start ?? 0,
    end: range?.end ?? Number.POSITIVE_INFINITY,
  });
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw mapDiskError(error);
    throw new PlatformError("not_found", `there is no blob ${key}`, { component: "blobs", cause: error });
  } finally {
    stream.destroy();
  }
}

async function headFile(file: string): Promise<BlobInfo | undefined> {
  try {
    const found = await stat(file);
    return { size: found.size, modifiedAt: found.mtime };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw mapDiskError(error);
  }
}

async function* listFiles(objects: string, prefix: string): AsyncGenerator<ListedBlob> {
  checkPrefix(prefix);
  for await (const key of walk(prefix, (folder) => readEntries(path.join(objects, folder)))) {
    const head = await headFile(path.join(objects, ...key.split("/").map(escapeSegment)));
    // Deleted since the folder was read.
    if (head) yield { key, size: head.size, modifiedAt: head.modifiedAt };
  }
}

async function readEntries(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) =>
      entry.isDirectory()
        ? { name: entry.name, folder: true }
        : { name: entry.name.slice(0, -1), folder: false },
    );
  } catch (error) {
    if (isAbsence(error)) return [];
    throw mapDiskError(error);
  }
}

async function deleteFile(file: string, incoming: string, options: DeleteOptions): Promise<boolean> {
  const removed = path.join(incoming, randomBytes(12).toString("hex"));
  try {
    // Out of the way first, looked at after: a rival that stores or touches in between is not undone.
    await rename(file, removed);
    const { mtime } = await stat(removed);
    const keep = options.unmodifiedSince !== undefined && mtime > options.unmodifiedSince;
    if (keep) await link(removed, file).catch(ignoreExisting);
    return !keep;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw mapDiskError(error);
  } finally {
    await rm(removed, { force: true });
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

function rethrow(error: unknown): never {
  throw mapDiskError(error);
}
