import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Layout, openLayout } from "@hanzo-fn/oci";

const PREFIX = "layout-";

/** A layout for one image; it goes with the end of the block. */
export interface ScratchLayout extends AsyncDisposable {
  readonly layout: Layout;
}

/** Where images lie while they are made. One process owns the folder. */
export interface Scratch {
  layout(): Promise<ScratchLayout>;
}

/** Removes what a process before has left. */
export async function openScratch(root: string): Promise<Scratch> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const name of await readdir(root)) {
    if (name.startsWith(PREFIX)) await rm(join(root, name), { recursive: true, force: true });
  }
  return {
    async layout() {
      const folder = await mkdtemp(join(root, PREFIX));
      return {
        layout: await openLayout(folder),
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
      };
    },
  };
}
