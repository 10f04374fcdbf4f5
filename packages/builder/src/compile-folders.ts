import { createHash } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Folders for compiling sources of authors' own folders: outside of those, and at one place for each. */
export interface CompileFolders {
  /** The folder of a source, empty. What was in it goes, a program that runs from there goes on. */
  folder(root: string): Promise<string>;
  /** Removes all folders of this process. */
  close(): Promise<void>;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** `parent` is made where it is missing; what processes left in it that are gone is removed. */
export async function openCompileFolders(parent: string): Promise<CompileFolders> {
  const mine = join(parent, String(process.pid));
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (Number(name) === process.pid || !isAlive(Number(name))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  return {
    async folder(root) {
      const folder = join(mine, createHash("sha256").update(root).digest("hex").slice(0, 16));
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      return folder;
    },
    close: () => rm(mine, { recursive: true, force: true }),
  };
}
