import { createHash } from "node:crypto";
import { copyFile, cp, link, mkdir, readdir, readFile, stat, statfs } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { readableByOthers } from "@hanzo-fn/engine";
import { installed, stampOf } from "./installed.ts";

/** Documentation and sources of a toolchain: hundreds of megabytes that compile nothing. */
const LEFT_OUT = new Set(["share", "doc", "test", "testdata", "api"]);
const NOT_SDK = new Set(["target", "tests", "testdata", "templates", "sdktest", "agent", "README.md"]);

/** Links every file; copies it where the target is on another file system. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o755 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      if (!LEFT_OUT.has(entry.name)) await linkTree(source, target);
    } else if (entry.isSymbolicLink()) await cp(source, target, { dereference: true, recursive: true });
    else await link(source, target).catch(() => copyFile(source, target));
  }
}

/** A toolchain is more than a gigabyte, and a full disk would take the database with it. */
const ROOM_FOR_A_COPY = 4 * 1024 ** 3;

/** Whether `target`'s folder may take a copy of `root`; links of the same file system take no room. */
async function hasRoom(root: string, target: string): Promise<boolean> {
  const folder = dirname(target);
  const [from, to] = await Promise.all([stat(root), stat(folder)]);
  if (from.dev === to.dev) return true;
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize >= ROOM_FOR_A_COPY;
}

/**
 * The toolchain at `root`, or a tree of links to it in `target` where other users cannot reach `program` of it. Says why there is none
 * where that would be a copy for which there is no room.
 */
export async function reachableToolchain(
  root: string,
  program: string,
  target: string,
  forOthers: boolean,
): Promise<{ readonly root: string; readonly missing?: undefined } | { readonly missing: string }> {
  if (!forOthers || readableByOthers(join(root, program))) return { root };
  if (!(await hasRoom(root, target))) {
    const missing = `the toolchain in ${root} cannot be read by the users that builds run as, and ${dirname(target)} has no room for a copy`;
    return { missing };
  }
  const { mtimeMs, size } = await stat(join(root, program));
  const folder = await installed(target, `${root} ${size} ${mtimeMs}`, (fresh) =>
    linkTree(root, join(fresh, "root")),
  );
  return { root: join(folder, "root") };
}

/** The SDK of a compiled language in the data directory, where a build's user can read it, and the digest of its files. */
export async function installSdk(source: string, target: string): Promise<{ dir: string; digest: string }> {
  const isPart = (path: string): boolean => !NOT_SDK.has(basename(path)) && !path.endsWith("_test.go");
  const dir = await installed(target, await stampOf(source, "1"), (fresh) =>
    cp(source, fresh, { recursive: true, filter: isPart }),
  );
  const hash = createHash("sha256");
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name !== ".stamp")
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of files) hash.update(`${relative(dir, file)}\n`).update(await readFile(file));
  return { dir, digest: hash.digest("hex") };
}
