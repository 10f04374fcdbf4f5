import { createWriteStream } from "node:fs";
import { chmod, lchown, lstat, mkdir, realpath, rm, symlink } from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { PlatformError } from "@hanzo-fn/contract";
import { extract, type Header } from "tar-stream";
import type { Layout } from "./layout.ts";
import type { Manifest } from "./media-types.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Unpacks an image's layers into an empty folder, in order, whiteouts applied: the root file system that a container
 * sees. Owners are set where the caller is root. Nothing is written outside the folder, whatever the layers say.
 */
export async function unpackImage(
  layout: Layout,
  manifest: Manifest,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const root = await realpath(folder);
  for (const layer of manifest.layers) {
    const tar = extract();
    const source = await layout.openBlob(layer.digest);
    const done = pipeline(source, createGunzip(), tar, { signal });
    const read = (async () => {
      for await (const entry of tar) await unpackEntry(root, entry.header, Readable.from(entry));
    })();
    await Promise.all([done, read]);
  }
}

async function unpackEntry(root: string, header: Header, content: Readable): Promise<void> {
  const path = await insideRoot(root, header.name);
  const name = posix.basename(path);
  if (name === OPAQUE) await emptied(dirname(path));
  else if (name.startsWith(WHITEOUT))
    await rm(join(dirname(path), name.slice(WHITEOUT.length)), { recursive: true, force: true });
  else if (header.type === "directory") await mkdir(path, { recursive: true });
  else {
    await rm(path, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    if (header.type === "symlink") await symlink(header.linkname ?? "", path);
    else if (header.type === "file" || header.type === null) await pipeline(content, createWriteStream(path));
    else throw bad(`${header.name} is a ${String(header.type)}, which images of functions do not have`);
  }
  content.resume();
  if (name.startsWith(WHITEOUT)) return;
  if (process.getuid?.() === 0) await lchown(path, header.uid ?? 0, header.gid ?? 0);
  if (header.type !== "symlink") await chmod(path, (header.mode ?? 0o644) & 0o7777);
}

async function emptied(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

/** The place of an entry, once the folder above it is known to be no link that leads elsewhere. */
async function insideRoot(root: string, name: string): Promise<string> {
  const clean = posix.normalize(`/${name}`);
  const path = join(root, clean);
  let above = dirname(path);
  while (above !== root && (await lstat(above).catch(() => undefined)) === undefined) above = dirname(above);
  const real = await realpath(above).catch(() => "");
  if (real !== root && !real.startsWith(root + sep))
    throw bad(`${name} lies behind a link that leads out of the image`);
  return path;
}

function bad(message: string): PlatformError {
  return new PlatformError("bad_request", message, { component: "oci" });
}
