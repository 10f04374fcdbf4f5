import { createHash } from "node:crypto";
import { copyFile, cp, link, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
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

/** The toolchain at `root`, or a tree of links to it in `target` where other users cannot reach `program` of it. */
export async function reachableToolchain(
  root: string,
  program: string,
  target: string,
  forOthers: boolean,
): Promise<string> {
  if (!forOthers || readableByOthers(join(root, program))) return root;
  const { mtimeMs, size } = await stat(join(root, program));
  return join(
    await installed(target, `${root} ${size} ${mtimeMs}`, (fresh) => linkTree(root, join(fresh, "root"))),
    "root",
  );
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
