import { promisify, TextDecoder } from "node:util";
import { crc32 } from "node:zlib";
import * as yauzl from "yauzl";
import { checkRatio, type Chunks } from "./chunks.ts";
import type { ArchiveEntry, Collector } from "./collector.ts";
import type { SourceLimits } from "./limits.ts";
import { tooLarge, unreadable, type Problems } from "./problems.ts";

const openZip = promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open);
const UNIX = 3;
const TYPE_MASK = 0o170000;
const MAX_TARGET_BYTES = 4096;

/** Waits for the next entry: the library emits it, the end, or an error. */
function nextEntry(zip: yauzl.ZipFile): Promise<yauzl.Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (run: () => void) => (): void => {
      zip.removeAllListeners("entry").removeAllListeners("end").removeAllListeners("error");
      zip.on("error", () => {});
      run();
    };
    zip.once("entry", (entry: yauzl.Entry) => settle(() => resolve(entry))());
    zip.once(
      "end",
      settle(() => resolve(undefined)),
    );
    zip.once("error", (error: Error) =>
      settle(() => reject(unreadable(error.message.slice(0, 200), error)))(),
    );
    zip.readEntry();
  });
}

/** Names are UTF-8 with or without the flag that says so; anything else shows as U+FFFD and is refused. */
function nameOf(entry: yauzl.Entry): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(entry.fileName as unknown as Uint8Array);
}

function fileType(entry: yauzl.Entry): { type: number; executable: boolean } {
  const mode = entry.versionMadeBy >> 8 === UNIX ? entry.externalFileAttributes >>> 16 : 0;
  return { type: mode & TYPE_MASK, executable: (mode & 0o111) !== 0 };
}

function openContent(zip: yauzl.ZipFile, entry: yauzl.Entry): () => Promise<Chunks> {
  const opened = promisify<yauzl.Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip));
  return async () => {
    const stream = (await opened(entry).catch((error: Error) => {
      throw unreadable(error.message.slice(0, 200), error);
    })) as unknown as Chunks;
    return verified(stream, entry.crc32);
  };
}

/** yauzl checks the size; the checksum is left to its users. */
async function* verified(source: Chunks, wanted: number): AsyncGenerator<Uint8Array> {
  let sum = 0;
  for await (const chunk of source) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== wanted) throw unreadable("the checksum of a file in the zip archive is wrong");
}

async function text(content: () => Promise<Chunks>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of await content()) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8");
}

async function describe(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<ArchiveEntry> {
  const path = nameOf(entry);
  const { type, executable } = fileType(entry);
  const size = entry.uncompressedSize;
  if (entry.isEncrypted()) return { type: "refused", path, rule: "encrypted entries are not allowed" };
  if (path.endsWith("/") && size === 0) return { type: "directory", path };
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    return { type: "refused", path, rule: "entries must be stored or deflated" };
  }
  const content = openContent(zip, entry);
  if (type === 0o120000) {
    if (size > MAX_TARGET_BYTES) return { type: "refused", path, rule: "a link's target is too long" };
    return { type: "symlink", path, target: await text(content) };
  }
  if (type !== 0 && type !== 0o100000) {
    return { type: "refused", path, rule: "only files, directories and links inside the tree are allowed" };
  }
  return { type: "file", path, executable, size, content };
}

/** The central directory alone counts; what local headers say beside it is never believed. */
export async function readZip(
  file: string,
  archiveBytes: number,
  collector: Collector,
  limits: SourceLimits,
  problems: Problems,
  signal: AbortSignal,
): Promise<void> {
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true };
  const zip = await openZip(file, options).catch((error: Error) => {
    throw unreadable(error.message.slice(0, 200), error);
  });
  try {
    if (zip.entryCount > limits.maxEntries) {
      throw tooLarge(`an archive must not hold more than ${limits.maxEntries} entries`);
    }
    let claimed = 0;
    for (let entry = await nextEntry(zip); entry; entry = await nextEntry(zip)) {
      signal.throwIfAborted();
      claimed += entry.uncompressedSize;
      if (entry.uncompressedSize <= limits.maxFileBytes) checkRatio(archiveBytes, claimed);
      await collector.add(await describe(zip, entry));
    }
  } finally {
    zip.close();
  }
  problems.throwIfAny();
}
