import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { MAX_RATIO, RATIO_FREE_BYTES } from "./limits.ts";
import { tooLarge } from "./problems.ts";

export type Chunks = AsyncIterable<Uint8Array>;

/** The same chunks; waiting for the next one ends with the signal. */
export async function* abortable(source: Chunks, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  aborted.catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    for (;;) {
      const next = await Promise.race([aborted, iterator.next()]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a source that hangs would hang its own end, too.
    void iterator.return?.()?.catch(() => {});
  }
}

export async function* bounded(source: Chunks, maxBytes: number, rule: string): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(rule);
    yield chunk;
  }
}

/** The first bytes (fewer where the source is shorter), and the source as if they had not been read. */
export async function peek(
  source: AsyncGenerator<Uint8Array>,
  bytes: number,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array> }> {
  const read: Uint8Array[] = [];
  let length = 0;
  while (length < bytes) {
    const next = await source.next();
    if (next.done) break;
    read.push(next.value);
    length += next.value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* read.splice(0);
      yield* source;
    } finally {
      await source.return(undefined);
    }
  }
  return { head: Buffer.concat(read).subarray(0, bytes), all: all() };
}

/** A bomb is told by its ratio long before the total is reached. */
export function checkRatio(packedBytes: number, unpackedBytes: number): void {
  if (unpackedBytes > RATIO_FREE_BYTES && unpackedBytes > packedBytes * MAX_RATIO) {
    throw tooLarge(`an archive must not unpack to more than ${MAX_RATIO} times its size`);
  }
}

export async function* gunzipped(source: Chunks): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let packed = 0;
  let unpacked = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      packed += chunk.length;
      yield chunk;
    }
  }
  // The error reaches the reader of `gunzip`; the callback only marks it as handled.
  pipeline(Readable.from(counted()), gunzip, () => {});
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    unpacked += chunk.length;
    checkRatio(packed, unpacked);
    yield chunk;
  }
}
