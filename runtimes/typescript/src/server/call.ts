import type { IncomingMessage, ServerResponse } from "node:http";
import { inspect } from "../builtins.ts";
import { Context, type Live, type Trigger } from "../context.ts";
import type { CallIdentity } from "../gateway/http-gateway.ts";
import type { Services } from "../gateway/services.ts";
import { RequestHeaders } from "../request-headers.ts";
import type { WebSocketConnection } from "../web-socket.ts";
import { bodyStream, dropRest } from "./body-stream.ts";
import { readBody } from "./body.ts";
import { CallLog } from "./call-log.ts";
import { sendFailure, type FailureCode } from "./failure.ts";
import type { Gate } from "./gate.ts";
import { Controller, nowMs, random, SearchParams, startTimer, stopTimer, ticks } from "./intrinsics.ts";
import { readPayload, type Said } from "./payload.ts";
import { toReply, UnserialisableError, type Payload } from "./reply.ts";
import {
  header,
  makeRequestId,
  readDeadline,
  readTrigger,
  splitTarget,
  type Target,
} from "./request-meta.ts";
import type { Scope, Scopes } from "./scope.ts";
import { closeIterator, sendPieces, sendWhole } from "./send.ts";
import type { FunctionIdentity } from "./settings.ts";
import type { ServerSocket } from "./websocket/connection.ts";
import type { Upgrade } from "./websocket/upgrade.ts";

/** What all calls of one loaded function share. */
export interface Calls {
  readonly identity: FunctionIdentity;
  readonly handler: (ctx: Context, body?: ReadableStream<Uint8Array>) => unknown;
  /** Whether the handler takes the body as a stream. */
  readonly streamed: boolean;
  readonly gate: Gate;
  readonly scopes: Scopes;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly services: (call: CallIdentity) => Services;
  /** The value of `X-Function-Cold-Start` for the first answer of the process; undefined for every other. */
  readonly takeColdStart: () => string | undefined;
  /** Called once for every call, when its connection has no more to do with it. */
  readonly ended: () => void;
  /** The sockets that are open now. */
  readonly sockets: Set<ServerSocket>;
}

type Pieces = Extract<Payload, { kind: "pieces" }>;

const NOTHING_SAID: Said = { data: null, event: null, batch: null };
const NO_BYTES = new Uint8Array(0);

/** One call from its request head to the end of the handler. */
export class Call implements Live {
  readonly #calls: Calls;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #upgrade: Upgrade | undefined;
  readonly #target: Target;
  readonly #requestId: string;
  readonly #scope: Scope;
  readonly #deadlineMs: number;
  readonly #deadlineAt: number;
  readonly #timer: NodeJS.Timeout;
  #controller: AbortController | undefined;
  /** Set once nobody waits for the answer: the reason that `ctx.signal` carries. */
  #cancelled: Error | undefined;
  #pieces: Pieces | undefined;
  #webSocket: ServerSocket | undefined;
  #startedAt = 0;
  #leaveQueue: () => void = () => undefined;
  #hasTurn = false;

