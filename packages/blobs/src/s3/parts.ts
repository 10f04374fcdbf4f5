import { untilAborted } from "../until-aborted.ts";

/** The least that S3 takes as a part. */
const PART = 5 * 1024 * 1024;
/** A part is doubled after this many, so that S3's 10,000 parts hold 300 GB without a large buffer for what is small. */
const PARTS_BEFORE_DOUBLING = 2000;

const partSize = (index: number): number => PART * 2 ** Math.floor(index / PARTS_BEFORE_DOUBLING);

export interface Part {
  readonly bytes: Buffer;
  readonly last: boolean;
}

/**
 * At least one part; all but the last have the size of their place. A part's bytes are good until the one after the
 * next is asked for: two buffers take turns.
 */
export async function* inParts(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  take: (chunk: Uint8Array) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Part, undefined> {
  let index = 0;
  let buffer = Buffer.alloc(0);
  let spare = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of untilAborted(source instanceof Uint8Array ? [source] : source, signal)) {
    take(chunk);
    for (let at = 0; at < chunk.length;) {
      const room = partSize(index) - filled;
      if (room === 0) {
        yield { bytes: buffer, last: false };
        index++;
        filled = 0;
        [buffer, spare] = [spare, buffer];
        continue;
      }
      const taken = Math.min(room, chunk.length - at);
      buffer = withRoom(buffer, filled, filled + taken, partSize(index));
      buffer.set(chunk.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
    }
  }
  signal?.throwIfAborted();
  yield { bytes: buffer.subarray(0, filled), last: true };
}

/** Grows in doublings, so that a small object costs a small buffer. */
function withRoom(
  buffer: Buffer<ArrayBuffer>,
  filled: number,
  wanted: number,
  most: number,
): Buffer<ArrayBuffer> {
  if (wanted <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.min(most, Math.max(wanted, buffer.length * 2, 64 * 1024)));
  buffer.copy(larger, 0, 0, filled);
  return larger;
}
