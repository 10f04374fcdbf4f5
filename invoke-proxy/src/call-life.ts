import { challenge } from "@hanzo-fn/auth";
import { PlatformError, type Identity } from "@hanzo-fn/contract";
import type { Lease } from "@hanzo-fn/engine";
import type { AccessEntry } from "./access.ts";
import { errorAnswer, type AnswerFacts } from "./answer-lines.ts";
import { hasCredentials } from "./authenticate.ts";
import type { CallContext, CallRequest } from "./call-context.ts";
import type { Deadline, DeadlineList } from "./deadlines.ts";
import type { UpstreamConnection } from "./http1/upstream.ts";
import { isRequestId } from "./ids.ts";
import { errorTypeOf, invocationRecord } from "./invocation-record.ts";
import type { PushedBody } from "./later.ts";
import type { Origin } from "./origin.ts";
import type { Window } from "./rate-limit.ts";
import type { ClientInfo, RequestFacts } from "./request-lines.ts";
import type { RequestFields } from "./request-fields.ts";
import type { FunctionEntry, RevisionEntry, RouteEntry } from "./route-table.ts";
import { formatTraceparent, traceContext, type TraceContext } from "./trace-context.ts";

/**
 * What a call is, and how it ends: in the same way in whatever phase. All that a call has is here, so that each has
 * one shape from its beginning.
 */
export abstract class CallLife implements Deadline, RequestFacts, AnswerFacts, AccessEntry {
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
  protected readonly context: CallContext;
  protected readonly origin: Origin;
  protected readonly startedAtMs: number;
  protected handedAtMs = 0;
  protected bodyBytes = 0;
  protected isLater = false;
  protected kept: PushedBody | undefined = undefined;
  protected lease: Lease | undefined = undefined;
  protected leaseHeld = false;
  protected upstream: UpstreamConnection | undefined = undefined;
  protected waiting: AbortController | undefined = undefined;
  protected replay: string | undefined = undefined;
  protected attempts = 0;
  protected flushed = false;
  protected delivered = false;
  protected answering = false;
  protected isEnded = false;
  protected answerStatus = 0;
  protected functionError: string | undefined = undefined;

  constructor(context: CallContext, origin: Origin, request: CallRequest) {
    this.context = context;
    this.origin = origin;
    this.method = request.method;
    this.target = request.target;
    this.bodyLength = request.bodyLength;
    this.requestEnded = request.bodyLength === 0;
    this.fields = request.fields;
    this.client = request.client;
    this.upgrade = request.upgrade;
    this.startedAtMs = context.clock.monotonic();
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
    return this.context.trustForwarded;
  }
  get pageOrigin(): string | undefined {
    return this.fields.origin;
  }
  get instance(): string | undefined {
    const lease = this.lease;
    if (lease === undefined) return undefined;
    return lease.target.instance === "" ? lease.instance : lease.target.instance;
  }
  get targetLines(): string {
    return this.lease?.target.lines ?? "";
  }
  get coldStartMs(): number | undefined {
    return this.lease?.coldStart?.totalMs;
  }
  get status(): number {
    return this.answerStatus;
  }
  get ended(): boolean {
    return this.isEnded;
  }
  /** The function is behind with the request body. */
  get requestFull(): boolean {
    return this.upstream?.output.full ?? this.kept?.full ?? false;
  }

  onDeadline(): void {
    if (this.isEnded) return;
    this.lease?.expire();
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
    if (this.isEnded) return;
    const error = new PlatformError("client_closed", "the caller closed the connection");
    if (!this.answering) this.answerStatus = error.status;
    this.end(this.upgrade !== undefined && this.answerStatus === 101 ? undefined : error);
  }

  /** Ends the call with an error, whatever its phase. */
  fail(cause: unknown): void {
    if (this.isEnded) return;
    const error =
      cause instanceof PlatformError
        ? cause
        : new PlatformError("internal", "something went wrong inside the platform", { cause });
    if (error.code === "internal") this.context.observer.onInternalError(error);
    if (this.handedAtMs > 0 && !this.answering) {
      this.durationMs = Math.round(this.context.clock.monotonic() - this.handedAtMs);
    }
    if (this.answering) {
      this.dropUpstream();
      this.origin.onCut();
    } else {
      this.answerStatus = error.status;
      const answer = errorAnswer(error, this, this.delivered, (refused) => this.challenge(refused));
      this.dropUpstream();
      const date = this.context.dateLine(this.nowMs);
      this.origin.onAnswer(error.status, date + answer.lines, answer.body);
    }
    this.end(error);
  }

  private challenge(error: PlatformError): string | undefined {
    if (error.code !== "unauthorized" && error.code !== "forbidden") return undefined;
    return challenge(error, hasCredentials(this.fields));
  }

  protected dropUpstream(): void {
    this.accepting = false;
    this.upstream?.destroy();
    this.upstream = undefined;
  }

  protected releaseLease(): void {
    if (!this.leaseHeld) return;
    this.leaseHeld = false;
    this.lease?.release();
  }

  protected end(error: PlatformError | undefined): void {
    this.isEnded = true;
    this.replay = undefined;
    const { deadlines, observer, clock } = this.context;
    deadlines.stop(this);
    this.dropUpstream();
    this.kept?.fail(error);
    this.waiting?.abort(error);
    this.waiting = undefined;
    this.releaseLease();
    const fn = this.fn;
    if (fn !== undefined && this.handedAtMs > 0) observer.finished(fn.org, fn.function);
    const endedAtMs = clock.now();
    const totalMs = clock.monotonic() - this.startedAtMs;
    const errorType = errorTypeOf(error, this.answerStatus, this.functionError);
    const record = invocationRecord(this, errorType, totalMs, endedAtMs);
    if (record !== undefined) observer.record(record);
    observer.access(this, totalMs, error?.code ?? "");
    this.onEnded?.();
  }
}
