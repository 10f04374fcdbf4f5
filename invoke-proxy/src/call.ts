import {
  isErrorCode,
  PlatformError,
  type Authenticator,
  type ErrorCode,
  type Identity,
  type InvocationRecord,
} from "@hanzo-fn/contract";
import { challenge } from "@hanzo-fn/auth";
import type { Instances, Lease } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { AccessEntry, Observer } from "./access.ts";
import {
  admitLater,
  admitNow,
  chooseRevision,
  limit,
  preflightRoute,
  routablePath,
  takeFunction,
  type AdmissionDependencies,
} from "./admit.ts";
import { errorAnswer, functionLines, headerOf, platformLines, type AnswerFacts } from "./answer-lines.ts";
import { hasCredentials, type IdentityMemo } from "./authenticate.ts";
import { preflightHeaders } from "./cors.ts";
import type { Deadline, DeadlineList, Deadlines } from "./deadlines.ts";
import type { ResponseHead } from "./http1/head.ts";
import { LAST_CHUNK } from "./http1/output.ts";
import type { UpstreamConnection, UpstreamHandler, Upstreams } from "./http1/upstream.ts";
import { isRequestId, type Ids } from "./ids.ts";
import type { Origin } from "./origin.ts";
import type { RateLimiter, Window } from "./rate-limit.ts";
import { requestHeadText, type ClientInfo, type RequestFacts } from "./request-lines.ts";
import type { RequestFields } from "./request-fields.ts";
import type { FunctionEntry, RevisionEntry, RouteEntry, RouteTable } from "./route-table.ts";
import { formatTraceparent, traceContext, type TraceContext } from "./trace-context.ts";

/** All that calls share. */
export interface CallContext extends AdmissionDependencies {
  readonly routes: RouteTable;
  readonly limiter: RateLimiter;
  readonly authenticator: Authenticator;
  readonly instances: Instances;
  readonly upstreams: Upstreams;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly observer: Observer;
  readonly maxBodyBytes: number;
  readonly trustForwarded: boolean;
  readonly traceSampling: number;
  /** The `Date` line of an instant in epoch milliseconds. */
  readonly dateLine: (nowMs: number) => string;
}

export interface CallRequest {
  readonly method: string;
  /** Origin form, as it goes to the function. */
  readonly target: string;
  /** 0: no body; -1: a body of unknown length. */
  readonly bodyLength: number;
  readonly fields: RequestFields;
  readonly client: ClientInfo;
  readonly upgrade: string | undefined;
}

/** A body beyond this is not kept for the one retry over a fresh connection. */
const REPLAY_BYTES = 8192;

/**
 * One invocation, from the head of its request to the end of its answer: the phases below the wire. `begin` or
 * `beginAs` starts it; the origin then pushes the body while `accepting`, and hears the answer.
 */
export class Call implements UpstreamHandler, Deadline, RequestFacts, AnswerFacts, AccessEntry {
  readonly method: string;
  readonly target: string;
  readonly bodyLength: number;
  readonly fields: RequestFields;
  readonly client: ClientInfo;
  readonly upgrade: string | undefined;
  readonly requestId: string;
  readonly trace: TraceContext;
  path = "";
  identity: Identity | undefined = undefined;
  fn: FunctionEntry | undefined = undefined;
  route: RouteEntry | undefined = undefined;
  revision: RevisionEntry | undefined = undefined;
  window: Window | undefined = undefined;
  verified = false;
  durationMs = 0;
  nowMs: number;
  /** The origin may push the request body. */
  accepting = false;
  /** The whole request body has been pushed. */
  requestEnded: boolean;
  /** Called once, when the call has ended in any way. */
  onEnded: (() => void) | undefined = undefined;
  deadlineAtMs = 0;
  deadlineList: DeadlineList | undefined = undefined;
  deadlineBefore: Deadline | undefined = undefined;
  deadlineAfter: Deadline | undefined = undefined;
  readonly #context: CallContext;
  readonly #origin: Origin;
  readonly #startedAtMs: number;
  #handedAtMs = 0;
  #bodyBytes = 0;
  #lease: Lease | undefined = undefined;
  #leaseHeld = false;
  #upstream: UpstreamConnection | undefined = undefined;
  #waiting: AbortController | undefined = undefined;
  #replay: string | undefined = undefined;
  #attempts = 0;
  #flushed = false;
  #delivered = false;
  #answering = false;
  #ended = false;
  #status = 0;
  #functionError: string | undefined = undefined;

