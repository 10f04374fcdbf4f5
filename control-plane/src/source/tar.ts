import { once } from "node:events";
import { extract, type Extract } from "tar-stream";
import type { Chunks } from "./chunks.ts";
import type { ArchiveEntry, Collector } from "./collector.ts";
import { unreadable } from "./problems.ts";

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

const END_BYTES = 1024;

/** Feeds the parser, and holds back the end: without its marker the archive was cut, beyond it is garbage. */
async function feed(source: Chunks, parser: Extract, stopped: AbortSignal): Promise<void> {
  let tail = Buffer.alloc(0);
  for await (const chunk of source) {
    if (stopped.aborted) return;
    tail = Buffer.concat([tail, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES);
    if (!parser.write(chunk)) {
      // Whatever comes first: room, or the parser's end.
      const { signal, abort } = linked(stopped);
      await Promise.race([once(parser, "drain", { signal }), once(parser, "close", { signal })]).catch(
        () => {},
      );
      abort();
    }
  }
  if (tail.length < END_BYTES || tail.some((byte) => byte !== 0)) {
    throw unreadable("the tar archive is cut off, or something follows its end");
  }
  parser.end(null);
}

function linked(parent: AbortSignal): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: AbortSignal.any([parent, controller.signal]), abort: () => controller.abort() };
}

const REFUSED: Readonly<Record<string, string>> = {
  link: "hard links are not allowed",
  "character-device": "device nodes are not allowed",
  "block-device": "device nodes are not allowed",
  fifo: "named pipes are not allowed",
};

function describe(entry: Entry): ArchiveEntry {
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
  const parser = extract();
  const stop = new AbortController();
  const fed = feed(source, parser, stop.signal).catch((error: Error) => parser.destroy(error));
  try {
    for await (const entry of parser) {
      await collector.add(describe(entry));
      entry.resume();
    }
  } finally {
    stop.abort();
    await fed;
  }
}
