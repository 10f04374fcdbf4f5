import { statfs } from "node:fs/promises";
import type { Objects } from "@hanzo-fn/blobs";
import { refuse } from "./refuse.ts";

/** Keeps what functions store from filling the disk that the platform itself lives on. */
export interface Room {
  /** Passes the pieces on, and throws `storage_full` as soon as the disk has only its reserve left. */
  within(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** What `statfs` says of a file system. */
export type DiskSpace = () => Promise<{
  readonly bsize: number;
  readonly blocks: number;
  readonly bavail: number;
}>;

const EVERY_BYTES = 32 * 1024 * 1024;
const MAX_RESERVE_BYTES = 512 * 1024 * 1024;
const RESERVE_SHARE = 0.05;

export function createRoom(space: DiskSpace): Room {
  const check = async (): Promise<void> => {
    const { bsize, blocks, bavail } = await space();
    const reserve = Math.min(MAX_RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
    if (bavail * bsize >= reserve) return;
    throw refuse("storage_full", "the platform's disk has only its reserve left", {
      next: "delete objects, give the data directory more room, or set storage.url to an S3 service",
    });
  };
  return {
    async *within(source) {
      let unchecked = EVERY_BYTES;
      for await (const piece of source) {
        if (unchecked >= EVERY_BYTES) {
          await check();
          unchecked = 0;
        }
        unchecked += piece.length;
        yield piece;
      }
    },
  };
}

/** The room on the file system that a directory lies on. */
export function roomOn(directory: string): Room {
  return createRoom(() => statfs(directory));
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Objects on the disk, which are stored only where there is room. */
export function withRoom(objects: Objects, room: Room): Objects {
  return {
    ...objects,
    put: (bucket, key, source, options) =>
      objects.put(bucket, key, room.within(source instanceof Uint8Array ? single(source) : source), options),
  };
}
