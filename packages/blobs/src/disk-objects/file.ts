import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { contentCheck } from "../content-check.ts";
import { untilAborted } from "../until-aborted.ts";

/**
 * An object's file: the content, then what there is to know of it as JSON, then that JSON's length in four bytes and
 * four bytes of a mark. One file, so that content and head are replaced at once.
 */
const MARK = Buffer.from("hfo1");
const TAIL = 8;

export interface ObjectFile {
  /** Bytes of the content, which begins the file. */
  readonly size: number;
  readonly etag: string;
  readonly contentType: string;
  readonly modifiedAt: Date;
}

export async function writeObjectFile(
  file: string,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  options: {
    readonly contentType: string;
    readonly size?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<{ readonly size: number; readonly etag: string }> {
  await using handle = await open(file, "wx", 0o600);
  const check = contentCheck(options);
  const hash = createHash("sha256");
  for await (const chunk of untilAborted(source instanceof Uint8Array ? [source] : source, options.signal)) {
    check.take(chunk);
    hash.update(chunk);
    await writeAll(handle, chunk);
  }
  check.end();
  options.signal?.throwIfAborted();
  const etag = hash.digest("hex").slice(0, 32);
  const head = Buffer.from(JSON.stringify({ etag, contentType: options.contentType }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  await writeAll(handle, Buffer.concat([head, length, MARK]));
  await handle.sync();
  return { size: check.size(), etag };
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written);
    written += bytesWritten;
  }
}

export async function readObjectFile(handle: FileHandle): Promise<ObjectFile> {
  const { size: whole, mtime } = await handle.stat();
  const tail = await readAt(handle, whole - TAIL, TAIL);
  if (!tail.subarray(4).equals(MARK)) throw new Error("a file among the objects is none of theirs");
  const headLength = tail.readUInt32BE(0);
  const size = whole - TAIL - headLength;
  const head = JSON.parse((await readAt(handle, size, headLength)).toString()) as {
    etag: string;
    contentType: string;
  };
  return { size, etag: head.etag, contentType: head.contentType, modifiedAt: mtime };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, length));
  if (position < 0) return bytes;
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, position);
  if (bytesRead !== length) throw new Error("a file among the objects is cut off");
  return bytes;
}
