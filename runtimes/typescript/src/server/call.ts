import type { IncomingMessage, ServerResponse } from "node:http";
import { inspect } from "node:util";
import { Context, type Handler } from "../context.ts";
import { RequestHeaders } from "../request-headers.ts";
import { parseData, readBody } from "./body.ts";
import { CallLog } from "./call-log.ts";
import { sendFailure, type FailureCode } from "./failure.ts";
import type { Gate } from "./gate.ts";
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

/** What all calls of one loaded function share. */
export interface Calls {
  readonly identity: FunctionIdentity;
  readonly handler: Handler;
  readonly gate: Gate;
  readonly scopes: Scopes;
  readonly timeoutMs: number;
}

type Pieces = Extract<Payload, { kind: "pieces" }>;

/** One call from its request head to the end of the handler. */
export class Call {
  readonly #calls: Calls;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
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
  #startedAt = 0;
  #leaveQueue: () => void = () => undefined;
  #hasTurn = false;

  constructor(calls: Calls, request: IncomingMessage, response: ServerResponse) {
    this.#calls = calls;
    this.#request = request;
    this.#response = response;
    this.#target = splitTarget(request.url ?? "/");
    this.#requestId = header(request, "x-request-id") ?? makeRequestId(Date.now(), Math.random);
    this.#scope = calls.scopes.open(this.#requestId);
    this.#deadlineMs = readDeadline(request, calls.timeoutMs);
    this.#deadlineAt = performance.now() + this.#deadlineMs;
    this.#timer = setTimeout(() => this.#expire(), this.#deadlineMs);
    response.on("close", () => this.#closed());
    readBody(request, (body) => {
      if (this.#cancelled !== undefined) return;
      this.#leaveQueue = calls.gate.enter(() => {
        this.#hasTurn = true;
        calls.scopes.run(this.#scope, () => void this.#run(body));
      });
    });
  }

  async #run(body: Uint8Array): Promise<void> {
    this.#startedAt = performance.now();
    try {
      const context = this.#context(body);
      if (context === undefined) return;
      const value = this.#calls.handler(context);
      await this.#deliver(isThenable(value) ? await value : value);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#settled();
    }
  }

  #context(body: Uint8Array): Context | undefined {
    const { path, query } = this.#target;
    const parameters = new URLSearchParams(query);
    const parsed = parseData(body, this.#request.headers["content-type"], parameters);
    if ("invalid" in parsed) {
      this.#fail("bad_request", `the body is declared JSON but does not parse: ${parsed.invalid}`);
      return undefined;
    }
    const { identity, scopes } = this.#calls;
    return new Context({
      data: parsed.data,
      headers: new RequestHeaders(this.#request.headers),
      trigger: readTrigger(this.#request, path, Date.now()),
      log: new CallLog(scopes.writer, this.#requestId),
      body,
      method: this.#request.method ?? "",
      path,
      query: parameters,
      requestId: this.#requestId,
      function: identity.function,
      revision: identity.revision,
      org: identity.org,
      deadline: () => Math.max(0, this.#deadlineAt - performance.now()),
      signal: () => this.#signal(),
    });
  }

  // Made on demand: few handlers ask for it, and it costs more than the rest of the context.
  #signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled !== undefined) this.#controller.abort(this.#cancelled);
    }
    return this.#controller.signal;
  }

  async #deliver(value: unknown): Promise<void> {
    const reply = toReply(value);
    const { payload } = reply;
    if (payload.kind !== "pieces") {
      if (this.#cancelled === undefined) sendWhole(this.#response, reply, payload, this.#headers());
      return;
    }
    this.#pieces = payload;
    if (this.#cancelled !== undefined) return closeIterator(payload.iterator);
    await sendPieces({
      response: this.#response,
      reply,
      payload,
      platform: () => this.#headers(),
      over: () => this.#cancelled !== undefined,
      bodiless: this.#request.method === "HEAD" || reply.status === 204 || reply.status === 304,
    });
  }

  #headers(): string[] {
    const spent = this.#startedAt === 0 ? 0 : performance.now() - this.#startedAt;
    return ["X-Function-Duration-Ms", spent.toFixed(1), "X-Function-Instance", this.#calls.identity.instance];
  }

  #failed(error: unknown): void {
    // A handler that ends because it was told to has nothing to report.
    if (this.#cancelled !== undefined && isAbort(error, this.#cancelled)) return;
    const unserialisable = error instanceof UnserialisableError;
    const trace = unserialisable
      ? `the handler returned what JSON cannot hold: ${error.message}`
      : inspect(error);
    this.#log(trace, unserialisable ? undefined : { error: typeName(error) });
    if (this.#pieces !== undefined) closeIterator(this.#pieces.iterator);
    if (this.#cancelled !== undefined) return;
    if (this.#response.headersSent) this.#response.destroy();
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
      if (this.#response.headersSent) this.#response.destroy();
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
    if (this.#response.writableFinished || this.#cancelled !== undefined) return;
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
    clearTimeout(this.#timer);
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
