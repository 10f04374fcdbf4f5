import type { LogSink, PlatformError } from "@hanzo-fn/contract";
import type { ExitInfo } from "@hanzo-fn/instance";
import { abortable } from "@hanzo-fn/lifecycle";
import type { AutoscalerConfig } from "../autoscaler/index.ts";
import type {
  ColdStart,
  DesiredRevision,
  Lease,
  RevisionFailure,
  RevisionState,
  RevisionStatus,
  Scaling,
} from "../engine.ts";
import type { Tenant } from "./capacity.ts";
import { Demand } from "./demand.ts";
import { describeExit, errorOf, explainExit } from "./explain.ts";
import { Fleet, type FleetContext, type FleetOwner, type OwnLine } from "./fleet.ts";
import { Health } from "./health.ts";
import type { LiveInstance } from "./live-instance.ts";
import { createWaitQueue, type WaitQueue } from "../wait-queue.ts";
import { StartError, type StartedInstance } from "./starter.ts";
import type { Ticker, Ticking } from "./ticker.ts";

export interface RunnerContext extends FleetContext {
  readonly ticker: Ticker;
  readonly logs: LogSink;
  /** What the engine cannot enforce for this revision. */
  readonly warnings: (revision: DesiredRevision) => readonly string[];
  readonly onState: (status: RevisionStatus) => void;
}

/** One revision on this machine: its state, how many instances it should have, and those who wait for one. */
export class RevisionRunner implements FleetOwner, Tenant, Ticking {
  #desired: DesiredRevision;
  #scaling: Scaling;
  #autoscaler: AutoscalerConfig;
  readonly #context: RunnerContext;
  readonly #stop = new AbortController();
  readonly #fleet: Fleet;
  readonly #health: Health;
  readonly #demand: Demand;
  readonly #queue: WaitQueue<Lease>;

  #state: RevisionState = "pending";
  #phasesMs: Readonly<Record<string, number>> = {};
  #wanted = 0;
  /** On the ticker. */
  #awake = false;
  #poking = false;
  /** Gave an idle instance up for others: only a request brings one back. */
  #yielded = false;
  #onRoom: (() => void) | undefined;
  #removing: Promise<void> | undefined;

