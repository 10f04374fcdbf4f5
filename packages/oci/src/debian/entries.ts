import { spawn } from "node:child_process";
import { once } from "node:events";
import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import { PlatformError } from "@hanzo-fn/contract";
import { extract } from "tar-stream";
import type { LayerEntry } from "../entries.ts";

/** Folders of Debian's that lie in /usr since Debian 12 (the merged /usr), where older packages still name the root. */
const MERGED = /^\/(bin|sbin|lib|lib32|lib64|libx32)(\/|$)/;
const LEFT_OUT =
  /^\/usr\/share\/(doc|doc-base|man|info|lintian|bug|locale|binfmts|pixmaps|applications|python3\/runtime\.d)(\/|$)/;

/** The files of a .deb as entries, without manuals and translations. */
export async function packageEntries(deb: string, signal: AbortSignal): Promise<LayerEntry[]> {
  const child = spawn("dpkg-deb", ["--fsys-tarfile", deb], { stdio: ["ignore", "pipe", "ignore"], signal });
  const closed = once(child, "close") as Promise<[number | null]>;
  const tar = extract();
  child.stdout.pipe(tar);
  const entries: LayerEntry[] = [];
  const contents = new Map<string, Extract<LayerEntry, { kind: "file" }>>();
  for await (const entry of tar) {
    const { type, mode, linkname } = entry.header;
    const path = imagePath(entry.header.name);
    if (type === "file") {
      const file = { kind: "file" as const, path, mode, content: await buffer(entry) };
      contents.set(path, file);
      entries.push(file);
      continue;
    }
    entry.resume();
    if (type === "directory") entries.push({ kind: "directory", path, mode });
    else if (type === "symlink") entries.push({ kind: "link", path, target: linkname });
    else if (type === "link") entries.push({ ...hardLinked(contents, imagePath(linkname), deb), path });
  }
  const [code] = await closed;
  if (code !== 0) throw new PlatformError("bad_request", `${deb} is no Debian package`, { component: "oci" });
  return entries.filter((entry) => !LEFT_OUT.test(entry.path));
}

function hardLinked(
  contents: ReadonlyMap<string, Extract<LayerEntry, { kind: "file" }>>,
  target: string,
  deb: string,
): Extract<LayerEntry, { kind: "file" }> {
  const file = contents.get(target);
  if (file !== undefined) return file;
  throw new PlatformError("bad_request", `${deb} links to ${target}, which it does not have`, {
    component: "oci",
  });
}

function imagePath(name: string): string {
  const path = posix.normalize(`/${name}`).replace(/(.)\/$/, "$1");
  return MERGED.test(path) ? `/usr${path}` : path;
}
