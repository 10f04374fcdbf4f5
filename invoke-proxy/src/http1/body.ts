import { type BodyLimits, ChunkScanner } from "./chunked.ts";
import { type BodyFraming, NO_BODY } from "./framing.ts";
import { refuseMalformed, REQUEST_SIDE, RESPONSE_SIDE, type Side } from "./refusal.ts";

export type { BodyLimits } from "./chunked.ts";

/** Extensions and trailers are rare and dropped, so a little room is enough. */
export const BODY_LIMITS: BodyLimits = { maxChunkExtensionBytes: 1024, maxTrailerBytes: 8192 };

/** Body bytes `buffer[start..end)`, never empty. They are the caller's buffer: copy what must outlive the call. */
export type OnData = (buffer: Buffer, start: number, end: number) => void;

/**
 * Takes the framing off a body. One decoder serves one direction of a connection: `reset` starts the next body
 * without an allocation. Data is handed on as ranges of the buffer it came in; nothing is copied or kept.
 */
export class BodyDecoder {
  readonly #side: Side;
  readonly #chunks: ChunkScanner;
  #kind: BodyFraming["kind"] = "none";
  #remaining = 0;
  #done = true;

  constructor(side: Side, limits: BodyLimits) {
    this.#side = side;
    this.#chunks = new ChunkScanner(side, limits);
  }

  /** Begins a body. With framing `none`, or a length of 0, it is done at once. */
  reset(framing: BodyFraming): void {
    this.#kind = framing.kind;
    this.#remaining = framing.kind === "length" ? framing.length : 0;
    this.#done = framing.kind === "none" || (framing.kind === "length" && framing.length === 0);
    if (framing.kind === "chunked") this.#chunks.reset();
  }

  /** The last byte of the body has been consumed. What follows in the buffer belongs to the next message. */
  get done(): boolean {
    return this.#done;
  }

  /**
   * Consumes body bytes from `buffer[start..end)`, calls `onData` for each run of data and returns how many bytes
   * it consumed: all of them, or fewer when the body ended. Throws `malformed_http` (request) or
   * `malformed_response`; `head_too_large` for oversized trailers of a request.
   */
  write(buffer: Buffer, start: number, end: number, onData: OnData): number {
    if (this.#done || start >= end) return 0;
    if (this.#kind === "chunked") return this.#writeChunked(buffer, start, end, onData);
    if (this.#kind === "close") {
      onData(buffer, start, end);
      return end - start;
    }
    const taken = Math.min(this.#remaining, end - start);
    this.#remaining -= taken;
    this.#done = this.#remaining === 0;
    onData(buffer, start, start + taken);
    return taken;
  }

  /** The peer has ended the connection: ends a close-delimited body, throws when a framed one is cut short. */
  finish(): void {
    if (this.#done) return;
    if (this.#kind !== "close") refuseMalformed(this.#side, "the connection ended inside the body");
    this.#done = true;
  }

  #writeChunked(buffer: Buffer, start: number, end: number, onData: OnData): number {
    const chunks = this.#chunks;
    let at = start;
    while (at < end) {
      if (!chunks.inData) {
        at = chunks.scan(buffer, at, end);
        this.#done = chunks.done;
        if (!chunks.inData) break;
      }
      const taken = Math.min(chunks.remaining, end - at);
      if (taken === 0) break;
      chunks.remaining -= taken;
      if (chunks.remaining === 0) chunks.endData();
      onData(buffer, at, at + taken);
      at += taken;
    }
    return at - start;
  }
}

/** A decoder for the bodies of `side`, already begun with `framing`. */
export function createBodyDecoder(
  side: "request" | "response",
  framing: BodyFraming = NO_BODY,
  limits: BodyLimits = BODY_LIMITS,
): BodyDecoder {
  const decoder = new BodyDecoder(side === "request" ? REQUEST_SIDE : RESPONSE_SIDE, limits);
  decoder.reset(framing);
  return decoder;
}
