import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** What is larger was written by a program, and what it imports is known elsewhere. */
const MAX_BYTES = 1024 * 1024;
const MAX_FILES = 2000;

/** The texts of a source's files with these extensions, but for what was installed into it. */
export async function sourceTexts(root: string, extensions: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && extensions.some((extension) => entry.name.endsWith(extension)))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !relative(root, path).split(sep).includes("node_modules"))
    .toSorted()
    .slice(0, MAX_FILES);
  return Promise.all(
    paths.map(async (path) => ((await stat(path)).size > MAX_BYTES ? "" : readFile(path, "utf8"))),
  );
}
