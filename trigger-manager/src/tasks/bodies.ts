import { createHash } from "node:crypto";
import type { Blobs } from "@hanzo-fn/blobs";
import { PlatformError } from "@hanzo-fn/contract";

/** Longer bodies are blobs, so that rows stay short. */
const INLINE_BYTES = 256 * 1024;

/** A body that is kept: its bytes, or the key of the blob that has them. */
export interface KeptBody {
  readonly inline: Buffer | undefined;
  readonly ref: string | undefined;
  readonly bytes: number;
  /** SHA-256, in hex. */
  readonly digest: string;
}

export interface KeepOptions {
  /** Of the blob, where it becomes one. */
  readonly key: string;
  readonly maxBytes: number;
  /** What is too long, for the refusal. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Where the bodies of a task lie; `name` is `payload`, or `result-<claim>`: attempts do not share theirs. */
export function bodyKey(org: string, taskId: string, name: string): string {
  return `${org.toLowerCase()}/tasks/${taskId.toLowerCase()}/${name}`;
}

/** Reads a body to its end and keeps it. Throws `payload_too_large`, and what the body or the blobs throw. */
export async function keepBody(
  blobs: Pick<Blobs, "putIfAbsent">,
  body: AsyncIterable<Uint8Array>,
  { key, maxBytes, what, signal }: KeepOptions,
): Promise<KeptBody> {
  const hash = createHash("sha256");
  let bytes = 0;
  const source = body[Symbol.asyncIterator]();
  const next = async (): Promise<Uint8Array | undefined> => {
    signal.throwIfAborted();
    const { done, value } = await source.next();
    if (done === true) return undefined;
    bytes += value.length;
    if (bytes > maxBytes) {
      await source.return?.();
      throw new PlatformError("payload_too_large", `${what} is larger than ${maxBytes} bytes`, {
        component: "tasks",
      });
    }
    hash.update(value);
    return value;
  };
  const head: Uint8Array[] = [];
  for (let length = 0; length <= INLINE_BYTES; length = bytes) {
    const chunk = await next();
    if (chunk === undefined) {
      const inline = head.length === 0 ? undefined : Buffer.concat(head);
      return { inline, ref: undefined, bytes, digest: hash.digest("hex") };
    }
    head.push(chunk);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    yield* head;
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
  }
  await blobs.putIfAbsent(key, all(), { signal });
  return { inline: undefined, ref: key, bytes, digest: hash.digest("hex") };
}
