import { mkdir, readFile, readdir, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { waitFor } from "@hanzo-fn/testkit";
import { exists } from "./build.ts";

const ROOT = "/sys/fs/cgroup";
const GONE_WITHIN_MS = 5000;

/** Folders of a cgroup in every hierarchy: one in version 2, one per controller in version 1. */
async function foldersOf(name: string): Promise<string[]> {
  if (await exists(join(ROOT, "cgroup.controllers"))) return [join(ROOT, name)];
  const hierarchies = await readdir(ROOT);
  const folders = await Promise.all(
    hierarchies.map(async (entry) => ((await stat(join(ROOT, entry))).isDirectory() ? entry : undefined)),
  );
  // A link is a second name of a hierarchy; making the folder twice does no harm.
  return folders.filter((entry) => entry !== undefined).map((entry) => join(ROOT, entry, name));
}

/** What kubelet puts its own cgroups into, so that two clusters keep apart and all of one is found at the end. */
export async function makeCgroup(name: string): Promise<void> {
  for (const folder of await foldersOf(name)) {
    await mkdir(folder, { recursive: true });
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      const given = await readFile(join(folder, "..", file), "utf8").catch(() => "");
      // Version 1 starts a cpuset empty, and no process can then be put into it.
      if (given.trim() !== "") await writeFile(join(folder, file), given);
    }
  }
}

/**
 * The other cgroups beside it. Kubelet watches every one that it sees, and a machine may have tens of thousands: they
 * are hidden inside.
 */
export async function otherCgroups(name: string): Promise<string[]> {
  const hierarchies = new Set((await foldersOf(name)).map(dirname));
  const found = await Promise.all(
    [...hierarchies].map(async (hierarchy) => {
      const entries = await readdir(hierarchy, { withFileTypes: true });
      const others = entries.filter((entry) => entry.isDirectory() && entry.name !== name);
      return others.map((entry) => join(hierarchy, entry.name));
    }),
  );
  return found.flat();
}

/** Removes the cgroup with those below it. The kernel lets go of one a moment after its last process. */
export async function removeCgroup(name: string): Promise<void> {
  const folders = await foldersOf(name);
  await waitFor(
    `the cgroup ${name} to be removed`,
    async () => {
      await Promise.all(folders.map(removeTree));
      return !(await Promise.all(folders.map(exists))).includes(true);
    },
    { timeoutMs: GONE_WITHIN_MS },
  );
}

async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  await rmdir(folder).catch(() => undefined);
}