  constructor(context: CallContext, origin: Origin, request: CallRequest) {
    this.#context = context;
    this.#origin = origin;
    this.method = request.method;
    this.target = request.target;
    this.bodyLength = request.bodyLength;
    this.requestEnded = request.bodyLength === 0;
    this.fields = request.fields;
    this.client = request.client;
    this.upgrade = request.upgrade;
    this.#startedAtMs = context.clock.monotonic();
    this.nowMs = context.clock.now();
    const { requestId } = request.fields;
    this.requestId =
      requestId !== undefined && isRequestId(requestId) ? requestId : context.ids.requestId(this.nowMs);
    this.trace = traceContext(context.ids, request.fields.traceparent, context.traceSampling);
  }

  get traceparent(): string {
    return formatTraceparent(this.trace);
  }
  get trustForwarded(): boolean {
    return this.#context.trustForwarded;
  }
  get pageOrigin(): string | undefined {
    return this.fields.origin;
  }
  get instance(): string | undefined {
    return this.#lease?.target.instance;
  }
  get coldStartMs(): number | undefined {
    return this.#lease?.coldStart?.totalMs;
  }
  get status(): number {
    return this.#status;
  }
  get ended(): boolean {
    return this.#ended;
  }
  /** The function is behind with the request body. */
  get requestFull(): boolean {
    return this.#upstream?.output.full ?? false;
  }

