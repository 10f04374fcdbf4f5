import type { Duplex } from "node:stream";
import type { WebSocketConnection } from "../../web-socket.ts";
import { startTimer, stopTimer } from "../intrinsics.ts";
import { frameHead, FrameReader, isSendable, OPCODE } from "./frames.ts";

/** Bytes of messages that wait for the handler before the client is held up. */
const QUEUE_BYTES = 1024 * 1024;
/** How long the other side may take to answer a close. */
const CLOSE_WAIT_MS = 5000;

type Message = string | Uint8Array;

/** The server's end of one WebSocket. */
export class ServerSocket implements WebSocketConnection {
  readonly #socket: Duplex;
  readonly #messages: Message[] = [];
  readonly #ended: Promise<void>;
  #queued = 0;
  #receiving: ((message: Message | null) => void) | undefined;
  #closeSent = false;
  #over = false;
  closeCode: number | undefined;
  closeReason = "";

  /** @param gone called where the client went away without a close */
  constructor(socket: Duplex, first: readonly Buffer[], gone: () => void) {
    this.#socket = socket;
    const reader = new FrameReader({
      message: (message) => this.#arrived(message),
      ping: (payload) => this.#closeSent || this.#write(OPCODE.pong, payload),
      close: (code, reason) => {
        this.#sendClose(code, "");
        this.#finish(code, reason);
        this.#hangUp();
      },
      broken: (code, reason) => {
        this.#sendClose(code, reason);
        this.#finish(code, reason);
        this.#hangUp();
      },
    });
    this.#ended = new Promise((resolve) => {
      socket.on("close", () => {
        const clean = this.#over || this.#closeSent;
        this.#finish(1006, "");
        resolve();
        if (!clean) gone();
      });
    });
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => reader.push(chunk));
    for (const chunk of first) reader.push(chunk);
    socket.resume();
  }

  /** True from the first sign of its end on. */
  get closing(): boolean {
    return this.#over || this.#closeSent;
  }

  async send(message: Message): Promise<void> {
    if (this.#over || this.#closeSent) throw new Error("the WebSocket is closed");
    const text = typeof message === "string";
    const payload = text ? Buffer.from(message, "utf8") : message;
    if (this.#write(text ? OPCODE.text : OPCODE.binary, payload)) return;
    const socket = this.#socket;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off("drain", done).off("close", done);
        resolve();
      };
      socket.on("drain", done).on("close", done);
    });
  }

  receive(): Promise<Message | null> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#queued -= message.length;
      if (this.#queued < QUEUE_BYTES) this.#socket.resume();
      return Promise.resolve(message);
    }
    if (this.#over) return Promise.resolve(null);
    if (this.#receiving !== undefined) return Promise.reject(new Error("somebody else receives already"));
    return new Promise((resolve) => (this.#receiving = resolve));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    for (let message = await this.receive(); message !== null; message = await this.receive()) yield message;
  }

  async close(code = 1000, reason = ""): Promise<void> {
    if (!isSendable(code)) throw new RangeError(`${code} is no code that a WebSocket may be closed with`);
    if (Buffer.byteLength(reason) > 123) throw new RangeError("the reason of a close has at most 123 bytes");
    this.#sendClose(code, reason);
    // The answer to the close lies behind messages that nobody takes any more.
    this.#messages.length = 0;
    this.#socket.resume();
    const timer = startTimer(() => this.#socket.destroy(), CLOSE_WAIT_MS);
    await this.#ended;
    stopTimer(timer);
  }

  #arrived(message: Message): void {
    if (this.#closeSent) return;
    const receiving = this.#receiving;
    if (receiving !== undefined) {
      this.#receiving = undefined;
      receiving(message);
      return;
    }
    this.#messages.push(message);
    this.#queued += message.length;
    if (this.#queued >= QUEUE_BYTES) this.#socket.pause();
  }

  #write(opcode: number, payload: Uint8Array): boolean {
    if (this.#socket.destroyed) return true;
    this.#socket.cork();
    this.#socket.write(frameHead(opcode, payload.length));
    const free = this.#socket.write(payload);
    this.#socket.uncork();
    return free;
  }

  #sendClose(code: number, reason: string): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    if (code === 1005) {
      this.#write(OPCODE.close, Buffer.alloc(0));
      return;
    }
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.#write(OPCODE.close, payload);
  }

  /** No message comes any more; those that came are still there to be received. */
  #finish(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.closeCode = code;
    this.closeReason = reason;
    this.#receiving?.(null);
    this.#receiving = undefined;
  }

  /** Ends this direction, and the whole where the other side does not end its own. */
  #hangUp(): void {
    this.#socket.end();
    this.#socket.resume();
    const timer = startTimer(() => this.#socket.destroy(), CLOSE_WAIT_MS);
    timer.unref();
  }
}
