import { HEADERS, PlatformError } from "@hanzo-fn/contract";
import type { Lease } from "@hanzo-fn/engine";
import { functionLines, headerOf, platformLines } from "./answer-lines.ts";
import { CallLife } from "./call-life.ts";
import type { ResponseHead } from "./http1/head.ts";
import { LAST_CHUNK } from "./http1/output.ts";
import type { UpstreamConnection, UpstreamHandler } from "./http1/upstream.ts";
import { requestHeadText } from "./request-lines.ts";
import type { FunctionEntry, RevisionEntry } from "./route-table.ts";

/** A body beyond this is not kept for the one retry over a fresh connection. */
const REPLAY_BYTES = 8192;

/** What a call has with an instance: a lease, the request on a connection, and the answer to it. */
export abstract class CallExchange extends CallLife implements UpstreamHandler {
  protected acquire(): void {
    const key = (this.revision as RevisionEntry).key;
    const lease = this.context.instances.tryAcquire(key);
    if (lease === undefined) void this.acquireLater(key);
    else this.handOver(lease);
  }

  private async acquireLater(key: string): Promise<void> {
    this.waiting = new AbortController();
    try {
      const lease = await this.context.instances.acquire(key, this.waiting.signal);
      this.waiting = undefined;
      if (this.isEnded) lease.release();
      else this.handOver(lease);
    } catch (error) {
      this.waiting = undefined;
      this.fail(error);
    }
  }

  private handOver(lease: Lease): void {
    const context = this.context;
    const revision = (this.revision as RevisionEntry).revision;
    this.lease = lease;
    this.leaseHeld = true;
    if (this.attempts === 0) {
      this.handedAtMs = context.clock.monotonic();
      const durationMs = revision.timeoutMs + (lease.waitBudgetMs ?? 0);
      context.deadlines.start(this, durationMs, this.handedAtMs);
      const fn = this.fn as FunctionEntry;
      context.observer.started(fn.org, fn.function);
    }
    this.attempts++;
    const pool = context.upstreams.pool(lease.target);
    const upstream = pool.take(this);
    if (upstream === undefined) {
      this.upstream = pool.connect(this);
    } else {
      this.upstream = upstream;
      this.send(upstream);
    }
  }

  onUpstreamConnected(): void {
    const upstream = this.upstream as UpstreamConnection;
    if (this.replay === undefined) {
      this.send(upstream);
    } else {
      this.delivered = true;
      upstream.output.text(this.replay);
      upstream.output.flush();
    }
  }

  private send(upstream: UpstreamConnection): void {
    this.delivered = true;
    upstream.output.text(requestHeadText(this));
    if (this.requestEnded) this.sent(upstream);
    this.accepting = true;
    this.origin.onAccepting();
  }

  /** The request is complete: all of it goes out, and is kept while a dead connection may still refuse it. */
  private sent(upstream: UpstreamConnection): void {
    const { bodyLength } = this;
    if (upstream.reused && !this.flushed && bodyLength >= 0 && bodyLength <= REPLAY_BYTES) {
      this.replay = upstream.output.pending;
    }
    upstream.output.flush();
  }

