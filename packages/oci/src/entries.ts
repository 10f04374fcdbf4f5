import { lstat, readdir, readlink } from "node:fs/promises";
import { join, posix, relative, sep } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";

/** One entry of a layer. Owner and time are the layer's, the same for all. */
export type LayerEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number | undefined }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | {
      readonly kind: "copy";
      readonly path: string;
      readonly mode: number;
      /** The file on this machine that has the bytes. */
      readonly from: string;
      readonly size: number;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

export interface TreeOptions {
  /** Called with the path below the folder, `/` between its parts. Default: everything. */
  readonly include?: ((path: string) => boolean) | undefined;
  /** Keep set-uid and other unusual bits (a Debian tree); default: 0755 where the owner may execute, else 0644. */
  readonly keepModes?: boolean | undefined;
}

/**
 * A folder of this machine as entries below `target` (an absolute path in the image). Modes do not depend on the umask; links may not lead out of the image.
 * Throws `invalid_source` for a device, a pipe or a socket.
 */
export async function treeEntries(
  folder: string,
  target: string,
  options: TreeOptions = {},
): Promise<LayerEntry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const entries: LayerEntry[] = [];
  for (const item of found) {
    const from = join(item.parentPath, item.name);
    const below = relative(folder, from).split(sep).join("/");
    if (options.include !== undefined && !options.include(below)) continue;
    entries.push(await entryOf(from, posix.join(target, below), options.keepModes === true));
  }
  return entries;
}

async function entryOf(from: string, path: string, keepModes: boolean): Promise<LayerEntry> {
  const info = await lstat(from);
  if (info.isDirectory())
    return { kind: "directory", path, ...(keepModes ? { mode: info.mode & 0o7777 } : {}) };
  if (info.isSymbolicLink()) return { kind: "link", path, target: inside(path, await readlink(from)) };
  if (!info.isFile()) {
    const message = `${path} is neither a file, nor a folder, nor a link`;
    throw new PlatformError("invalid_source", message, { component: "oci" });
  }
  const mode = keepModes ? info.mode & 0o7777 : (info.mode & 0o100) === 0 ? 0o644 : 0o755;
  return { kind: "copy", path, mode, from, size: info.size };
}

/** A relative target that climbs above the root of the image stays there in a container, but not everywhere it is unpacked. */
function inside(path: string, target: string): string {
  const depth = posix.dirname(path).split("/").filter(Boolean).length;
  let climbed = 0;
  for (const part of target.startsWith("/") ? [] : target.split("/")) {
    if (part === "..") climbed += 1;
    else if (part !== "" && part !== ".") climbed -= 1;
    if (climbed > depth) {
      const message = `${path} is a link that leads out of the image: ${target}`;
      throw new PlatformError("invalid_source", message, { component: "oci" });
    }
  }
  return target;
}

/**
 * Entries in the order in which they are written: by path, each once (the last one counts), with the folders that are missing above them.
 */
export function inOrder(entries: Iterable<LayerEntry>): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const path = posix.normalize(entry.path).replace(/^\/+|\/+$/g, "");
    if (path !== "" && path !== ".") byPath.set(path, { ...entry, path });
  }
  for (const path of [...byPath.keys()]) {
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above)) {
      if (!byPath.has(above)) byPath.set(above, { kind: "directory", path: above });
    }
  }
  return [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
