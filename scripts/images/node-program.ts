import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The program of Node that an image carries, from its npm package; kept in `cache`. */
export async function nodeProgram(version: string, cache: string, signal: AbortSignal): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const folder = join(cache, `node-${version}`);
  const program = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(program)) return program;
  // Elsewhere first: two may want it at once.
  const fresh = await mkdtemp(join(cache, ".node-"));
  try {
    const flags = ["install", "--silent", "--no-save", "--prefix", fresh];
    await run("npm", [...flags, `${name}@${version}`], { signal });
    await rename(fresh, folder).catch((error: unknown) => {
      if (!existsSync(program)) throw error;
    });
    return program;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
