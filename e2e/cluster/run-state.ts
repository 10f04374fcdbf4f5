import { mkdir, open, readFile, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Daemon } from "./platform/daemons.ts";
import { linkOf, runFolder, SLOTS } from "./layout.ts";
import { exists } from "./platform/build.ts";

/** What a run that became ready wrote down. */
export interface RunState {
  readonly slot: number;
  readonly daemons: readonly Daemon[];
  /** Programs of this build run: kubectl lies beside them. */
  readonly kubernetes: string;
  readonly knative: string;
  /** Milliseconds from the start of `up` to each step. */
  readonly steps: Readonly<Record<string, number>>;
}

/**
 * Makes the folder of builds and runs, and gives its one real path: processes of a run are found by it, also from a
 * checkout whose cache is a link to another's.
 */
export async function openCache(folder: string): Promise<string> {
  await mkdir(join(folder, "run"), { recursive: true });
  return realpath(folder);
}

const slotFile = (run: string): string => join(run, "slot");

/** The number that a run took, if one has begun. */
export async function slotOf(run: string): Promise<number | undefined> {
  const text = await readFile(slotFile(run), "utf8").catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}

/** Takes the lowest number that no other run has, and whose link is not on this machine. */
export async function takeSlot(cache: string, name: string): Promise<number> {
  const folder = runFolder(cache, name);
  const others = await readdir(join(cache, "run")).catch(() => []);
  const taken = await Promise.all(others.map((other) => slotOf(join(cache, "run", other))));
  for (let slot = 0; slot < SLOTS; slot++) {
    if (taken.includes(slot) || (await exists(`/sys/class/net/${linkOf(slot)}`))) continue;
    await writeFile(slotFile(folder), String(slot));
    return slot;
  }
  throw new Error(`${SLOTS} clusters run already: end one with npm run cluster -- down --name NAME`);
}

export async function readState(file: string): Promise<RunState | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as RunState);
}

/** One `up` or `down` of a run at a time; what a killed one left is no lock. */
export async function lock(cache: string, name: string): Promise<AsyncDisposable> {
  const file = `${runFolder(cache, name)}.lock`;
  for (;;) {
    try {
      await using handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const owner = Number(await readFile(file, "utf8").catch(() => ""));
      if (owner > 0 && owner !== process.pid && (await exists(`/proc/${owner}`)))
        throw new Error(`process ${owner} is changing the cluster ${name}: wait for it, or end it`, {
          cause: error,
        });
      await rm(file, { force: true });
    }
  }
}
