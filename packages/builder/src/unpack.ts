import { constants } from "node:fs";
import { mkdir, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { PlatformError } from "@hanzo-fn/contract";
import { linkProblem, parentsOf, pathProblem } from "./source-tree.ts";
import { tarEntries, type TarEntry } from "./tar-entries.ts";

const MAX_PATH_BYTES = 4096;
/** Never through a link, never onto something that is there. */
const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

function corrupt(rule: string, path?: string): PlatformError {
  return new PlatformError("internal", "a stored source archive is not one that the platform wrote", {
    component: "builder",
    details: [{ rule, ...(path === undefined ? {} : { path }) }],
  });
}

async function writeFile(entry: TarEntry, file: string): Promise<void> {
  const executable = ((entry.header.mode ?? 0) & 0o100) !== 0;
  const handle = await open(file, CREATE, executable ? 0o755 : 0o644);
  try {
    for await (const chunk of entry) await handle.writeFile(chunk as Uint8Array);
    // What the umask took away is given back: another uid reads this.
    await handle.chmod(executable ? 0o755 : 0o644);
  } finally {
    await handle.close();
  }
}

/** Directories of one unpacked tree; an entry below a file or a link is refused. */
function createTree(root: string) {
  const directories = new Set<string>();
  const leaves = new Set<string>();
  return async (path: string): Promise<string> => {
    for (const parent of parentsOf(path)) {
      if (leaves.has(parent)) throw corrupt("an entry must not lie below a file or a link", path);
      if (directories.has(parent)) continue;
      directories.add(parent);
      await mkdir(join(root, parent), { mode: 0o755 });
    }
    if (directories.has(path) || leaves.has(path)) throw corrupt("a path must occur once", path);
    leaves.add(path);
    return join(root, path);
  };
}

/**
 * Unpacks a canonical source archive (tar.gz, as `readSource` writes it) into `dir`, which must not exist yet.
 * The archive was checked when it came in; it is checked again here because it lay on a disk in between.
 * On failure the caller removes `dir`.
 */
export async function unpackSource(
  archive: AsyncIterable<Uint8Array>,
  dir: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await mkdir(dir, { mode: 0o755 });
  const place = createTree(dir);
  const paths: string[] = [];
  const gunzip = createGunzip();
  // The error reaches the reader of `gunzip`; the callback only marks it as handled.
  pipeline(Readable.from(archive), gunzip, () => {});
  for await (const entry of tarEntries(gunzip)) {
    signal.throwIfAborted();
    const { name, type, linkname } = entry.header;
    const problem = pathProblem(name, MAX_PATH_BYTES);
    if (problem !== undefined) throw corrupt(problem);
    const file = await place(name);
    if (type === "file") await writeFile(entry, file);
    else if (type === "symlink" && linkProblem(name, linkname ?? "") === undefined) {
      entry.resume();
      await symlink(linkname ?? "", file);
    } else throw corrupt("an entry must be a file or a link inside the tree", name);
    paths.push(name);
  }
  return paths;
}
