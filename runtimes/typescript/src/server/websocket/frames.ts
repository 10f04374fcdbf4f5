import { isUtf8 } from "node:buffer";

/** Opcodes of RFC 6455, section 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export const MESSAGE_LIMIT = 16 * 1024 * 1024;

/** What a client sent, in its order. */
export interface FrameEvents {
  message(message: string | Uint8Array): void;
  ping(payload: Buffer): void;
  close(code: number, reason: string): void;
  /** The client broke the protocol or a limit; `code` is the one to close with. Nothing follows. */
  broken(code: number, reason: string): void;
}

/** One frame as a server sends it: final, not masked. */
export function frameHead(opcode: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return head;
}

interface Head {
  readonly final: boolean;
  readonly opcode: number;
  readonly length: number;
  /** Bytes of the head, its mask included. */
  readonly size: number;
  readonly mask: Buffer;
}

class Broken extends Error {
  readonly code: number;
  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Takes a client's bytes apart into messages. */
export class FrameReader {
  readonly #events: FrameEvents;
  #chunks: Buffer[] = [];
  #held = 0;
  #head: Head | undefined;
  /** The pieces of a message that is not complete yet, and its opcode. */
  #pieces: Buffer[] = [];
  #opcode: number | undefined;
  #size = 0;
  #over = false;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  push(chunk: Buffer): void {
    if (this.#over) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    try {
      while (!this.#over && this.#step());
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#end();
      this.#events.broken(error.code, error.message);
    }
  }

  /** One frame, if all of it is there. */
  #step(): boolean {
    this.#head ??= this.#readHead();
    const head = this.#head;
    if (head === undefined || this.#held < head.size + head.length) return false;
    this.#take(head.size);
    const payload = unmask(this.#take(head.length), head.mask);
    this.#head = undefined;
    this.#frame(head, payload);
    return true;
  }

  #readHead(): Head | undefined {
    const first = this.#peek(2);
    if (first === undefined) return undefined;
    const short = (first[1] ?? 0) & 0x7f;
    const size = (short < 126 ? 2 : short === 126 ? 4 : 10) + 4;
    const opcode = (first[0] ?? 0) & 0x0f;
    const final = ((first[0] ?? 0) & 0x80) !== 0;
    if (((first[0] ?? 0) & 0x70) !== 0) throw new Broken(1002, "a reserved bit is set");
    if (((first[1] ?? 0) & 0x80) === 0) throw new Broken(1002, "a frame of a client has a mask");
    checkOpcode(opcode, final, short, this.#opcode !== undefined);
    const bytes = this.#peek(size);
    if (bytes === undefined) return undefined;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (opcode < OPCODE.close && this.#size + length > MESSAGE_LIMIT)
      throw new Broken(1009, "a message has at most 16 MiB");
    return { final, opcode, length, size, mask: Buffer.from(bytes.subarray(size - 4, size)) };
  }

  #frame(head: Head, payload: Buffer): void {
    if (head.opcode === OPCODE.ping) this.#events.ping(payload);
    else if (head.opcode === OPCODE.close) this.#close(payload);
    else if (head.opcode < OPCODE.close) this.#piece(head, payload);
  }

  #piece(head: Head, payload: Buffer): void {
    this.#opcode ??= head.opcode;
    this.#pieces.push(payload);
    this.#size += payload.length;
    if (!head.final) return;
    const whole = this.#pieces.length === 1 ? payload : Buffer.concat(this.#pieces);
    const text = this.#opcode === OPCODE.text;
    this.#pieces = [];
    this.#opcode = undefined;
    this.#size = 0;
    if (text && !isUtf8(whole)) throw new Broken(1007, "a text is UTF-8");
    this.#events.message(text ? whole.toString("utf8") : whole);
  }

  #close(payload: Buffer): void {
    if (payload.length === 1) throw new Broken(1002, "a close code has two bytes");
    const code = payload.length === 0 ? 1005 : payload.readUInt16BE();
    if (payload.length !== 0 && !isSendable(code)) throw new Broken(1002, "the close code may not be sent");
    if (!isUtf8(payload.subarray(2))) throw new Broken(1007, "a reason is UTF-8");
    this.#end();
    this.#events.close(code, payload.toString("utf8", 2));
  }

  #end(): void {
    this.#over = true;
    this.#chunks = [];
    this.#pieces = [];
  }

  /** The first `size` bytes, left where they are; undefined where there are not as many. */
  #peek(size: number): Buffer | undefined {
    if (this.#held < size) return undefined;
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= size) return first;
    this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  #take(size: number): Buffer {
    const bytes = this.#peek(size) ?? Buffer.alloc(0);
    this.#chunks[0] = bytes.subarray(size);
    if (this.#chunks[0].length === 0) this.#chunks.shift();
    this.#held -= size;
    return bytes.subarray(0, size);
  }
}

function checkOpcode(opcode: number, final: boolean, length: number, inMessage: boolean): void {
  if (opcode >= OPCODE.close) {
    if (opcode > OPCODE.pong) throw new Broken(1002, "the opcode is unknown");
    if (!final || length > 125) throw new Broken(1002, "a control frame is whole and short");
    return;
  }
  if (opcode > OPCODE.binary) throw new Broken(1002, "the opcode is unknown");
  if ((opcode === OPCODE.continuation) !== inMessage)
    throw new Broken(1002, inMessage ? "a message began inside another" : "there is nothing to continue");
}

/** Codes that may stand in a close frame (RFC 6455, section 7.4, and the registry made by it). */
export function isSendable(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  );
}

/** In place where the bytes are this reader's alone, which those of a socket are. */
function unmask(payload: Buffer, mask: Buffer): Buffer {
  const [a = 0, b = 0, c = 0, d = 0] = mask;
  const whole = payload.length - (payload.length % 4);
  for (let i = 0; i < whole; i += 4) {
    payload[i] = (payload[i] as number) ^ a;
    payload[i + 1] = (payload[i + 1] as number) ^ b;
    payload[i + 2] = (payload[i + 2] as number) ^ c;
    payload[i + 3] = (payload[i + 3] as number) ^ d;
  }
  for (let i = whole; i < payload.length; i++) payload[i] = (payload[i] as number) ^ (mask[i % 4] as number);
  return payload;
}
