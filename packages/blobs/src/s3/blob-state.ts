import { randomBytes } from "node:crypto";
import type { S3Client } from "./client.ts";
import { type ListedObject, listPage } from "./list.ts";

/**
 * A blob in S3 is an object whose key ends in `,`, and marks beside it, which are empty objects:
 *
 * - `<key>,touched` was last written when somebody put the blob again. S3 has no other way to make an object young:
 *   not every service sets a new time where an object is copied onto itself.
 * - `<key>,leaving-<random>` is there while somebody deletes the blob. S3 cannot delete on the condition that nobody
 *   touched the object since, so who wants to delete sets this mark first and looks at the blob's age after it, and
 *   who stores or touches a blob looks for this mark after it: at least one of the two sees the other.
 *
 * Services that keep objects as files could not hold `a` beside `a/b` without the `,`, which sorts before every
 * character of a key, so that a blob and its marks follow each other and the order of the blobs stays.
 */
const END = ",";
const TOUCHED = "touched";
const LEAVING = "leaving-";
/** Whoever left a mark for longer has died; a deletion is given up in half that time. */
const LEAVING_MS = 60_000;
const POLL_MS = 100;

export interface Place {
  readonly client: S3Client;
  readonly bucket: string;
}

/** The object's key of a blob's. */
export const objectKey = (key: string): string => key + END;

export interface BlobState {
  /** Its time is the later one of storing and touching. */
  readonly blob?: ListedObject | undefined;
  /** Keys of the marks. */
  readonly leaving: readonly string[];
}

export async function readState(
  { client, bucket }: Place,
  key: string,
  signal: AbortSignal | undefined,
): Promise<BlobState> {
  const { objects } = await listPage(client, bucket, { prefix: objectKey(key), signal });
  return {
    blob: mergeMarks(objects).at(0),
    leaving: objects.map((object) => object.key).filter((name) => name.startsWith(objectKey(key) + LEAVING)),
  };
}

/** Blobs under their own keys, young where they were touched, from a stretch of the bucket's list. */
export function mergeMarks(objects: readonly ListedObject[]): ListedObject[] {
  const blobs: ListedObject[] = [];
  for (const object of objects) {
    const last = blobs.at(-1);
    if (object.key.endsWith(END)) blobs.push({ ...object, key: object.key.slice(0, -END.length) });
    else if (last && object.key === objectKey(last.key) + TOUCHED && object.modifiedAt > last.modifiedAt) {
      blobs[blobs.length - 1] = { ...last, modifiedAt: object.modifiedAt };
    }
  }
  return blobs;
}

/** Whether an object is the blob's own or one of its marks, whose key it has then. */
export const blobKeyOf = (name: string): string => name.slice(0, name.lastIndexOf(END));

/** Makes a blob young. False where there is none, or is none any more. */
export async function touch(place: Place, key: string, signal: AbortSignal | undefined): Promise<boolean> {
  const mark = objectKey(key) + TOUCHED;
  for (;;) {
    const before = await readState(place, key, signal);
    if (before.leaving.length > 0) {
      // Not every service frees a key in one step: it is free for sure when who deletes it is done.
      await leavingEnds(place, key, signal);
      continue;
    }
    if (!before.blob) return false;
    await place.client.sendForText({ method: "PUT", bucket: place.bucket, key: mark, signal });
    const { blob, leaving } = await readState(place, key, signal);
    if (leaving.length === 0) {
      if (!blob) await remove(place, mark, signal);
      return blob !== undefined;
    }
    await leavingEnds(place, key, signal);
  }
}

/** Runs `work` while the blob is marked. */
export async function whileLeaving<T>(
  place: Place,
  key: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const mark = `${objectKey(key)}${LEAVING}${randomBytes(8).toString("hex")}`;
  const signal = AbortSignal.timeout(LEAVING_MS / 2);
  await place.client.sendForText({ method: "PUT", bucket: place.bucket, key: mark, signal });
  try {
    return await work(signal);
  } finally {
    await remove(place, mark);
  }
}

async function leavingEnds(place: Place, key: string, signal: AbortSignal | undefined): Promise<void> {
  const { clock } = place.client;
  const end = clock.monotonic() + LEAVING_MS;
  for (;;) {
    const { leaving } = await readState(place, key, signal);
    if (leaving.length === 0) return;
    if (clock.monotonic() >= end) {
      for (const mark of leaving) await remove(place, mark, signal);
      return;
    }
    await clock.sleep(POLL_MS, signal);
  }
}

export async function removeBlob(place: Place, key: string, signal?: AbortSignal): Promise<void> {
  await remove(place, objectKey(key), signal);
  await remove(place, objectKey(key) + TOUCHED, signal);
}

/** Also where there is none. */
async function remove({ client, bucket }: Place, key: string, signal?: AbortSignal): Promise<void> {
  await client.sendForText({ method: "DELETE", bucket, key, signal });
}
