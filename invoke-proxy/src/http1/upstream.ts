import { connect, type Socket } from "node:net";
import type { Target } from "@hanzo-fn/engine";
import { PlatformError } from "@hanzo-fn/contract";
import { Backlog } from "./backlog.ts";
import { createBodyDecoder, type BodyDecoder, type OnData } from "./body.ts";
import { parseResponseHead, type HeadLimits, type ResponseContext, type ResponseHead } from "./head.ts";
import { Output } from "./output.ts";

/** Who a connection to an instance works for. Every call comes from within one of the connection's events. */
export interface UpstreamHandler extends ResponseContext {
  /** A fresh connection is there; the request may be written. */
  onUpstreamConnected(): void;
  onUpstreamInterim(head: ResponseHead): void;
  onUpstreamHead(head: ResponseHead): void;
  /** Bytes of the body, or of the tunnel after 101. The buffer is lent for the call. */
  onUpstreamData(buffer: Buffer, start: number, end: number): void;
  /** The answer is complete; the connection is `reusable` for a further request or not. */
  onUpstreamEnd(reusable: boolean): void;
  /** All of one read has been handed on. */
  onUpstreamReadDone(): void;
  onUpstreamDrain(): void;
  /**
   * No whole answer will come. A `PlatformError` says that the instance broke the protocol; any other error,
   * or none at a silent end, that the connection broke.
   */
  onUpstreamBroken(error: Error | undefined): void;
}

/** Interim answers before a final one; more than this is no protocol any more. */
const MAX_INTERIM = 32;
/** One buffer for the reads of all connections: its content is dealt with or copied before the next read. */
const READ_BYTES = 65_536;

/** One connection to an instance. */
export class UpstreamConnection {
  readonly socket: Socket;
  readonly output: Output;
  /** True once it has carried an answer before. */
  reused = false;
  idleSinceMs = 0;
  readonly #pool: UpstreamPool;
  readonly #limits: HeadLimits;
  readonly #decoder: BodyDecoder = createBodyDecoder("response");
  readonly #onData: OnData;
  readonly #backlog = new Backlog();
  #handler: UpstreamHandler | undefined;
  #scannedTo = 0;
  #interims = 0;
  #inBody = false;
  #tunnel = false;
  #keepAlive = false;

