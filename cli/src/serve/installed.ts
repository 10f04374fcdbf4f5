import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Folders that are in no installed copy: what tools write, and what is for authors. */
const NOT_INSTALLED = new Set(["__pycache__", "target", "templates", "tests"]);

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const lists = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return NOT_INSTALLED.has(entry.name) ? [] : filesBelow(path);
      return entry.isFile() ? [path] : [];
    }),
  );
  return lists.flat();
}

/** Sizes and times of the files below that are installed: enough to notice that an installed copy is stale. */
export async function stampOf(folder: string, extra: string): Promise<string> {
  const hash = createHash("sha256").update(extra);
  for (const file of (await filesBelow(folder)).toSorted()) {
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
