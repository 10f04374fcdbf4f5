import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** What is larger was written by a program, and what it imports is known elsewhere. */
const MAX_BYTES = 1024 * 1024;
const MAX_FILES = 2000;

/** Folders of what was installed or made; those whose names begin with a dot are left out as well. */
const NOT_WRITTEN = new Set(["node_modules", "venv", "__pycache__", "target"]);

/** Files that are removed while it looks are none of the source's. */
async function filesBelow(folder: string, extensions: readonly string[]): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const lists = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (!entry.isDirectory()) {
        return entry.isFile() && extensions.some((extension) => entry.name.endsWith(extension)) ? [path] : [];
      }
      const skipped = entry.name.startsWith(".") || NOT_WRITTEN.has(entry.name);
      return skipped ? [] : filesBelow(path, extensions);
    }),
  );
  return lists.flat();
}

async function textOf(path: string): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  return info === undefined || info.size > MAX_BYTES ? "" : readFile(path, "utf8").catch(() => "");
}

/** The texts of a source's files with these extensions, but for what was installed into it. */
export async function sourceTexts(root: string, extensions: readonly string[]): Promise<readonly string[]> {
  const paths = (await filesBelow(root, extensions)).toSorted().slice(0, MAX_FILES);
  return Promise.all(paths.map(textOf));
}
