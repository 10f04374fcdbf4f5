import { readdir } from "node:fs/promises";
import path from "node:path";
import { fromBytes, parseName, pathOfFolders, toBytes } from "./names.ts";

interface Entry {
  /** Of a folder with a slash at its end, as its objects have it. */
  readonly key: string;
  readonly path: string;
  readonly folder: boolean;
}

/** The keys of the objects below a bucket's folder that begin with `prefix` and come after `after`, in the keys' order. */
export async function* walkObjects(
  bucket: string,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<string> {
  const segments = prefix.split("/").slice(0, -1);
  const start = path.join(bucket, ...pathOfFolders(segments));
  const base = toBytes(segments.map((segment) => `${segment}/`).join(""));
  yield* below(start, base, { prefix: toBytes(prefix), after: after === undefined ? "" : toBytes(after) });
}

interface Wanted {
  readonly prefix: string;
  readonly after: string;
}

async function* below(folder: string, base: string, wanted: Wanted): AsyncGenerator<string> {
  const entries = await entriesOf(folder, base);
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const entry of entries) {
    if (entry.folder) {
      if (mayHold(entry.key, wanted)) yield* below(entry.path, entry.key, wanted);
    } else if (entry.key.startsWith(wanted.prefix) && entry.key > wanted.after) {
      yield fromBytes(entry.key);
    }
  }
}

const mayHold = (folder: string, { prefix, after }: Wanted): boolean =>
  (folder.startsWith(prefix) || prefix.startsWith(folder)) && (folder > after || after.startsWith(folder));

/** Whole segments: the pieces of long ones are put together. */
async function entriesOf(folder: string, base: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of await readFolder(folder)) {
    const { bytes, kind } = parseName(name);
    const where = path.join(folder, name);
    if (kind === "piece") entries.push(...(await entriesOf(where, base + bytes)));
    else {
      const key = base + bytes + (kind === "folder" ? "/" : "");
      entries.push({ key, path: where, folder: kind === "folder" });
    }
  }
  return entries;
}

async function readFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
