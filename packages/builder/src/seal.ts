import { chmod, lchown, lstat, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const ABANDONED_MS = 2 * 3_600_000;

/**
 * Makes what a build's own user wrote the platform's: owner, no set-id bits, readable by all, writable by none
 * but the owner. Returns the bytes of all files.
 */
export async function sealTree(path: string): Promise<number> {
  const info = await lstat(path);
  if (process.getuid?.() === 0 && (info.uid !== 0 || info.gid !== 0)) await lchown(path, 0, 0);
  if (info.isSymbolicLink()) return 0;
  const wanted = info.isDirectory() || (info.mode & 0o100) !== 0 ? 0o755 : 0o644;
  if ((info.mode & 0o7777) !== wanted) await chmod(path, wanted);
  if (!info.isDirectory()) return info.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => sealTree(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Gives a tree to the build's user, for as long as the build runs. */
export async function giveTree(path: string, owner: { uid: number; gid: number } | undefined): Promise<void> {
  if (!owner) return;
  const info = await lstat(path);
  await lchown(path, owner.uid, owner.gid);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path)) await giveTree(join(path, name), owner);
}

/** What a crash left behind; anything younger may be at work. */
export async function removeAbandoned(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info && Date.now() - info.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
}
