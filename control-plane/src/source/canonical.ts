import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack, type Header, type Pack } from "tar-stream";
import type { SourceEntry, SpooledEntry } from "./collector.ts";

/**
 * The identity of a source tree: SHA-256 over its sorted (path, mode, content). The same files give the same
 * digest whatever archive they came in.
 */
export function sourceDigest(entries: readonly SourceEntry[]): string {
  const digest = createHash("sha256");
  for (const { path, mode, sha256 } of entries) digest.update(`${mode.toString(8)}\0${path}\0${sha256}\n`);
  return digest.digest("hex");
}

function header({ path, mode, size, target }: SpooledEntry): Pick<Header, "name"> & Partial<Header> {
  const shared = { name: path, mtime: new Date(0), uid: 0, gid: 0 };
  if (target !== undefined) return { ...shared, type: "symlink", linkname: target, mode: 0o777, size: 0 };
  return { ...shared, type: "file", mode, size };
}

async function addEntry(archive: Pack, entry: SpooledEntry, spool: FileHandle): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = (error?: Error | null): void => (error ? reject(error) : resolve());
  const sink = archive.entry(header(entry), done);
  if (entry.target !== undefined || entry.size === 0) {
    if (entry.target === undefined) sink.end(null);
    return promise;
  }
  const content = spool.createReadStream({
    start: entry.offset,
    end: entry.offset + entry.size - 1,
    autoClose: false,
  });
  content.once("error", (error) => sink.destroy(error));
  content.pipe(sink as unknown as NodeJS.WritableStream);
  return promise;
}

/** Writes the canonical archive: tar.gz, sorted, without times and owners. */
export async function writeCanonical(
  entries: readonly SpooledEntry[],
  spool: FileHandle,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const archive = pack();
  const written = pipeline(
    archive as unknown as NodeJS.ReadableStream,
    createGzip({ level: 6 }),
    createWriteStream(file, { flags: "wx", mode: 0o600 }),
    { signal },
  );
  const filled = (async () => {
    for (const entry of entries) {
      signal.throwIfAborted();
      await addEntry(archive, entry, spool);
    }
    archive.finalize();
  })();
  filled.catch((error: Error) => archive.destroy(error));
  await Promise.race([written, filled.then(() => written)]);
}
