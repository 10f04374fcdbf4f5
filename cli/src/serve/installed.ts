import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Sizes and times of all files below: enough to notice that an installed copy is stale. */
export async function stampOf(folder: string, extra: string): Promise<string> {
  const hash = createHash("sha256").update(extra);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of files) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`${file}\n${size}\n${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** Installs anew where the stamp differs; in place by rename, so that a killed start leaves no half. */
export async function installed(
  target: string,
  stamp: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const mark = join(target, ".stamp");
  if ((await readFile(mark, "utf8").catch(() => "")) === stamp) return target;
  const fresh = `${target}.${process.pid}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o755 });
  await fill(fresh);
  await writeFile(join(fresh, ".stamp"), stamp);
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
  return target;
}
