import { COLON, CR, HEX, LF, LOWER, SEMICOLON, TEXT, TOKEN } from "./chars.ts";
import { refuseNameEnd, refuseValueEnd } from "./fields.ts";
import { refuse, refuseMalformed, type Side } from "./refusal.ts";

/** Bounds on what a chunked body may carry beside its data; both are counted per body and dropped. */
export interface BodyLimits {
  readonly maxChunkExtensionBytes: number;
  readonly maxTrailerBytes: number;
}

/** States of `ChunkScanner`. `data` is the only one in which the owner, not the scanner, consumes bytes. */
const STATE = {
  sizeStart: 0,
  size: 1,
  extensionStart: 2,
  extensionName: 3,
  extensionValueStart: 4,
  extensionValue: 5,
  quoted: 6,
  quotedPair: 7,
  quotedEnd: 8,
  sizeLf: 9,
  data: 10,
  dataCr: 11,
  dataLf: 12,
  lineStart: 13,
  trailerName: 14,
  trailerValue: 15,
  trailerLf: 16,
  endLf: 17,
  done: 18,
} as const;

/** More digits than any size below 2^53 needs are refused, leading zeros included. */
const MAX_SIZE_DIGITS = 16;
/** Fields that frame or route a message, or steer the connection, and so must never come behind it. */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "host",
  "connection",
  "proxy-connection",
  "upgrade",
]);
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5c;
const EQUALS = 0x3d;

/** The framing of a chunked body (RFC 9112, 7.1), byte by byte: no byte is kept and none is looked at twice. */
export class ChunkScanner {
  readonly #side: Side;
  readonly #limits: BodyLimits;
  #state: number = STATE.sizeStart;
  #digits = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #trailerName = "";
  /** Bytes of data still to come in the current chunk; the owner counts it down. */
  remaining = 0;

  constructor(side: Side, limits: BodyLimits) {
    this.#side = side;
    this.#limits = limits;
  }

  reset(): void {
    this.#state = STATE.sizeStart;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.remaining = 0;
  }

  get done(): boolean {
    return this.#state === STATE.done;
  }

  /** Data bytes come next: `remaining` of them. */
  get inData(): boolean {
    return this.#state === STATE.data;
  }

  /** The owner has taken all `remaining` bytes of the chunk. */
  endData(): void {
    this.#state = STATE.dataCr;
  }

  /** Scans framing from `start`; stops in front of data, behind the body, or at `end`. Returns the offset. */
  scan(buffer: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#state !== STATE.data && this.#state !== STATE.done) {
      this.#state = this.#next(buffer[at]!);
      at += 1;
    }
    return at;
  }

  #next(byte: number): number {
    const state = this.#state;
    if (state <= STATE.size) return this.#size(byte);
    if (state < STATE.sizeLf) return this.#extension(byte);
    if (state >= STATE.lineStart) return this.#trailer(byte);
    if (state === STATE.dataCr) {
      if (byte !== CR) refuseMalformed(this.#side, "a chunk does not end where its size says");
      return STATE.dataLf;
    }
    if (byte !== LF) refuseMalformed(this.#side, "a bare CR in the chunked framing");
    if (state === STATE.sizeLf) return this.remaining === 0 ? STATE.lineStart : STATE.data;
    this.#digits = 0;
    return STATE.sizeStart;
  }

  #size(byte: number): number {
    const value = HEX[byte]!;
    if (value !== 255) {
      this.#digits += 1;
      this.remaining = this.remaining * 16 + value;
      if (this.#digits > MAX_SIZE_DIGITS || this.remaining > Number.MAX_SAFE_INTEGER) {
        refuseMalformed(this.#side, "a chunk size that is too large");
      }
      return STATE.size;
    }
    if (this.#state === STATE.sizeStart) refuseMalformed(this.#side, "a chunk without a hexadecimal size");
    if (byte === CR) return STATE.sizeLf;
    if (byte === SEMICOLON) return this.#extended(STATE.extensionStart);
    if (byte === LF) refuseMalformed(this.#side, "a bare LF in the chunked framing");
    return refuseMalformed(this.#side, "a chunk size with a character that is not a hexadecimal digit");
  }

  #extended(state: number): number {
    this.#extensionBytes += 1;
    if (this.#extensionBytes > this.#limits.maxChunkExtensionBytes) {
      const limit = this.#limits.maxChunkExtensionBytes;
      refuseMalformed(this.#side, `more than ${limit} bytes of chunk extensions`);
    }
    return state;
  }

  #extension(byte: number): number {
    const state = this.#state;
    if (state === STATE.quoted) {
      if (byte === DOUBLE_QUOTE) return this.#extended(STATE.quotedEnd);
      if (byte === BACKSLASH) return this.#extended(STATE.quotedPair);
      if (TEXT[byte] === 1) return this.#extended(STATE.quoted);
    } else if (state === STATE.quotedPair) {
      if (TEXT[byte] === 1) return this.#extended(STATE.quoted);
    } else if (TOKEN[byte] === 1 && state !== STATE.quotedEnd) {
      const inName = state === STATE.extensionStart || state === STATE.extensionName;
      return this.#extended(inName ? STATE.extensionName : STATE.extensionValue);
    } else if (state === STATE.extensionValueStart) {
      if (byte === DOUBLE_QUOTE) return this.#extended(STATE.quoted);
    } else if (state !== STATE.extensionStart) {
      if (byte === CR) return STATE.sizeLf;
      if (byte === SEMICOLON) return this.#extended(STATE.extensionStart);
      if (byte === EQUALS && state === STATE.extensionName) {
        return this.#extended(STATE.extensionValueStart);
      }
    }
    return refuseMalformed(this.#side, "a malformed chunk extension");
  }

  #trailer(byte: number): number {
    this.#trailerBytes += 1;
    if (this.#trailerBytes > this.#limits.maxTrailerBytes + 2) {
      refuse(
        this.#side,
        this.#side.headTooLarge,
        `more than ${this.#limits.maxTrailerBytes} bytes of trailers`,
      );
    }
    switch (this.#state) {
      case STATE.lineStart:
        if (byte === CR) return STATE.endLf;
        if (TOKEN[byte] !== 1) refuseNameEnd(this.#side, byte, true);
        this.#trailerName = String.fromCharCode(LOWER[byte]!);
        return STATE.trailerName;
      case STATE.trailerName:
        return this.#nameByte(byte);
      case STATE.trailerValue:
        if (byte === CR) return STATE.trailerLf;
        if (TEXT[byte] !== 1) refuseValueEnd(this.#side, byte);
        return STATE.trailerValue;
      default:
        if (byte !== LF) refuseMalformed(this.#side, "a bare CR");
        return this.#state === STATE.endLf ? STATE.done : STATE.lineStart;
    }
  }

  #nameByte(byte: number): number {
    if (TOKEN[byte] === 1) {
      this.#trailerName += String.fromCharCode(LOWER[byte]!);
      return STATE.trailerName;
    }
    if (byte !== COLON) refuseNameEnd(this.#side, byte, false);
    if (NOT_IN_TRAILERS.has(this.#trailerName)) {
      refuseMalformed(this.#side, "a trailer that would change framing, host or connection");
    }
    return STATE.trailerValue;
  }
}