  /** A call from the wire: everything is checked. */
  begin(memo: IdentityMemo | undefined): void {
    try {
      const query = this.target.indexOf("?");
      this.path = routablePath(query === -1 ? this.target : this.target.slice(0, query));
      if (this.method === "OPTIONS" && this.#preflight()) return;
      this.#checkLength(this.bodyLength);
      if (admitNow(this.#context, this, this, memo, this.nowMs)) this.#admitted();
      else void this.#beginLater();
    } catch (error) {
      this.fail(error);
    }
  }

  /** A call in process, by an identity that the caller vouches for. */
  beginAs(org: string, functionName: string, identity: Identity): void {
    try {
      if (org !== identity.org) {
        throw new PlatformError("forbidden", "the identity belongs to another organisation", {
          component: "invoke-proxy",
        });
      }
      const query = this.target.indexOf("?");
      this.path = routablePath(query === -1 ? this.target : this.target.slice(0, query));
      takeFunction(this.#context, this, functionName, "POST", identity);
      this.#admitted();
    } catch (error) {
      this.fail(error);
    }
  }

  async #beginLater(): Promise<void> {
    try {
      await admitLater(this.#context, this, this);
      if (!this.#ended) this.#admitted();
    } catch (error) {
      this.fail(error);
    }
  }

  #preflight(): boolean {
    const entry = this.#context.routes.find(this.path);
    const route = entry && preflightRoute(entry, this.fields);
    if (route?.route.cors === undefined || this.fields.origin === undefined) return false;
    const headers = preflightHeaders(route.route.cors, this.fields.origin);
    let lines = "X-Function-Not-Delivered: preflight\r\n";
    for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.fn = route.fn;
    this.#status = 204;
    this.#origin.onAnswer(204, lines + platformLines(this), "");
    this.#end(undefined);
    return true;
  }

  #checkLength(length: number): void {
    const { maxBodyBytes } = this.#context;
    if (length <= maxBodyBytes) return;
    throw new PlatformError("payload_too_large", `the body is larger than ${maxBodyBytes} bytes`, {
      component: "invoke-proxy",
    });
  }

  #admitted(): void {
    limit(this.#context, this, this.client.address, this.nowMs);
    chooseRevision(this, this.fields.revision, this.#context.ids.random());
    this.#acquire();
  }

  #acquire(): void {
    const key = (this.revision as RevisionEntry).key;
    const lease = this.#context.instances.tryAcquire(key);
    if (lease === undefined) void this.#acquireLater(key);
    else this.#handOver(lease);
  }

  async #acquireLater(key: string): Promise<void> {
    this.#waiting = new AbortController();
    try {
      const lease = await this.#context.instances.acquire(key, this.#waiting.signal);
      this.#waiting = undefined;
      if (this.#ended) lease.release();
      else this.#handOver(lease);
    } catch (error) {
      this.#waiting = undefined;
      this.fail(error);
    }
  }

  #handOver(lease: Lease): void {
    const context = this.#context;
    const revision = (this.revision as RevisionEntry).revision;
    this.#lease = lease;
    this.#leaseHeld = true;
    if (this.#attempts === 0) {
      this.#handedAtMs = context.clock.monotonic();
      context.deadlines.start(this, revision.timeoutMs, this.#handedAtMs);
      const fn = this.fn as FunctionEntry;
      context.observer.started(fn.org, fn.function);
    }
    this.#attempts++;
    const pool = context.upstreams.pool(lease.target);
    const upstream = pool.take(this);
    if (upstream === undefined) {
      this.#upstream = pool.connect(this);
    } else {
      this.#upstream = upstream;
      this.#send(upstream);
    }
  }

  onUpstreamConnected(): void {
    const upstream = this.#upstream as UpstreamConnection;
    if (this.#replay === undefined) {
      this.#send(upstream);
    } else {
      this.#delivered = true;
      upstream.output.text(this.#replay);
      upstream.output.flush();
    }
  }

  #send(upstream: UpstreamConnection): void {
    this.#delivered = true;
    upstream.output.text(requestHeadText(this));
    if (this.requestEnded) this.#sent(upstream);
    this.accepting = true;
    this.#origin.onAccepting();
  }

  /** The request is complete: all of it goes out, and is kept while a dead connection may still refuse it. */
  #sent(upstream: UpstreamConnection): void {
    const { bodyLength } = this;
    if (upstream.reused && !this.#flushed && bodyLength >= 0 && bodyLength <= REPLAY_BYTES) {
      this.#replay = upstream.output.pending;
    }
    upstream.output.flush();
  }

  /** Body bytes of the request, while `accepting`. The buffer is the origin's again when this returns. */
  requestData(buffer: Buffer, start: number, end: number): void {
    const upstream = this.#upstream;
    if (upstream === undefined || this.#ended) return;
    if (this.upgrade === undefined) {
      this.#bodyBytes += end - start;
      if (this.#bodyBytes > this.#context.maxBodyBytes) {
        const error = new PlatformError("payload_too_large", "the body is larger than is allowed", {
          component: "invoke-proxy",
        });
        this.fail(error);
        return;
      }
    }
    upstream.output.body(buffer, start, end, this.bodyLength < 0);
  }

  /** The request body is complete. */
  requestEnd(): void {
    const upstream = this.#upstream;
    this.requestEnded = true;
    if (upstream === undefined || this.#ended) return;
    if (this.bodyLength < 0) upstream.output.text(LAST_CHUNK);
    this.#sent(upstream);
  }

  /** What was pushed goes out. */
  flushRequest(): void {
    if (this.#upstream === undefined || this.requestEnded) return;
    this.#flushed = true;
    this.#upstream.output.flush();
  }

  onUpstreamDrain(): void {
    if (!this.requestEnded) this.#origin.onRequestDrain();
  }

  onUpstreamInterim(head: ResponseHead): void {
    // Our own 100 went out when the body was asked for.
    if (head.status !== 100) this.#origin.onInterim(head.status, head.reason, functionLines(head, false));
  }

  onUpstreamHead(head: ResponseHead): void {
    const { clock } = this.#context;
    this.#replay = undefined;
    this.#answering = true;
    this.#status = head.status;
    this.durationMs = Math.round(clock.monotonic() - this.#handedAtMs);
    this.#functionError = headerOf(head, "x-function-error");
    // After 101 the caller's bytes are the other protocol's, and there is no end to wait for.
    if (head.upgrade !== undefined) this.requestEnded = false;
    const { framing } = head;
    const bodyless = framing.kind === "none";
    let length = framing.kind === "length" ? framing.length : -1;
    if (bodyless) {
      const announced = headerOf(head, "content-length");
      length = announced === undefined ? -1 : Number(announced);
    }
    this.#origin.onHead({
      status: head.status,
      reason: head.reason,
      lines:
        this.#dateLine(head) +
        functionLines(head, this.route?.route.cors !== undefined) +
        platformLines(this),
      length,
      bodyless,
      upgrade: head.upgrade,
    });
  }

  #dateLine(head: ResponseHead): string {
    return head.lower.includes("date") ? "" : this.#context.dateLine(this.nowMs);
  }

  onUpstreamData(buffer: Buffer, start: number, end: number): void {
    this.#origin.onBody(buffer, start, end);
  }

  onUpstreamReadDone(): void {
    if (!this.#answering) return;
    this.#origin.onFlush();
    if (this.#origin.full) this.#upstream?.socket.pause();
  }

  /** The caller took what it was behind with. */
  resumeAnswer(): void {
    this.#upstream?.socket.resume();
  }

  onUpstreamEnd(reusable: boolean): void {
    const upstream = this.#upstream as UpstreamConnection;
    this.#upstream = undefined;
    if (reusable && this.requestEnded) upstream.release();
    else upstream.destroy();
    this.accepting = false;
    this.#releaseLease();
    this.#origin.onEnd();
    this.#end(undefined);
  }

  onUpstreamBroken(error: Error | undefined): void {
    const upstream = this.#upstream;
    this.#upstream = undefined;
    if (upstream === undefined || this.#ended) return;
    if (error instanceof PlatformError) {
      this.fail(error);
      return;
    }
    const lease = this.#lease as Lease;
    if (this.#retry(upstream, error, lease)) return;
    if (this.#answering) this.#origin.onCut();
    lease.diagnose().then(
      (diagnosis) => this.fail(diagnosis),
      (failure: unknown) => this.fail(failure),
    );
  }

  /**
   * Tries again where no byte can have reached user code: a kept connection that the kernel refused to write to,
   * or an instance that took no connection. Once each.
   */
  #retry(upstream: UpstreamConnection, error: Error | undefined, lease: Lease): boolean {
    const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
    if (upstream.reused && this.#replay !== undefined && code === "EPIPE" && syscall === "write") {
      this.#delivered = false;
      this.#upstream = this.#context.upstreams.pool(lease.target).connect(this);
      return true;
    }
    if (syscall === "connect") {
      this.#delivered = false;
      if (this.#attempts === 1) {
        void this.#acquireAnew(lease);
        return true;
      }
    }
    return false;
  }

  async #acquireAnew(lease: Lease): Promise<void> {
    const diagnosis = await lease.diagnose().catch(() => undefined);
    if (this.#ended) return;
    this.#releaseLease();
    if (diagnosis?.code === "crash_loop") this.fail(diagnosis);
    else this.#acquire();
  }

  onDeadline(): void {
    if (this.#ended) return;
    this.#lease?.expire();
    const { timeoutMs, name } = (this.revision as RevisionEntry).revision;
    this.fail(
      new PlatformError("timeout", `the function did not answer within ${timeoutMs} ms`, {
        component: "invoke-proxy",
        function: this.fn?.function,
        revision: name,
        next: `hanzo-fn logs ${this.fn?.function ?? ""} --request-id ${this.requestId}`,
      }),
    );
  }

  /** The caller is gone. */
  abort(): void {
    if (this.#ended) return;
    const error = new PlatformError("client_closed", "the caller closed the connection");
    if (!this.#answering) this.#status = error.status;
    this.#end(this.upgrade !== undefined && this.#status === 101 ? undefined : error);
  }

  /** Ends the call with an error, whatever its phase. */
  fail(cause: unknown): void {
    if (this.#ended) return;
    const error =
      cause instanceof PlatformError
        ? cause
        : new PlatformError("internal", "something went wrong inside the platform", { cause });
    if (error.code === "internal") this.#context.observer.onInternalError(error);
    if (this.#handedAtMs > 0 && !this.#answering) {
      this.durationMs = Math.round(this.#context.clock.monotonic() - this.#handedAtMs);
    }
    if (this.#answering) {
      this.#dropUpstream();
      this.#origin.onCut();
    } else {
      this.#status = error.status;
      const answer = errorAnswer(error, this, this.#delivered, (refused) => this.#challenge(refused));
      this.#dropUpstream();
      const date = this.#context.dateLine(this.nowMs);
      this.#origin.onAnswer(error.status, date + answer.lines, answer.body);
    }
    this.#end(error);
  }

  #challenge(error: PlatformError): string | undefined {
    if (error.code !== "unauthorized" && error.code !== "forbidden") return undefined;
    return challenge(error, hasCredentials(this.fields));
  }

  #dropUpstream(): void {
    this.accepting = false;
    this.#upstream?.destroy();
    this.#upstream = undefined;
  }

  #releaseLease(): void {
    if (!this.#leaseHeld) return;
    this.#leaseHeld = false;
    this.#lease?.release();
  }

  #end(error: PlatformError | undefined): void {
    this.#ended = true;
    this.#replay = undefined;
    const { deadlines, observer, clock } = this.#context;
    deadlines.stop(this);
    this.#dropUpstream();
    this.#waiting?.abort(error);
    this.#waiting = undefined;
    this.#releaseLease();
    const fn = this.fn;
    if (fn !== undefined && this.#handedAtMs > 0) observer.finished(fn.org, fn.function);
    const endedAtMs = clock.now();
    const totalMs = clock.monotonic() - this.#startedAtMs;
    if (fn !== undefined && this.revision !== undefined) {
      observer.record(this.#record(fn, this.revision, error, totalMs, endedAtMs));
    }
    observer.access(this, totalMs, error?.code ?? "");
    this.onEnded?.();
  }

  #record(
    fn: FunctionEntry,
    revision: RevisionEntry,
    error: PlatformError | undefined,
    durationMs: number,
    endedAtMs: number,
  ): InvocationRecord {
    const errorType = this.#errorType(error);
    return {
      org: fn.org,
      function: fn.function,
      revision: revision.revision.name,
      runtime: revision.revision.runtime,
      trigger: this.identity?.kind === "platform" ? (this.fields.triggerType ?? "http") : "http",
      status: errorType === "" ? "success" : errorType === "timeout" ? "timeout" : "error",
      httpStatus: this.#status,
      errorType,
      durationMs,
      coldStartMs: this.coldStartMs,
      requestId: this.requestId,
      instance: this.instance ?? "",
      endedAtMs,
    };
  }

  #errorType(error: PlatformError | undefined): ErrorCode | "" | `http_${number}` {
    if (error !== undefined) return error.code;
    if (this.#status < 500) return "";
    const named = this.#functionError;
    return named !== undefined && isErrorCode(named) ? named : `http_${this.#status}`;
  }
}
