import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PlatformError } from "@hanzo-fn/contract";
import { sourceDigest, writeCanonical } from "./canonical.ts";
import { abortable, bounded, gunzipped, peek } from "./chunks.ts";
import { createCollector, type Collector, type SourceEntry, type SpooledEntry } from "./collector.ts";
import type { SourceLimits } from "./limits.ts";
import { createProblems, unreadable, type Problems } from "./problems.ts";
import { readTar } from "./tar.ts";
import { readZip } from "./zip.ts";

export interface SourceOptions {
  readonly limits: SourceLimits;
  /** A directory for temporary files; it must exist, and only the platform may read it. */
  readonly tempDir: string;
  readonly signal: AbortSignal;
}

export interface Source extends AsyncDisposable {
  /** SHA-256 (hex) of the sorted (path, mode, content), never of the archive. */
  readonly digest: string;
  /** Sorted by path. */
  readonly entries: readonly SourceEntry[];
  /** The canonical archive, tar.gz, until the source is disposed of. */
  readonly archivePath: string;
  /** Size of the canonical archive. */
  readonly archiveBytes: number;
  /** All files together, unpacked. */
  readonly bytes: number;
}

type Format = "tar.gz" | "tar" | "zip";

const SNIFF_BYTES = 262;
const ZIP_SIGNATURES = new Set([0x504b0304, 0x504b0506]);

/** By content; a name or a content type says nothing. */
function sniff(head: Buffer): Format | undefined {
  if (head.length >= 2 && head.readUInt16BE(0) === 0x1f8b) return "tar.gz";
  if (head.length >= 4 && ZIP_SIGNATURES.has(head.readUInt32BE(0))) return "zip";
  return head.subarray(257, 262).toString("latin1") === "ustar" ? "tar" : undefined;
}

/** Headers, padding and long names that come on top of the files' bytes. */
function tarBound(limits: SourceLimits): number {
  return limits.maxTotalBytes + limits.maxEntries * (1536 + 2 * limits.maxPathBytes) + 65_536;
}

async function readArchive(
  stream: AsyncIterable<Uint8Array>,
  work: string,
  collector: Collector,
  problems: Problems,
  { limits, signal }: SourceOptions,
): Promise<void> {
  const rule = `an archive must not be larger than ${limits.maxArchiveBytes} bytes`;
  const upload = bounded(abortable(stream, signal), limits.maxArchiveBytes, rule);
  const { head, all } = await peek(upload, SNIFF_BYTES);
  const format = sniff(head);
  if (format === "zip") {
    const file = join(work, "upload.zip");
    await pipeline(Readable.from(all), createWriteStream(file, { flags: "wx", mode: 0o600 }));
    return readZip(file, (await stat(file)).size, collector, limits, problems, signal);
  }
  if (format === undefined) {
    await all.return(undefined);
    throw unreadable(head.length === 0 ? "it is empty" : "it is neither tar.gz, tar nor zip");
  }
  const tar = format === "tar" ? all : gunzipped(all);
  await readTar(bounded(tar, tarBound(limits), "the unpacked archive is too large"), collector);
}

/** What went wrong while reading, in the platform's terms. */
function readError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof PlatformError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new PlatformError("storage_full", "no space is left for the source", { cause: error });
  }
  if (code.startsWith("Z_")) return unreadable("the compressed data is damaged or cut off", error);
  // The tar and zip readers' own errors carry no code; those of the operating system do.
  if (code === "" && error instanceof Error) return unreadable(error.message.slice(0, 200), error);
  return error;
}

/**
 * Reads an uploaded archive (tar.gz, tar or zip, told by its content) in bounded memory and writes it anew in
 * canonical form. Throws `invalid_source` with every problem in `details`, `payload_too_large`, `storage_full`, or
 * the signal's reason; nothing of it is left on the disk then.
 */
export async function readSource(stream: AsyncIterable<Uint8Array>, options: SourceOptions): Promise<Source> {
  const work = join(options.tempDir, `source-${randomUUID()}`);
  await mkdir(work, { mode: 0o700 });
  const remove = (): Promise<void> => rm(work, { recursive: true, force: true });
  try {
    const { entries, archivePath } = await readInto(work, stream, options);
    return {
      digest: sourceDigest(entries),
      entries: entries.map(({ offset: _offset, ...entry }) => entry),
      archivePath,
      archiveBytes: (await stat(archivePath)).size,
      bytes: entries.reduce((sum, { size }) => sum + size, 0),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw readError(error, options.signal);
  }
}

async function readInto(
  work: string,
  stream: AsyncIterable<Uint8Array>,
  options: SourceOptions,
): Promise<{ entries: readonly SpooledEntry[]; archivePath: string }> {
  await using spool = await open(join(work, "content"), "wx+", 0o600);
  const problems = createProblems();
  const collector = createCollector(spool, options.limits, problems);
  await readArchive(stream, work, collector, problems, options);
  const entries = collector.finish();
  problems.throwIfAny();
  const archivePath = join(work, "source.tar.gz");
  await writeCanonical(entries, spool, archivePath, options.signal);
  await rm(join(work, "content"));
  return { entries, archivePath };
}
