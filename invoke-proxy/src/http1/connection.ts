import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { PlatformError } from "@hanzo-fn/contract";
import { newIdentityMemo } from "../authenticate.ts";
import type { CallContext } from "../call-context.ts";
import { Call } from "../call.ts";
import type { AnswerHead, Origin } from "../origin.ts";
import { readRequestFields } from "../request-fields.ts";
import type { ClientInfo } from "../request-lines.ts";
import { refusalAnswer } from "../refusal-answer.ts";
import { Backlog } from "./backlog.ts";
import { createBodyDecoder, type BodyDecoder, type OnData } from "./body.ts";
import { NO_BODY, parseRequestHead, type HeadLimits, type RequestHead } from "./head.ts";
import { LAST_CHUNK, Output } from "./output.ts";

export interface ConnectionOptions {
  readonly limits: HeadLimits;
  /** From the first byte of a head to its last; also how long a fresh connection may stay silent. */
  readonly headTimeoutMs: number;
  /** A body that is wanted must bring `bodyWindowBytes` in every window of this length. */
  readonly bodyWindowMs: number;
  readonly bodyWindowBytes: number;
  /** Between the end of an answer and the next request. */
  readonly idleTimeoutMs: number;
  /** How long a connection that is closed for good may still send, so that the last answer is not lost to a reset. */
  readonly lingerMs: number;
}

/** What connections share with their server. */
export interface ConnectionHost {
  readonly calls: CallContext;
  readonly options: ConnectionOptions;
  /** Answers carry `Connection: close` while true. */
  readonly draining: boolean;
  forget(connection: ClientConnection): void;
}

/** What the next byte of the client belongs to. */
const MODE = {
  head: 0,
  body: 1,
  /** The request is complete; what comes is the next one, and waits. */
  wait: 2,
  /** The answer is complete and the request is not: the rest is thrown away. */
  drain: 3,
  tunnel: 4,
  closing: 5,
} as const;

/** Pipelined bytes that are taken in while a call runs. */
const MAX_BACKLOG_BYTES = 65_536;
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const DISCARD: OnData = () => undefined;

/** One client: reads requests one after the other, and writes their answers. */
export class ClientConnection implements Origin, ClientInfo {
  readonly address: string;
  host: string | undefined = undefined;
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #backlog = new Backlog();
  readonly #decoder: BodyDecoder = createBodyDecoder("request");
  readonly #memo = newIdentityMemo();
  readonly #onData: OnData;
  #call: Call | undefined;
  #mode: number = MODE.head;
  #processing = false;
  #scannedTo = 0;
  #minor: 0 | 1 = 1;
  #keepAlive = true;
  #chunked = false;
  #expect = false;
  #served = 0;
  #sinceMs: number;
  #windowBytes = 0;

