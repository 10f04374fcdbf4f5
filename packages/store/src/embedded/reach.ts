import { PlatformError } from "@hanzo-fn/contract";
import { chmod, chown, cp, mkdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Layout } from "./layout.ts";
import type { DatabaseUser } from "./user.ts";

/** The outermost folder on the way to `target` that `user` may not pass through; undefined where the way is free. */
export async function findBarrier(target: string, user: DatabaseUser): Promise<string | undefined> {
  const { root } = path.parse(target);
  const parts = path.relative(root, target).split(path.sep);
  for (let i = 0; i <= parts.length; i++) {
    const folder = path.join(root, ...parts.slice(0, i));
    const found = await stat(folder);
    if (!found.isDirectory()) continue;
    if (!mayPass({ mode: found.mode, uid: found.uid, gid: found.gid }, user)) return folder;
  }
  return undefined;
}

/** The kernel's rule for one folder: the first class that fits decides. */
export function mayPass(
  folder: { readonly mode: number; readonly uid: number; readonly gid: number },
  user: { readonly uid: number; readonly gid: number },
): boolean {
  if (folder.uid === user.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === user.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
}

/**
 * Where PostgreSQL runs as another user than we: sees to it that this user can reach the data directory and the
 * binaries. Our own data directory is opened to that user's group (pass, not list); a folder further out is not
 * ours to open. Returns the folder of the binaries, a copy of them where the installed ones cannot be reached.
 */
export async function makeReachable(native: string, layout: Layout, user: DatabaseUser): Promise<string> {
  if (!user.switched) return native;
  await openDataDir(path.dirname(layout.root), user);
  const barrier = await findBarrier(layout.root, user);
  if (barrier !== undefined) throw unreachable(layout, barrier, user);
  const beforeBinaries = await findBarrier(path.join(native, "bin"), user);
  return beforeBinaries === undefined ? native : copyBinaries(native, layout);
}

async function openDataDir(dataDir: string, user: DatabaseUser): Promise<void> {
  const found = await stat(dataDir);
  if (mayPass(found, user) || found.uid !== 0) return;
  await chown(dataDir, 0, user.gid);
  await chmod(dataDir, (found.mode & 0o700) | 0o010);
}

function unreachable(layout: Layout, barrier: string, user: DatabaseUser): PlatformError {
  return new PlatformError(
    "unsupported",
    `PostgreSQL does not run as root, and uid ${user.uid} cannot reach ${path.dirname(layout.root)}: ` +
      `${barrier} is closed to it`,
    {
      component: "store/embedded",
      next:
        "Choose a data directory outside of it, for example data_dir: /var/lib/hanzo-fn, run as another user " +
        "than root, or set DATABASE_URL.",
    },
  );
}

/** About 60 MB, once per version of the binaries: the folder is named after when they were installed. */
async function copyBinaries(native: string, layout: Layout): Promise<string> {
  const installed = await stat(path.join(native, "bin", "postgres"));
  const copy = path.join(layout.binaries, `${installed.size}-${Math.round(installed.mtimeMs)}`);
  const whole = await stat(copy).catch(() => undefined);
  if (whole) return copy;
  await rm(layout.binaries, { recursive: true, force: true });
  await mkdir(layout.binaries, { mode: 0o755 });
  const unfinished = `${copy}.unfinished`;
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
  await rename(unfinished, copy);
  return copy;
}
