import { tarEntries, type TarEntry } from "@hanzo-fn/builder";
import type { Chunks } from "./chunks.ts";
import type { ArchiveEntry, Collector } from "./collector.ts";
import { unreadable } from "./problems.ts";

const END_BYTES = 1024;

/** Without its end marker the archive was cut; what follows the marker is garbage. */
async function* whole(source: Chunks): AsyncGenerator<Uint8Array> {
  let tail = Buffer.alloc(0);
  for await (const chunk of source) {
    tail = Buffer.concat([tail, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
    yield chunk;
  }
  if (tail.length < END_BYTES || tail.some((byte) => byte !== 0)) {
    throw unreadable("the tar archive is cut off, or something follows its end");
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  link: "hard links are not allowed",
  "character-device": "device nodes are not allowed",
  "block-device": "device nodes are not allowed",
  fifo: "named pipes are not allowed",
};

function describe(entry: TarEntry): ArchiveEntry {
  const { name: path, type, linkname, size = 0, mode = 0 } = entry.header;
  if (type === "directory" || (type === "file" && path.endsWith("/") && size === 0)) {
    return { type: "directory", path };
  }
  if (type === "symlink") return { type: "symlink", path, target: linkname ?? "" };
  if (type === "file" || type === "contiguous-file") {
    const content = async (): Promise<Chunks> => entry as unknown as Chunks;
    return { type: "file", path, executable: (mode & 0o111) !== 0, size, content };
  }
  const rule = REFUSED[type ?? ""] ?? "only files, directories and links inside the tree are allowed";
  return { type: "refused", path, rule };
}

/** Reads an uncompressed tar stream into the collector; throws `invalid_source` where it is no whole tar. */
export async function readTar(source: Chunks, collector: Collector): Promise<void> {
  for await (const entry of tarEntries(whole(source))) {
    await collector.add(describe(entry));
    entry.resume();
  }
}
