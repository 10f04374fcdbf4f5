import { PlatformError, type Identity } from "@hanzo-fn/contract";
import type { CallContext } from "./call-context.ts";
import { Call } from "./call.ts";
import { parseLines } from "./header-lines.ts";
import type { AnswerHead, Origin } from "./origin.ts";
import { readRequestFields } from "./request-fields.ts";

/** A call made in this process: by the event plane, or by the control plane for its own `/invoke`. */
export interface InvokeRequest {
  readonly org: string;
  readonly function: string;
  /** Default POST. */
  readonly method?: string | undefined;
  /** Path and query that the function sees. Default `/v1/functions/<function>/invoke`. */
  readonly target?: string | undefined;
  /** End-to-end headers; connection and framing fields are dropped. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Buffer | AsyncIterable<Buffer> | undefined;
  /** Only for an identity of kind `platform`. */
  readonly trigger?: InvokeTrigger | undefined;
  /** Revision name or number; needs `functions:deploy`. */
  readonly revision?: string | undefined;
}

export interface InvokeTrigger {
  readonly type: string;
  readonly source: string;
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp?: string | undefined;
  /** From 1. */
  readonly attempt?: number | undefined;
}

export interface InvokeResponse {
  readonly status: number;
  /** Lower-case names; repeated ones in order. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** The answer is the platform's own: the function's never came. */
  readonly platform: boolean;
  /** Ends with an error where the answer was cut. Not reading it to its end holds the call open: `return` it, or abort. */
  readonly body: AsyncIterable<Buffer>;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f]/;
const TARGET = /^\/[\x21\x24-\x3b\x3d\x3f-\x5b\x5d-\x7e]*$/;
const HIGH_WATER_BYTES = 262_144;

function invalid(what: string): PlatformError {
  return new PlatformError("bad_request", `the ${what} of the call cannot be sent over HTTP`, {
    component: "invoke-proxy",
  });
}

function headerLists(request: InvokeRequest, identity: Identity) {
  const names: string[] = [];
  const values: string[] = [];
  const add = (name: string, value: string): void => {
    if (!TOKEN.test(name) || FORBIDDEN.test(value)) throw invalid("headers");
    names.push(name);
    values.push(Buffer.from(value).toString("latin1").trim());
  };
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (!name.toLowerCase().startsWith("x-function-")) add(name, value);
  }
  const { trigger, revision } = request;
  if (revision !== undefined) add("X-Function-Revision", revision);
  if (trigger !== undefined && identity.kind === "platform") {
    add("X-Function-Trigger", trigger.type);
    add("X-Function-Trigger-Source", trigger.source);
    add("X-Function-Trigger-Id", trigger.id);
    if (trigger.timestamp !== undefined) add("X-Function-Trigger-Timestamp", trigger.timestamp);
    if (trigger.attempt !== undefined) add("X-Function-Attempt", String(trigger.attempt));
  }
  return { names, lower: names.map((name) => name.toLowerCase()), values, hopByHop: [] };
}

/** Turns the callbacks of a call into a promise of an answer with a body to iterate over. */
class InProcessOrigin implements Origin {
  readonly answer = Promise.withResolvers<InvokeResponse>();
  call: Call | undefined;
  readonly #accepting = Promise.withResolvers<void>();
  #drained: (() => void) | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | undefined;

  get full(): boolean {
    return this.#bytes > HIGH_WATER_BYTES;
  }

  onAccepting(): void {
    this.#accepting.resolve();
  }
  onRequestDrain(): void {
    this.#drained?.();
  }
  onInterim(): void {}
  onFlush(): void {}

  onHead(head: AnswerHead): void {
    const headers = parseLines(head.lines);
    this.answer.resolve({ status: head.status, headers, platform: false, body: this.#body() });
  }

  onAnswer(status: number, lines: string, body: string): void {
    if (body !== "") this.#chunks.push(Buffer.from(body));
    this.#finish();
    this.answer.resolve({ status, headers: parseLines(lines), platform: true, body: this.#body() });
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.#chunks.push(Buffer.copyBytesFrom(buffer, start, end - start));
    this.#bytes += end - start;
    this.#wake?.();
  }

  onEnd(): void {
    this.#finish();
  }

  onCut(): void {
    if (this.#ended) return;
    this.#failure = new PlatformError("malformed_response", "the answer of the function broke off", {
      component: "invoke-proxy",
    });
    this.#finish();
  }

  abort(reason: unknown): void {
    this.call?.abort();
    this.#failure = reason;
    this.#finish();
    this.answer.reject(reason);
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
    this.#drained?.();
    this.#accepting.resolve();
  }

  async *#body(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#bytes -= chunk.length;
          yield chunk;
        } else if (this.#failure !== undefined) {
          throw this.#failure;
        } else if (this.#ended) {
          return;
        } else {
          await this.#moreAnswer();
        }
      }
    } finally {
      if (!this.#ended) this.call?.abort();
    }
  }

  async #moreAnswer(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.call?.resumeAnswer();
    await promise;
    this.#wake = undefined;
  }

  /** Pushes the request body as fast as the function takes it. */
  async push(call: Call, body: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    await this.#accepting.promise;
    // Head and body go out together where the body is here already.
    if (!Array.isArray(body)) call.flushRequest();
    for await (const chunk of body) {
      if (this.#ended || call.ended) return;
      if (chunk.length === 0) continue;
      call.requestData(chunk, 0, chunk.length);
      if (!Array.isArray(body)) call.flushRequest();
      if (!call.requestFull || call.ended) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#drained = resolve;
      await promise;
      this.#drained = undefined;
    }
    if (!call.ended) call.requestEnd();
  }
}

function bodyLength(body: InvokeRequest["body"]): number {
  if (body === undefined) return 0;
  return Buffer.isBuffer(body) ? body.length : -1;
}

/**
 * One call without the wire. Resolves with the function's answer, or the platform's own (an error status with the
 * error body and `x-function-not-delivered` as on :8061); rejects only with the signal's reason.
 */
export async function invokeInProcess(
  calls: CallContext,
  request: InvokeRequest,
  identity: Identity,
  signal: AbortSignal,
): Promise<InvokeResponse> {
  signal.throwIfAborted();
  const target = request.target ?? `/v1/functions/${request.function}/invoke`;
  const method = request.method ?? "POST";
  if (!TARGET.test(target)) throw invalid("target");
  if (!TOKEN.test(method)) throw invalid("method");
  const origin = new InProcessOrigin();
  const call = new Call(calls, origin, {
    method,
    target,
    bodyLength: bodyLength(request.body),
    fields: readRequestFields(headerLists(request, identity)),
    client: { address: "127.0.0.1", host: undefined },
    upgrade: undefined,
  });
  origin.call = call;
  const onAbort = (): void => origin.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  call.onEnded = () => signal.removeEventListener("abort", onAbort);
  call.beginAs(request.org, request.function, identity);
  if (!call.requestEnded && request.body !== undefined) {
    const body = Buffer.isBuffer(request.body) ? [request.body] : request.body;
    origin.push(call, body).catch((error: unknown) => call.fail(error));
  }
  return origin.answer.promise;
}
