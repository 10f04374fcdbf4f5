import { HEADERS, type Identity, type TaskCall } from "@hanzo-fn/contract";
import { parseLines } from "./header-lines.ts";
import type { RequestFields } from "./request-fields.ts";

/** What of a call there is to keep. */
interface CallFacts {
  readonly target: string;
  readonly fields: RequestFields;
  readonly requestId: string;
  readonly traceparent: string;
}

/** Credentials and connection fields are left out. */
export function taskCall(
  call: CallFacts,
  functionName: string,
  identity: Identity,
  body: AsyncIterable<Buffer>,
): TaskCall {
  const { fields, target, requestId, traceparent } = call;
  const own = [
    ["traceparent", traceparent],
    [HEADERS.revision, fields.revision],
    [HEADERS.callback, fields.callback],
    [HEADERS.expiresIn, fields.expiresIn],
  ] as const;
  const set = own.filter((pair): pair is readonly [(typeof own)[number][0], string] => pair[1] !== undefined);
  const query = target.indexOf("?");
  return {
    org: identity.org,
    function: functionName,
    user: identity.kind === "platform" ? identity.onBehalfOf : identity.subject,
    mayPin: identity.permissions.has("functions:deploy"),
    query: query === -1 ? "" : target.slice(query),
    headers: [...parseLines(fields.forward), ...set],
    body,
    requestId,
  };
}

/** So much waits for its reader before the pusher is to pause. */
const HIGH_WATER_BYTES = 262_144;

/** A body that is pushed as it comes, and read at its reader's pace. One reader. */
export class PushedBody implements AsyncIterable<Buffer> {
  readonly #onDrain: () => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  /** @param onDrain more is welcome after it was full */
  constructor(onDrain: () => void) {
    this.#onDrain = onDrain;
  }

  get full(): boolean {
    return this.#bytes > HIGH_WATER_BYTES;
  }

  /** The buffer is the pusher's again when this returns. */
  push(buffer: Buffer, start: number, end: number): void {
    this.#chunks.push(Buffer.copyBytesFrom(buffer, start, end - start));
    this.#bytes += end - start;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** It will never be complete. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    this.#failure = reason;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const wasFull = this.full;
        this.#bytes -= chunk.length;
        if (wasFull && !this.full) this.#onDrain();
        yield chunk;
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else if (this.#ended) {
        return;
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
        this.#wake = undefined;
      }
    }
  }
}
