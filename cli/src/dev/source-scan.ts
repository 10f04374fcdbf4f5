import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isLeftOut } from "../source.ts";

/** Path below the root (`/` between names; a folder ends with one) -> what tells one state of it from another. */
export type SourceState = ReadonlyMap<string, string>;

/** What editors write beside the file that they save. */
const EDITOR_FILES =
  /~$|\.sw[a-z]$|^\.#|^#.*#$|^4913$|\.tmp(?:\.|$)|___jb_(?:tmp|old)___$|^sed\w{6}$|^\.hanzo\./;
/** What compilers write. */
const BUILD_FOLDERS: ReadonlySet<string> = new Set(["target"]);

/** Whether a name is none of the function's: a save of it is no change. */
export function isNoSource(name: string): boolean {
  return (isLeftOut(name) && !name.endsWith(".env")) || BUILD_FOLDERS.has(name) || EDITOR_FILES.test(name);
}

/** Whether a compiler need not see what is called so. */
export function isNotCompiled(name: string): boolean {
  return isLeftOut(name) || isNoSource(name);
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Removed between two looks.
    return [];
  }
}

function stampOf(file: string): string | undefined {
  const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}

/** Looks at every file of a source. Synchronous, so that no save can come between a request and its look. */
export function scanSource(root: string): SourceState {
  const state = new Map<string, string>();
  const walk = (folder: string, prefix: string): void => {
    for (const entry of entriesOf(folder)) {
      if (isNoSource(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        state.set(`${prefix}${entry.name}/`, "");
        walk(path, `${prefix}${entry.name}/`);
      } else {
        const stamp = stampOf(path);
        if (stamp !== undefined) state.set(prefix + entry.name, stamp);
      }
    }
  };
  walk(root, "");
  return state;
}

/** Paths that were added, removed or saved, sorted. */
export function changedPaths(before: SourceState, after: SourceState): readonly string[] {
  const changed = [...after].filter(([path, stamp]) => before.get(path) !== stamp).map(([path]) => path);
  const removed = [...before.keys()].filter((path) => !after.has(path));
  return [...changed, ...removed].toSorted();
}