  /** Body bytes of the request, while `accepting`. The buffer is the origin's again when this returns. */
  requestData(buffer: Buffer, start: number, end: number): void {
    if (this.kept !== undefined && !this.isEnded) return this.kept.push(buffer, start, end);
    const upstream = this.upstream;
    if (upstream === undefined || this.isEnded) return;
    if (this.upgrade === undefined) {
      this.bodyBytes += end - start;
      if (this.bodyBytes > this.context.maxBodyBytes) {
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
    const upstream = this.upstream;
    this.requestEnded = true;
    this.kept?.end();
    if (upstream === undefined || this.isEnded) return;
    if (this.bodyLength < 0) upstream.output.text(LAST_CHUNK);
    this.sent(upstream);
  }

  /** What was pushed goes out. */
  flushRequest(): void {
    if (this.upstream === undefined || this.requestEnded) return;
    this.flushed = true;
    this.upstream.output.flush();
  }

  onUpstreamDrain(): void {
    if (!this.requestEnded) this.origin.onRequestDrain();
  }

  onUpstreamInterim(head: ResponseHead): void {
    // Our own 100 went out when the body was asked for.
    if (head.status !== 100) this.origin.onInterim(head.status, head.reason, functionLines(head, false));
  }

  onUpstreamHead(head: ResponseHead): void {
    const { clock } = this.context;
    const lease = this.lease as Lease;
    this.replay = undefined;
    if (lease.answered?.({ status: head.status, field: (name) => headerOf(head, name) }) === false) {
      this.dropUpstream();
      this.explain(lease, undefined);
      return;
    }
    this.answering = true;
    this.answerStatus = head.status;
    const elapsedMs = clock.monotonic() - this.handedAtMs;
    this.durationMs = Math.max(0, Math.round(elapsedMs - (lease.waitedMs ?? 0)));
    this.functionError = headerOf(head, HEADERS.functionError);
    // After 101 the caller's bytes are the other protocol's, and there is no end to wait for.
    if (head.upgrade !== undefined) this.requestEnded = false;
    const { framing } = head;
    const bodyless = framing.kind === "none";
    let length = framing.kind === "length" ? framing.length : -1;
    if (bodyless) {
      const announced = headerOf(head, "content-length");
      length = announced === undefined ? -1 : Number(announced);
    }
    this.origin.onHead({
      status: head.status,
      reason: head.reason,
      lines:
        this.dateLine(head) + functionLines(head, this.route?.route.cors !== undefined) + platformLines(this),
      length,
      bodyless,
      upgrade: head.upgrade,
    });
  }

  private dateLine(head: ResponseHead): string {
    return head.lower.includes("date") ? "" : this.context.dateLine(this.nowMs);
  }

  onUpstreamData(buffer: Buffer, start: number, end: number): void {
    this.origin.onBody(buffer, start, end);
  }

  onUpstreamReadDone(): void {
    if (!this.answering) return;
    this.origin.onFlush();
    if (this.origin.full) this.upstream?.socket.pause();
  }

  /** The caller took what it was behind with. */
  resumeAnswer(): void {
    this.upstream?.socket.resume();
  }

  onUpstreamEnd(reusable: boolean): void {
    const upstream = this.upstream as UpstreamConnection;
    this.upstream = undefined;
    if (reusable && this.requestEnded) upstream.release();
    else upstream.destroy();
    this.accepting = false;
    this.releaseLease();
    this.origin.onEnd();
    this.end(undefined);
  }

  onUpstreamBroken(error: Error | undefined): void {
    const upstream = this.upstream;
    this.upstream = undefined;
    if (upstream === undefined || this.isEnded) return;
    if (error instanceof PlatformError) {
      this.fail(error);
      return;
    }
    const lease = this.lease as Lease;
    if (this.retry(upstream, error, lease)) return;
    if (this.answering) this.origin.onCut();
    this.explain(lease, error);
  }

  private explain(lease: Lease, error: Error | undefined): void {
    lease.diagnose(error).then(
      (diagnosis) => this.fail(diagnosis),
      (failure: unknown) => this.fail(failure),
    );
  }

  /**
   * Tries again where no byte can have reached user code: a kept connection that the kernel refused to write to,
   * or an instance that took no connection. Once each.
   */
  private retry(upstream: UpstreamConnection, error: Error | undefined, lease: Lease): boolean {
    const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
    if (upstream.reused && this.replay !== undefined && code === "EPIPE" && syscall === "write") {
      this.delivered = false;
      this.upstream = this.context.upstreams.pool(lease.target).connect(this);
      return true;
    }
    if (syscall === "connect") {
      this.delivered = false;
      if (this.attempts === 1) {
        void this.acquireAnew(lease, error);
        return true;
      }
    }
    return false;
  }

  private async acquireAnew(lease: Lease, error: Error | undefined): Promise<void> {
    const diagnosis = await lease.diagnose(error).catch(() => undefined);
    if (this.isEnded) return;
    this.releaseLease();
    if (diagnosis?.code === "crash_loop") this.fail(diagnosis);
    else this.acquire();
  }
}