  constructor(calls: Calls, request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade) {
    this.#calls = calls;
    this.#request = request;
    this.#response = response;
    this.#upgrade = upgrade;
    this.#target = splitTarget(request.url ?? "/");
    this.#requestId = header(request, "x-request-id") ?? makeRequestId(nowMs(), random);
    this.#scope = calls.scopes.open(this.#requestId);
    this.#deadlineMs = readDeadline(request, calls.timeoutMs);
    this.#deadlineAt = ticks() + this.#deadlineMs;
    this.#timer = startTimer(() => this.#expire(), this.#deadlineMs);
    (upgrade?.socket ?? response).on("close", () => this.#closed());
    if (calls.streamed) this.#enter(undefined);
    else
      readBody(request, calls.maxBodyBytes, {
        done: (body) => this.#enter(body),
        tooLarge: () => this.#refuseBody(),
      });
  }

  /** @param body undefined where the handler reads it itself */
  #enter(body: Uint8Array | undefined): void {
    if (this.#cancelled !== undefined) return;
    this.#leaveQueue = this.#calls.gate.enter(() => {
      this.#hasTurn = true;
      this.#calls.scopes.run(this.#scope, () => void this.#run(body));
    });
  }

  #refuseBody(): void {
    this.#response.shouldKeepAlive = false;
    this.#fail("payload_too_large", `a body has at most ${this.#calls.maxBodyBytes} bytes here`);
    this.#settled();
  }

  async #run(body: Uint8Array | undefined): Promise<void> {
    this.#startedAt = ticks();
    try {
      const context = this.#context(body);
      if (context === undefined) return;
      const value =
        body === undefined ? this.#calls.handler(context, this.#bodyStream()) : this.#calls.handler(context);
      const delivery = this.#deliver(isThenable(value) ? await value : value);
      if (delivery !== undefined) await delivery;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#settled();
    }
  }

  #bodyStream(): ReadableStream<Uint8Array> {
    this.#response.on("finish", () => dropRest(this.#request));
    return bodyStream(this.#request, () => this.#cancelled);
  }

  #context(body: Uint8Array | undefined): Context | undefined {
    const { path, query: text } = this.#target;
    const { headers } = this.#request;
    const arrivedMs = nowMs();
    const query = (): URLSearchParams => new SearchParams(text);
    const trigger = (): Trigger => readTrigger(this.#request, path, arrivedMs);
    const said = body === undefined ? NOTHING_SAID : readPayload({ body, headers, query, trigger });
    if ("invalid" in said) {
      this.#fail("bad_request", `the body cannot be read: ${said.invalid}`);
      return undefined;
    }
    const { identity, scopes } = this.#calls;
    return new Context({
      data: said.data,
      event: said.event,
      batch: said.batch,
      headers: new RequestHeaders(headers),
      trigger,
      log: new CallLog(scopes.writer, this.#requestId),
      body: body ?? NO_BYTES,
      method: this.#request.method ?? "",
      path,
      query,
      requestId: this.#requestId,
      function: identity.function,
      revision: identity.revision,
      org: identity.org,
      live: this,
    });
  }

  deadline(): number {
    return Math.max(0, this.#deadlineAt - ticks());
  }

  services(): Services {
    return this.#calls.services({
      requestId: this.#requestId,
      traceparent: header(this.#request, "traceparent"),
      tracestate: header(this.#request, "tracestate"),
      signal: this.signal(),
    });
  }

  // Made on demand: few handlers ask for it, and it costs more than the rest of the context.
  signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new Controller();
      if (this.#cancelled !== undefined) this.#controller.abort(this.#cancelled);
    }
    return this.#controller.signal;
  }

  // Async so that every refusal is a rejection.
  async accept(): Promise<WebSocketConnection> {
    if (this.#upgrade === undefined) throw new Error("ctx.accept() needs a WebSocket upgrade");
    const gone = (): void => this.#gone();
    const socket = this.#upgrade.accept(this.#headers(), gone);
    const { sockets } = this.#calls;
    this.#webSocket = socket;
    sockets.add(socket);
    this.#upgrade.socket.on("close", () => sockets.delete(socket));
    await Promise.resolve();
    return socket;
  }

  /** Undefined where the answer is out already. */
  #deliver(value: unknown): Promise<void> | undefined {
    // A handler that computed without a pause kept the timer from telling.
    if (ticks() >= this.#deadlineAt) this.#expire();
    if (this.#webSocket !== undefined) return this.#webSocket.close();
    const reply = toReply(value, this.#calls.identity.function);
    const { payload } = reply;
    if (payload.kind !== "pieces") {
      if (this.#cancelled === undefined) sendWhole(this.#response, reply, payload, this.#headers());
      return undefined;
    }
    this.#pieces = payload;
    if (this.#cancelled !== undefined) {
      closeIterator(payload.iterator);
      return undefined;
    }
    return sendPieces({
      response: this.#response,
      reply,
      payload,
      platform: () => this.#headers(),
      over: () => this.#cancelled !== undefined,
      bodiless: this.#request.method === "HEAD" || reply.status === 204 || reply.status === 304,
    });
  }

  #headers(): string[] {
    const spent = this.#startedAt === 0 ? 0 : ticks() - this.#startedAt;
    const { instance } = this.#calls.identity;
    const headers = ["X-Function-Duration-Ms", spent.toFixed(1), "X-Function-Instance", instance];
    const coldStart = this.#calls.takeColdStart();
    return coldStart === undefined ? headers : [...headers, "X-Function-Cold-Start", coldStart];
  }

  #failed(error: unknown): void {
    const socket = this.#webSocket;
    // A handler that ends because it was told to has nothing to report.
    if (this.#cancelled !== undefined && isAbort(error, this.#cancelled)) return;
    const unserialisable = error instanceof UnserialisableError;
    const trace = unserialisable
      ? `the handler returned what JSON cannot hold: ${error.message}`
      : inspect(error);
    this.#log(trace, unserialisable ? undefined : { error: typeName(error) });
    if (this.#pieces !== undefined) closeIterator(this.#pieces.iterator);
    if (socket !== undefined) void socket.close(1011, "the handler failed");
    else if (this.#cancelled !== undefined) return;
    else if (this.#response.headersSent) this.#response.destroy();
    else if (unserialisable)
      this.#fail("unserialisable", "the handler returned a value that JSON cannot hold");
    else this.#fail("handler_error", `the handler raised ${typeName(error)}`);
  }

  #log(msg: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#calls.scopes.writer.write({
      level: "error",
      stream: "log",
      msg,
      fields,
      requestId: this.#requestId,
    });
  }

  #fail(code: FailureCode, msg: string): void {
    sendFailure(this.#response, {
      code,
      msg,
      requestId: this.#requestId,
      identity: this.#calls.identity,
      headers: this.#headers(),
    });
  }

  /** The deadline: an answer if there can still be one, and the turn back, whatever the handler does. */
  #expire(): void {
    if (this.#cancelled === undefined) {
      const msg = `the handler did not finish within ${Math.round(this.#deadlineMs)} ms`;
      this.#cancel(new DOMException(msg, "TimeoutError"));
      this.#log(msg);
      if (this.#webSocket !== undefined) void this.#webSocket.close(1011, "timeout");
      else if (this.#response.headersSent) this.#response.destroy();
      else {
        // What is left of a body that nobody reads would be taken for the next request.
        if (!this.#request.complete) this.#response.shouldKeepAlive = false;
        this.#fail("timeout", msg);
      }
    }
    this.#giveTurnBack();
  }

  /** The answer is out, or the connection is gone. */
  #closed(): void {
    if (this.#webSocket === undefined && !this.#response.writableFinished) this.#gone();
    this.#calls.ended();
  }

  #gone(): void {
    if (this.#cancelled !== undefined) return;
    this.#cancel(new DOMException("the caller closed the connection", "AbortError"));
    if (!this.#hasTurn) this.#settled();
  }

  #cancel(reason: DOMException): void {
    this.#cancelled = reason;
    this.#leaveQueue();
    this.#controller?.abort(reason);
    if (this.#pieces !== undefined) closeIterator(this.#pieces.iterator);
  }

  #settled(): void {
    stopTimer(this.#timer);
    this.#giveTurnBack();
    this.#calls.scopes.close(this.#scope);
  }

  #giveTurnBack(): void {
    if (!this.#hasTurn) return;
    this.#hasTurn = false;
    this.#calls.gate.leave();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

function isAbort(error: unknown, reason: Error): boolean {
  return error === reason || (error instanceof Error && error.name === "AbortError");
}

function typeName(error: unknown): string {
  return error instanceof Error ? error.name : `a value of type ${typeof error}`;
}
