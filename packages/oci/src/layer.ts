import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack, type Header, type Pack } from "tar-stream";
import { inOrder, type LayerEntry } from "./entries.ts";
import type { Layout } from "./layout.ts";
import { MEDIA, type Descriptor } from "./media-types.ts";

/** A layer that lies in a layout. */
export interface Layer {
  readonly descriptor: Descriptor;
  /** The digest of the tar before compression. */
  readonly diffId: string;
  /** What made it, for the image's history. */
  readonly createdBy: string;
}

export interface LayerOptions {
  readonly createdBy: string;
  /** Owner of every entry. Default 0: what the function runs as may not change it. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

type NewHeader = Partial<Header> & Pick<Header, "name">;

const EPOCH = new Date(0);
/** "Unknown" in the gzip header's field for the operating system, which zlib fills in by itself. */
const GZIP_OS_OFFSET = 9;
const GZIP_OS_UNKNOWN = 255;

/**
 * Writes one layer into the layout. The same entries give the same digest on every machine: sorted, without times, owners and names of users,
 * with modes that do not depend on the umask.
 */
export async function writeLayer(
  layout: Layout,
  entries: Iterable<LayerEntry>,
  options: LayerOptions,
  signal: AbortSignal,
): Promise<Layer> {
  const tar = pack();
  const plain = createHash("sha256");
  const filled = fill(tar, inOrder(entries), { uid: options.uid ?? 0, gid: options.gid ?? 0 }).catch(
    (error: Error) => {
      tar.destroy(error);
      throw error;
    },
  );
  const compressed = (source: Readable): Readable =>
    source.pipe(createGzip({ level: 6 })).pipe(withoutSystem());
  const observed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      plain.update(chunk);
      done(null, chunk);
    },
  });
  const gzip = compressed(observed);
  observed.on("error", (error) => gzip.destroy(error));
  const [{ digest, size }] = await Promise.all([
    layout.putBlob(gzip, signal),
    pipeline(tar, observed, { end: true, signal }),
    filled,
  ]);
  return {
    descriptor: { mediaType: MEDIA.layer, digest, size },
    diffId: `sha256:${plain.digest("hex")}`,
    createdBy: options.createdBy,
  };
}

async function fill(
  tar: Pack,
  entries: readonly LayerEntry[],
  owner: { uid: number; gid: number },
): Promise<void> {
  for (const entry of entries) {
    const common = { ...owner, mtime: EPOCH, uname: "", gname: "" };
    switch (entry.kind) {
      case "directory":
        await written(tar, { ...common, name: entry.path, type: "directory", mode: entry.mode ?? 0o755 });
        break;
      case "link":
        await written(tar, {
          ...common,
          name: entry.path,
          type: "symlink",
          linkname: entry.target,
          mode: 0o777,
        });
        break;
      case "file":
        await written(
          tar,
          { ...common, name: entry.path, mode: entry.mode, size: entry.content.length },
          entry.content,
        );
        break;
      case "copy":
        await copied(tar, { ...common, name: entry.path, mode: entry.mode, size: entry.size }, entry.from);
        break;
      default:
        entry satisfies never;
    }
  }
  tar.finalize();
}

function written(tar: Pack, header: NewHeader, content?: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (content === undefined) tar.entry(header, done);
    else tar.entry(header, Buffer.from(content), done);
  });
}

async function copied(tar: Pack, header: NewHeader, from: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const entry = tar.entry(header, (error) => (error ? reject(error) : resolve()));
  await Promise.all([pipeline(createReadStream(from), entry), promise]);
}

function withoutSystem(): Transform {
  let at = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (at <= GZIP_OS_OFFSET && GZIP_OS_OFFSET < at + chunk.length)
        chunk[GZIP_OS_OFFSET - at] = GZIP_OS_UNKNOWN;
      at += chunk.length;
      done(null, chunk);
    },
  });
}
