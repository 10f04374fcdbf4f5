import { mkdir, stat } from "node:fs/promises";
import { giveTree } from "./seal.ts";
import type { User } from "./confinement.ts";

/** Makes the directories of a cache, and gives them to the user who writes to them where they are another's. */
export async function ownCache(dirs: readonly string[], owner: User | undefined): Promise<void> {
  for (const dir of dirs) {
    await mkdir(dir, { recursive: true, mode: 0o755 });
    if (owner !== undefined && (await stat(dir)).uid !== owner.uid) await giveTree(dir, owner);
  }
}