  constructor(host: ConnectionHost, socket: Socket) {
    this.#host = host;
    this.#socket = socket;
    this.#output = new Output(socket);
    this.address = socket.remoteAddress ?? "";
    this.#sinceMs = host.calls.clock.monotonic();
    this.#onData = (buffer, start, end) => {
      this.#windowBytes += end - start;
      this.#call?.requestData(buffer, start, end);
    };
    socket.on("data", (chunk: Buffer) => this.#read(chunk, chunk.length));
    socket.on("drain", () => this.#call?.resumeAnswer());
    socket.on("end", () => this.#gone());
    socket.on("error", () => this.#gone());
    socket.on("close", () => this.#closed());
  }

  /** True while nothing is asked. */
  get idle(): boolean {
    return this.#mode === MODE.head && this.#backlog.length === 0;
  }

  /** Cuts it, and the call that runs on it. */
  destroy(): void {
    this.#gone();
  }

  #gone(): void {
    this.#mode = MODE.closing;
    this.#call?.abort();
    this.#call = undefined;
    this.#socket.destroy();
  }

  #closed(): void {
    this.#call?.abort();
    this.#call = undefined;
    this.#host.forget(this);
  }

  get #blocked(): boolean {
    return this.#mode === MODE.wait || (this.#mode === MODE.body && this.#call?.accepting !== true);
  }

  #read(buffer: Buffer, length: number): void {
    if (this.#backlog.length === 0) {
      this.#process(buffer, 0, length);
    } else {
      this.#backlog.append(buffer, 0, length);
      this.#processBacklog();
    }
    if (this.#backlog.length > MAX_BACKLOG_BYTES && this.#blocked) this.#socket.pause();
  }

  #processBacklog(): void {
    if (this.#processing || this.#blocked) return;
    if (this.#backlog.length > 0) {
      const bytes = this.#backlog.take();
      this.#process(bytes, 0, bytes.length);
    } else if (this.#mode === MODE.body) {
      // The head goes out although nothing of the body is here yet.
      this.#pushed();
    }
    if (this.#socket.isPaused() && this.#call?.requestFull !== true) this.#socket.resume();
  }

  #process(buffer: Buffer, start: number, end: number): void {
    this.#processing = true;
    let at = start;
    try {
      while (at < end) {
        const next = this.#step(buffer, at, end);
        if (next === -1) {
          this.#backlog.append(buffer, at, end);
          break;
        }
        at = next;
      }
    } catch (error) {
      this.#refuse(error);
    }
    this.#processing = false;
    if (this.#mode === MODE.body || this.#mode === MODE.tunnel) this.#pushed();
  }

  /** Consumes what it can; the next offset, or -1 where the rest has to wait. */
  #step(buffer: Buffer, at: number, end: number): number {
    switch (this.#mode) {
      case MODE.head:
        return this.#head(buffer, at, end);
      case MODE.body: {
        if (this.#call?.accepting !== true) return -1;
        this.#expect = false;
        const next = at + this.#decoder.write(buffer, at, end, this.#onData);
        // The call may have ended within: its answer then decided what becomes of the rest.
        if (this.#decoder.done && this.#mode === MODE.body) {
          this.#mode = MODE.wait;
          this.#call?.requestEnd();
        }
        return next;
      }
      case MODE.wait:
        return -1;
      case MODE.drain: {
        const next = at + this.#decoder.write(buffer, at, end, DISCARD);
        if (this.#decoder.done) this.#next();
        return next;
      }
      case MODE.tunnel:
        this.#call?.requestData(buffer, at, end);
        return end;
      default:
        return end;
    }
  }

  #head(buffer: Buffer, at: number, end: number): number {
    const { limits } = this.#host.options;
    const head = parseRequestHead(buffer, at, end, limits, at + this.#scannedTo);
    if (head === undefined) {
      if (this.#scannedTo === 0) this.#sinceMs = this.#host.calls.clock.monotonic();
      this.#scannedTo = end - at;
      return -1;
    }
    this.#scannedTo = 0;
    this.#open(head);
    return at + head.bytes;
  }

  #open(head: RequestHead): void {
    const { framing } = head;
    this.#minor = head.minor;
    this.#keepAlive = head.keepAlive;
    this.#expect = head.expectContinue;
    this.#served++;
    this.host = head.host;
    this.#decoder.reset(framing);
    this.#mode = framing === NO_BODY ? MODE.wait : MODE.body;
    this.#windowBytes = 0;
    const upgradable =
      framing === NO_BODY && head.method === "GET" && head.upgrade?.toLowerCase() === "websocket";
    const call = new Call(this.#host.calls, this, {
      method: head.method,
      target: head.path,
      bodyLength: framing.kind === "length" ? framing.length : framing.kind === "chunked" ? -1 : 0,
      fields: readRequestFields(head),
      client: this,
      upgrade: upgradable ? "websocket" : undefined,
    });
    this.#call = call;
    call.begin(this.#memo);
  }

  #pushed(): void {
    const call = this.#call;
    if (call === undefined) return;
    call.flushRequest();
    if (call.requestFull) this.#socket.pause();
    this.#invite();
  }

  /** Asks for the body of a client that waits to be asked. */
  #invite(): void {
    if (!this.#expect || this.#call?.accepting !== true) return;
    this.#expect = false;
    this.#output.text(CONTINUE);
    this.#output.flush();
  }

  onAccepting(): void {
    this.#sinceMs = this.#host.calls.clock.monotonic();
    this.#windowBytes = 0;
    this.#processBacklog();
  }

  onRequestDrain(): void {
    this.#sinceMs = this.#host.calls.clock.monotonic();
    this.#windowBytes = 0;
    this.#socket.resume();
  }

  onInterim(status: number, reason: string, lines: string): void {
    if (this.#minor === 0) return;
    this.#output.text(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`);
    this.#output.flush();
  }

  onHead(head: AnswerHead): void {
    this.#expect = false;
    const reason = head.reason === "" ? (STATUS_CODES[head.status] ?? "") : head.reason;
    let text = `HTTP/1.1 ${head.status} ${reason}\r\n${head.lines}`;
    if (head.upgrade !== undefined) {
      this.#output.text(`${text}Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n\r\n`);
      this.#keepAlive = false;
      this.#chunked = false;
      this.#mode = MODE.tunnel;
      this.#output.flush();
      this.#processBacklog();
      return;
    }
    this.#chunked = false;
    if (head.length >= 0) {
      if (head.status !== 204) text += `Content-Length: ${head.length}\r\n`;
    } else if (!head.bodyless) {
      this.#chunked = this.#minor === 1;
      if (this.#chunked) text += "Transfer-Encoding: chunked\r\n";
      else this.#keepAlive = false;
    }
    this.#output.text(text + this.#connectionLine());
  }

  /** `Connection` where it says something, and the empty line. */
  #connectionLine(): string {
    if (this.#host.draining) this.#keepAlive = false;
    if (!this.#keepAlive) return "Connection: close\r\n\r\n";
    return this.#minor === 0 ? "Connection: keep-alive\r\n\r\n" : "\r\n";
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.#output.body(buffer, start, end, this.#chunked);
  }

  onFlush(): void {
    this.#output.flush();
  }

  get full(): boolean {
    return this.#output.full;
  }

  onEnd(): void {
    if (this.#chunked) this.#output.text(LAST_CHUNK);
    this.#output.flush();
    this.#finish();
  }

  onAnswer(status: number, lines: string, body: string): void {
    // An answer before the body is complete closes the connection: what would follow on it is in doubt.
    if (!this.#decoder.done) this.#keepAlive = false;
    this.#writeAnswer(status, lines, body);
    this.#finish();
  }

  #writeAnswer(status: number, lines: string, body: string): void {
    const text = Buffer.from(body).toString("latin1");
    const length = status === 204 ? "" : `Content-Length: ${text.length}\r\n`;
    const payload = this.#call?.method === "HEAD" ? "" : text;
    const reason = STATUS_CODES[status] ?? (status === 499 ? "Client Closed Request" : "");
    this.#output.text(`HTTP/1.1 ${status} ${reason}\r\n${lines}${length}${this.#connectionLine()}${payload}`);
    this.#output.flush();
  }

  onCut(): void {
    this.#call = undefined;
    this.#mode = MODE.closing;
    // A reset, not a clean end: a client must not take a part for the whole.
    this.#socket.resetAndDestroy();
  }

  /** The answer has been written. */
  #finish(): void {
    this.#call = undefined;
    if (this.#socket.destroyed) return;
    this.#sinceMs = this.#host.calls.clock.monotonic();
    if (!this.#keepAlive) this.#close();
    else if (this.#decoder.done) this.#next();
    else this.#mode = MODE.drain;
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #next(): void {
    this.#mode = MODE.head;
    this.#processBacklog();
  }

  /** Ends our side and waits a little for the client's end. */
  #close(): void {
    this.#mode = MODE.closing;
    this.#backlog.take();
    this.#socket.end();
  }

  /** What came cannot be dealt with. */
  #refuse(cause: unknown): void {
    const error =
      cause instanceof PlatformError ? cause : new PlatformError("internal", "the proxy failed", { cause });
    this.#keepAlive = false;
    if (this.#call !== undefined) {
      this.#call.fail(error);
    } else if (this.#mode === MODE.head) {
      const answer = refusalAnswer(this.#host.calls, this, error);
      this.#writeAnswer(error.status, answer.lines, answer.body);
    }
    if (!this.#socket.destroyed && this.#mode !== MODE.closing) {
      this.#sinceMs = this.#host.calls.clock.monotonic();
      this.#close();
    }
  }

  /** Ends what takes too long. `nowMs` is monotonic. */
  sweep(nowMs: number): void {
    const { options } = this.#host;
    const waitedMs = nowMs - this.#sinceMs;
    switch (this.#mode) {
      case MODE.head:
        this.#sweepHead(waitedMs);
        break;
      case MODE.body:
        this.#sweepBody(nowMs, waitedMs);
        break;
      case MODE.drain:
        if (waitedMs >= options.bodyWindowMs) this.#socket.destroy();
        break;
      case MODE.closing:
        if (waitedMs >= options.lingerMs) this.#socket.destroy();
        break;
      default:
        break;
    }
  }

  #sweepHead(waitedMs: number): void {
    const { options } = this.#host;
    if (this.#backlog.length > 0) {
      if (waitedMs < options.headTimeoutMs) return;
      this.#refuse(new PlatformError("request_timeout", "the head of the request did not arrive in time"));
    } else if (waitedMs >= (this.#served === 0 ? options.headTimeoutMs : options.idleTimeoutMs)) {
      this.#socket.destroy();
    }
  }

  #sweepBody(nowMs: number, waitedMs: number): void {
    const { options } = this.#host;
    if (waitedMs < options.bodyWindowMs && !this.#socket.isPaused()) return;
    const wanted = this.#call?.accepting === true && !this.#socket.isPaused();
    if (wanted && this.#windowBytes < options.bodyWindowBytes) {
      this.#refuse(new PlatformError("request_timeout", "the body of the request came too slowly"));
      return;
    }
    this.#sinceMs = nowMs;
    this.#windowBytes = 0;
  }
}