  constructor(pool: UpstreamPool, handler: UpstreamHandler, limits: HeadLimits, readBuffer: Buffer) {
    this.#pool = pool;
    this.#handler = handler;
    this.#limits = limits;
    const { address } = pool.target;
    this.socket = connect({
      ...(address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port }),
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length) => this.#read(readBuffer, length) },
    });
    this.output = new Output(this.socket);
    this.#onData = (buffer, start, end) => this.#handler?.onUpstreamData(buffer, start, end);
    this.socket.on("connect", () => this.#handler?.onUpstreamConnected());
    this.socket.on("drain", () => this.#handler?.onUpstreamDrain());
    this.socket.on("error", (error) => this.#broken(error));
    this.socket.on("end", () => this.#ended());
    this.socket.on("close", () => this.#broken(undefined));
  }

  /** Takes an idle connection into service. */
  serve(handler: UpstreamHandler): void {
    this.#handler = handler;
    this.#inBody = false;
    this.#interims = 0;
  }

  /** Ends it; the handler hears nothing more. */
  destroy(): void {
    this.#handler = undefined;
    this.#pool.forget(this);
    this.socket.destroy();
  }

  /** Gives a connection whose answer is complete back for the next call. */
  release(): void {
    this.#handler = undefined;
    this.reused = true;
    if (this.socket.isPaused()) this.socket.resume();
    this.#pool.put(this);
  }

  #read(buffer: Buffer, length: number): boolean {
    if (this.#handler === undefined) {
      // Bytes that nobody asked for: a smuggled answer.
      this.destroy();
      return false;
    }
    try {
      if (this.#backlog.length > 0) {
        this.#backlog.append(buffer, 0, length);
        const bytes = this.#backlog.take();
        this.#process(bytes, bytes.length);
      } else {
        this.#process(buffer, length);
      }
    } catch (error) {
      this.#broken(error as Error);
    }
    return !this.socket.destroyed && !this.socket.isPaused();
  }

  #process(buffer: Buffer, end: number): void {
    const handler = this.#handler as UpstreamHandler;
    let at = 0;
    while (!this.#inBody) {
      const head = parseResponseHead(buffer, at, end, this.#limits, handler, at + this.#scannedTo);
      if (head === undefined) {
        this.#scannedTo = end - at;
        if (end > at) this.#backlog.append(buffer, at, end);
        handler.onUpstreamReadDone();
        return;
      }
      this.#scannedTo = 0;
      at += head.bytes;
      this.#onHead(handler, head);
      if (this.#handler !== handler) return;
    }
    this.#body(handler, buffer, at, end);
  }

  #onHead(handler: UpstreamHandler, head: ResponseHead): void {
    if (head.interim) {
      this.#interims++;
      if (this.#interims > MAX_INTERIM) {
        throw new PlatformError(
          "malformed_response",
          `the response is refused: more than ${MAX_INTERIM} interim answers`,
        );
      }
      handler.onUpstreamInterim(head);
      return;
    }
    this.#inBody = true;
    this.#tunnel = head.status === 101;
    this.#keepAlive = head.keepAlive;
    this.#decoder.reset(this.#tunnel ? { kind: "close" } : head.framing);
    handler.onUpstreamHead(head);
  }

  #body(handler: UpstreamHandler, buffer: Buffer, start: number, end: number): void {
    const at = start + this.#decoder.write(buffer, start, end, this.#onData);
    if (this.#handler !== handler) return;
    handler.onUpstreamReadDone();
    if (this.#handler !== handler || !this.#decoder.done) return;
    // What follows a complete answer is a second one that nobody asked for.
    handler.onUpstreamEnd(this.#keepAlive && at === end && !this.socket.destroyed);
  }

  #ended(): void {
    const handler = this.#handler;
    if (handler === undefined || !this.#inBody) {
      this.#broken(undefined);
      return;
    }
    try {
      this.#decoder.finish();
    } catch {
      this.#broken(undefined);
      return;
    }
    handler.onUpstreamEnd(false);
  }

  #broken(error: Error | undefined): void {
    const handler = this.#handler;
    this.destroy();
    handler?.onUpstreamBroken(error);
  }
}

/** The connections to one instance. */
export class UpstreamPool {
  readonly target: Target;
  readonly #upstreams: Upstreams;
  readonly #idle: UpstreamConnection[] = [];
  readonly #all = new Set<UpstreamConnection>();

  constructor(upstreams: Upstreams, target: Target) {
    this.#upstreams = upstreams;
    this.target = target;
  }

  /** The idle connection used last, in service for `handler`. */
  take(handler: UpstreamHandler): UpstreamConnection | undefined {
    const connection = this.#idle.pop();
    connection?.serve(handler);
    return connection;
  }

  connect(handler: UpstreamHandler): UpstreamConnection {
    const connection = this.#upstreams.open(this, handler);
    this.#all.add(connection);
    return connection;
  }

  put(connection: UpstreamConnection): void {
    if (this.target.gone.aborted || connection.socket.destroyed) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = this.#upstreams.nowMs();
    this.#idle.push(connection);
  }

  forget(connection: UpstreamConnection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    if (this.#all.size === 0) this.#upstreams.drop(this);
  }

  /** Closes what has been idle since before `thenMs`. */
  closeIdle(thenMs: number): void {
    for (const connection of this.#idle.filter(({ idleSinceMs }) => idleSinceMs <= thenMs)) {
      connection.destroy();
    }
  }

  /** Cuts everything. */
  close(): void {
    for (const connection of this.#all) connection.socket.destroy();
  }

  get size(): number {
    return this.#all.size;
  }
}

export interface UpstreamOptions {
  readonly limits: HeadLimits;
  /** Idle connections are closed after this; keep it below the idle timeout of every runtime server. */
  readonly idleMs: number;
}

/** The pools of all instances, each made at the first call and gone with the last connection. */
export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #now: () => number;
  readonly #pools = new WeakMap<Target, UpstreamPool>();
  readonly #open = new Set<UpstreamPool>();
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

  constructor(options: UpstreamOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
  }

  pool(target: Target): UpstreamPool {
    let pool = this.#pools.get(target);
    if (pool === undefined) {
      pool = new UpstreamPool(this, target);
      this.#pools.set(target, pool);
      const made = pool;
      target.gone.addEventListener("abort", () => made.closeIdle(Infinity), { once: true });
    }
    return pool;
  }

  open(pool: UpstreamPool, handler: UpstreamHandler): UpstreamConnection {
    this.#open.add(pool);
    return new UpstreamConnection(pool, handler, this.#options.limits, this.#readBuffer);
  }

  drop(pool: UpstreamPool): void {
    this.#open.delete(pool);
  }

  nowMs(): number {
    return this.#now();
  }

  sweep(): void {
    for (const pool of this.#open) pool.closeIdle(this.#now() - this.#options.idleMs);
  }

  close(): void {
    for (const pool of this.#open) pool.close();
  }
}
