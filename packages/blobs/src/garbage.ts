import type { Blobs } from "./blobs.ts";

export interface CollectOptions {
  readonly blobs: Blobs;
  /** Only keys that begin with it; `""` for all. */
  readonly prefix?: string | undefined;
  /** Keys that rows refer to; asked for once, after the candidates are known. */
  readonly referenced: () => Promise<ReadonlySet<string>>;
  /** Younger ones are kept: their row may not be committed yet. */
  readonly olderThanMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Collected {
  readonly deleted: readonly string[];
  readonly bytes: number;
}

/**
 * Deletes what no row refers to. Candidates are listed first and the references read after it, so that a row
 * committed in between keeps its blob; a deploy that is about to refer to an old blob has put it again, which
 * makes it young.
 */
export async function collectGarbage(options: CollectOptions): Promise<Collected> {
  const { blobs, now, olderThanMs, signal } = options;
  const unmodifiedSince = new Date(now - olderThanMs);
  const candidates: { key: string; size: number }[] = [];
  for await (const { key, size, modifiedAt } of blobs.list(options.prefix ?? "")) {
    signal?.throwIfAborted();
    if (modifiedAt <= unmodifiedSince) candidates.push({ key, size });
  }
  if (candidates.length === 0) return { deleted: [], bytes: 0 };
  const referenced = await options.referenced();
  const deleted: string[] = [];
  let bytes = 0;
  for (const { key, size } of candidates) {
    signal?.throwIfAborted();
    if (referenced.has(key) || !(await blobs.delete(key, { unmodifiedSince }))) continue;
    deleted.push(key);
    bytes += size;
  }
  return { deleted, bytes };
}
