import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join, relative, sep } from "node:path";

const MANIFEST = "function.yaml";

/**
 * Hash of what a compiler sees of a source: paths, modes, bytes. The function's manifest is left out, so that other
 * limits or variables compile nothing again, but not where the source names it.
 */
export async function sourceHash(root: string): Promise<string> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .toSorted();
  const hash = createHash("sha256");
  let namesManifest = false;
  for (const path of paths) {
    if (path === MANIFEST) continue;
    const file = join(root, path);
    const info = await lstat(file);
    const bytes = info.isSymbolicLink() ? Buffer.from(await readlink(file)) : await readFile(file);
    namesManifest ||= bytes.includes(MANIFEST);
    hash.update(`${path}\0${info.mode}\0${bytes.length}\0`).update(bytes);
  }
  if (namesManifest && paths.includes(MANIFEST)) hash.update(await readFile(join(root, MANIFEST)));
  return hash.digest("hex");
}
