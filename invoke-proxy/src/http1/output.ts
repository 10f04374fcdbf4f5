import type { Socket } from "node:net";

/** Up to here a body travels as text behind its head: one copy and one write are cheaper than a vector of two. */
const TEXT_BODY_BYTES = 8192;
/** Text is written out when it has grown to this. */
const TEXT_BYTES = 65_536;

/**
 * Gathers what one turn of the event loop has to say on a socket and writes it at once. Text is latin1: header
 * lines, chunk framing, small bodies byte for byte.
 */
export class Output {
  readonly #socket: Socket;
  #text = "";

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  text(text: string): void {
    this.#text += text;
  }

  /** What was gathered and not yet written. */
  get pending(): string {
    return this.#text;
  }

  /** Body bytes `buffer[start..end)`, not empty; the buffer is the caller's again when this returns. */
  body(buffer: Buffer, start: number, end: number, chunked: boolean): void {
    const length = end - start;
    if (length > TEXT_BODY_BYTES) {
      this.#large(buffer, start, end, chunked);
      return;
    }
    if (chunked) {
      this.#text += `${length.toString(16)}\r\n${buffer.toString("latin1", start, end)}\r\n`;
    } else {
      this.#text += buffer.toString("latin1", start, end);
    }
    if (this.#text.length > TEXT_BYTES) this.flush();
  }

  #large(buffer: Buffer, start: number, end: number, chunked: boolean): void {
    const socket = this.#socket;
    const head = chunked ? `${this.#text}${(end - start).toString(16)}\r\n` : this.#text;
    this.#text = chunked ? "\r\n" : "";
    socket.cork();
    if (head !== "") socket.write(head, "latin1");
    // Read buffers are used again for the next read, so what may wait in the socket is copied.
    socket.write(Buffer.copyBytesFrom(buffer, start, end - start));
    socket.uncork();
  }

  flush(): void {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    this.#socket.write(text, "latin1");
  }

  /** True while the peer is behind; the socket's `drain` follows. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }
}

/** Ends a chunked body without trailers. */
export const LAST_CHUNK = "0\r\n\r\n";