  constructor(desired: DesiredRevision, scaling: Scaling, context: RunnerContext) {
    this.#desired = desired;
    this.#scaling = scaling;
    this.#context = context;
    this.#autoscaler = this.#autoscalerConfig();
    const { clock, options } = context;
    this.#fleet = new Fleet(this, context, this.#stop.signal);
    this.#health = new Health(clock, options);
    this.#demand = new Demand(clock);
    this.#queue = createWaitQueue<Lease>(
      { depth: options.queueDepth, timeoutMs: options.queueTimeoutMs, clock },
      {
        timeout: (waitedMs) => this.#queueTimeout(waitedMs),
        change: (delta) => this.#demand.change(delta),
      },
    );
    context.capacity.join(this);
  }

  get desired(): DesiredRevision {
    return this.#desired;
  }

  /** Begins: with the proof that the code loads, or at rest where that is known. */
  begin(): void {
    if (this.#desired.proven !== true) {
      void this.#prove();
      return;
    }
    this.#setState("ready");
    this.#rescale();
  }

  apply(desired: DesiredRevision, scaling: Scaling): void {
    this.#desired = desired;
    this.#scaling = scaling;
    this.#autoscaler = this.#autoscalerConfig();
    if (this.#state === "ready") this.#rescale();
    else if (this.#state === "failed" && this.#health.mayRetry) void this.#prove();
  }

  /** Instances that take calls. */
  get ready(): number {
    return this.#fleet.ready.length;
  }

  status(): RevisionStatus {
    const failure = this.#failure();
    return {
      ref: this.#desired.ref,
      state: this.#state,
      ...(failure === undefined ? {} : { failure }),
      instances: this.#fleet.infos(),
      phasesMs: this.#phasesMs,
      warnings: this.#context.warnings(this.#desired),
    };
  }

  /** Lets running calls end within `graceMs`, then cuts them. Resolves when no process is left. */
  remove(graceMs: number = this.#desired.timeoutMs + this.#context.options.drainSlackMs): Promise<void> {
    this.#removing ??= this.#remove(graceMs);
    return this.#removing;
  }

  async #remove(graceMs: number): Promise<void> {
    const refusal = this.#takenDown();
    this.#stop.abort(refusal);
    this.#queue.rejectAll(refusal);
    await this.#fleet.end(graceMs);
    this.#context.capacity.leave(this);
  }

  // Calls.

  tryAcquire(): Lease | undefined {
    const instance = this.#fleet.pick();
    if (!instance) return undefined;
    if (!this.#awake) this.#wake();
    this.#demand.change(1);
    return instance.lease(undefined);
  }

  acquire(signal: AbortSignal): Promise<Lease> {
    const lease = this.tryAcquire();
    if (lease) return Promise.resolve(lease);
    const refusal = this.#refusal();
    if (refusal) return Promise.reject(refusal);
    const waiting = this.#queue.wait(signal);
    if (!waiting) {
      const message = `${this.#queue.size} calls wait for an instance already`;
      return Promise.reject(errorOf(this.#desired, "no_capacity", message, { retryAfterSeconds: 1 }));
    }
    this.#yielded = false;
    if (this.#state === "ready") {
      if (!this.#awake) this.#wake();
      if (this.#fleet.size === 0) this.#scale(true);
      void this.#pokeWhileWaiting();
    }
    return waiting;
  }

  onRelease(instance: LiveInstance, healthy: boolean): void {
    this.#demand.change(-1);
    if (healthy) this.#health.wentWell();
    if (instance.state === "ready") this.#serve(instance, undefined);
    else this.#fleet.endIfIdle(instance);
  }

  onRetire(instance: LiveInstance, why: string): void {
    this.#fleet.retire(instance);
    this.#log("warn", `instance ${instance.name} is replaced: ${why}`, instance);
    this.#scale(true);
  }

  /** Gives the instance's free slots to those who wait longest. */
  #serve(instance: LiveInstance, started: StartedInstance | undefined): void {
    while (instance.hasRoom) {
      const waiter = this.#queue.next();
      if (!waiter) return;
      this.#demand.change(1);
      const waitedMs = this.#context.clock.monotonic() - waiter.sinceMs;
      waiter.grant(instance.lease(started && coldStart(waitedMs, started)));
    }
  }

  /** Why a call may not even wait. */
  #refusal(): PlatformError | undefined {
    if (this.#stop.signal.aborted) return this.#takenDown();
    if (this.#state === "failed") return this.#health.error;
    return this.#fleet.size > 0 ? undefined : this.#health.refusal(this.#desired);
  }

  // Scaling.

  tick(): boolean {
    if (this.#stop.signal.aborted) return false;
    this.#scale(false);
    const live = this.#fleet.size + this.#fleet.draining;
    const rest = this.#demand.settled(this.#autoscaler) && (this.#yielded || live === this.#wanted);
    if (rest) this.#awake = false;
    return !rest;
  }

  yieldIdle(): boolean {
    if (this.#state !== "ready" || this.#fleet.ready.length <= this.#autoscaler.minInstances) return false;
    const idle = this.#fleet.ready.find((instance) => instance.inFlight === 0);
    if (!idle) return false;
    this.#yielded = true;
    this.#fleet.drain(idle);
    return true;
  }

  onRoom(): void {
    this.#onRoom?.();
    if (this.#state === "ready") this.#adjust();
  }

  #autoscalerConfig(): AutoscalerConfig {
    return {
      ...this.#context.options.autoscaler,
      targetConcurrency: Math.min(this.#scaling.targetConcurrency, this.#desired.concurrency),
      scaleDownDelayMs: this.#scaling.scaleDownDelayMs,
      minInstances: this.#desired.percent > 0 ? this.#scaling.minInstances : 0,
      maxInstances: this.#scaling.maxInstances,
    };
  }

  #wake(): void {
    this.#awake = true;
    this.#yielded = false;
    this.#demand.restart();
    this.#context.ticker.add(this);
  }

  /** The wish changed: looks at once, and keeps looking where there is something. */
  #rescale(): void {
    if (this.#autoscaler.minInstances === 0 && this.#fleet.size === 0 && this.#queue.size === 0) return;
    if (!this.#awake) this.#wake();
    this.#scale(true);
  }

  #scale(poke: boolean): void {
    if (this.#state !== "ready" || this.#stop.signal.aborted) return;
    this.#wanted = this.#demand.decide(this.#autoscaler, this.#fleet.ready.length, poke);
    this.#adjust();
  }

  #adjust(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#health.blockedMs > 0) {
      const refusal = this.#refusal();
      if (refusal) this.#queue.rejectAll(refusal);
      return;
    }
    const resting = this.#yielded && this.#demand.concurrency === 0;
    const wanted = resting ? this.#autoscaler.minInstances : this.#wanted;
    while (this.#fleet.size < wanted && this.#startOne());
    this.#fleet.shrink(this.#fleet.ready.length - this.#wanted);
  }

  /** The autoscaler's tick is too slow for those who wait: looks again while anyone does. */
  async #pokeWhileWaiting(): Promise<void> {
    if (this.#poking) return;
    this.#poking = true;
    while (this.#queue.size > 0 && !this.#stop.signal.aborted) {
      await this.#sleep(this.#context.options.pokeMs);
      if (this.#queue.size > 0) this.#scale(true);
    }
    this.#poking = false;
  }

  // Starts and ends.

  /** False where the total cap leaves no room; `onRoom` comes back to it. */
  #startOne(): boolean {
    if (!this.#context.capacity.take(this)) return false;
    void this.#fleet.start().catch((error: unknown) => this.#onStartFailed(error));
    return true;
  }

  async #prove(): Promise<void> {
    const { clock } = this.#context;
    this.#health.forget();
    this.#phasesMs = {};
    this.#setState("building");
    try {
      const begin = clock.monotonic();
      await this.#fleet.workingCopy();
      this.#phasesMs = { build: clock.monotonic() - begin };
      this.#setState("starting");
      while (!this.#context.capacity.take(this)) await this.#room();
      const from = clock.monotonic();
      this.#startPhase = () => ({ ...this.#phasesMs, start: clock.monotonic() - from });
      await this.#fleet.start();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#queue.rejectAll(this.#health.failed(this.#desired, error));
      this.#setState("failed");
    }
  }

  /** Measures the start of the proof, while that goes on. */
  #startPhase: (() => Readonly<Record<string, number>>) | undefined;

  #room(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRoom = resolve;
    return abortable(promise, this.#stop.signal);
  }

  onUp(instance: LiveInstance, started: StartedInstance): void {
    if (this.#startPhase) {
      this.#phasesMs = this.#startPhase();
      this.#startPhase = undefined;
      this.#wake();
      this.#setState("ready");
      this.#wanted = 1;
    }
    this.#serve(instance, started);
    if (this.#queue.size > 0) void this.#pokeWhileWaiting();
  }

  onDown(instance: LiveInstance, exit: ExitInfo): void {
    if (!exit.byPlatform) {
      const error = explainExit(this.#desired, exit, instance.name);
      this.#log("error", exit.outOfMemory ? error.message : `the instance ${describeExit(exit)}`, instance);
      this.#crashed(new StartError(error, exit.logTail));
    }
    this.#scale(this.#queue.size > 0);
  }

  #onStartFailed(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#crashed(error);
    const last = this.#health.error;
    if (last && this.#health.isForeign && this.#fleet.ready.length === 0) this.#queue.rejectAll(last);
    this.#log("error", last?.message ?? "the instance did not start", undefined);
    this.#scale(this.#queue.size > 0);
  }

  #crashed(error: unknown): void {
    const blockedMs = this.#health.crashed(this.#desired, error);
    this.#context.onState(this.status());
    if (blockedMs > 0) void this.#scaleAfter(blockedMs);
  }

  async #scaleAfter(ms: number): Promise<void> {
    await this.#sleep(ms);
    this.#scale(this.#queue.size > 0);
  }

  // Telling.

  #setState(state: RevisionState): void {
    this.#state = state;
    this.#context.onState(this.status());
  }

  #failure(): RevisionFailure | undefined {
    return this.#state === "failed" ? this.#health.last : this.#health.shown(this.#desired);
  }

  #takenDown(): PlatformError {
    return errorOf(this.#desired, "draining", `${this.#desired.ref.name} is being taken down`, {
      retryAfterSeconds: 1,
    });
  }

  #queueTimeout(waitedMs: number): PlatformError {
    const waited = `no instance of ${this.#desired.ref.name} was free within ${Math.round(waitedMs / 1000)} s`;
    return errorOf(this.#desired, "queue_timeout", waited, {
      retryAfterSeconds: 1,
      next: "raise scaling.max_instances or resources.concurrency",
    });
  }

  append(line: OwnLine): void {
    const { org, function: functionName, name } = this.#desired.ref;
    this.#context.logs.append({ ...line, org, function: functionName, revision: name });
  }

  #log(level: "warn" | "error", msg: string, instance: LiveInstance | undefined): void {
    const tsMs = this.#context.clock.now();
    this.append({ tsMs, level, msg, instance: instance?.name ?? "", stream: "platform" });
  }

  #sleep(ms: number): Promise<void> {
    return this.#context.clock.sleep(ms, this.#stop.signal).catch(() => undefined);
  }
}

/** The phases of a wait that a new instance ended; what is neither boot nor load is time in the queue. */
function coldStart(totalMs: number, { bootMs, loadMs }: StartedInstance): ColdStart {
  const load = Math.min(loadMs, totalMs);
  const boot = Math.min(bootMs, totalMs - load);
  return { totalMs, phasesMs: { queue: totalMs - load - boot, boot, load } };
}
