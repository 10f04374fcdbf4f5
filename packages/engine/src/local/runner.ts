import {
  errorTable,
  PlatformError,
  type ErrorCode,
  type FunctionLogEntry,
  type LogSink,
} from "@hanzo-fn/contract";
import type { ExitInfo } from "@hanzo-fn/instance";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { AutoscalerConfig } from "../autoscaler/index.ts";
import type {
  ColdStart,
  DesiredRevision,
  InstanceInfo,
  Lease,
  RevisionFailure,
  RevisionState,
  RevisionStatus,
  Scaling,
} from "../engine.ts";
import type { Capacity, Tenant } from "./capacity.ts";
import { afterCrash, blockedForMs, noCrashes, type Crashes } from "./crashes.ts";
import { Demand } from "./demand.ts";
import { describeExit, errorOf, explainExit, lastLines } from "./explain.ts";
import { LiveInstance, type LiveOptions, type LiveOwner } from "./live-instance.ts";
import type { LocalEngineOptions } from "./options.ts";
import { createWaitQueue, type WaitQueue } from "./queue.ts";
import { StartError, type StartedInstance, type Starter, type WorkingCopy } from "./starter.ts";
import type { Ticker, Ticking } from "./ticker.ts";

export interface RunnerContext {
  readonly starter: Starter;
  readonly capacity: Capacity;
  readonly ticker: Ticker;
  readonly clock: Clock;
  readonly logs: LogSink;
  readonly options: LocalEngineOptions;
  /** A short random part of instance names. */
  readonly randomId: () => string;
  /** What the engine cannot enforce for this revision. */
  readonly warnings: (revision: DesiredRevision) => readonly string[];
  readonly onState: (status: RevisionStatus) => void;
}

interface Starting {
  readonly instance: string;
  readonly startedAtMs: number;
}

/** Codes that say that the code itself is unwell; others name a cause that the caller should see as it is. */
const CRASH_CODES: ReadonlySet<ErrorCode> = new Set([
  "load_failed",
  "instance_exited",
  "out_of_memory",
  "crash_loop",
]);
/** A failed deploy is tried again by a later wish where the cause was outside of the code, but not more often. */
const RETRY_AFTER_MS = 5000;

/** One revision on this machine: its state, its instances, those who wait for one. */
export class RevisionRunner implements LiveOwner, Tenant, Ticking {
  #desired: DesiredRevision;
  #scaling: Scaling;
  #autoscaler: AutoscalerConfig;
  readonly #context: RunnerContext;
  readonly #queue: WaitQueue<Lease>;
  readonly #demand: Demand;
  readonly #live: LiveOptions;
  readonly #stop = new AbortController();

  #state: RevisionState = "pending";
  #phasesMs: Record<string, number> = {};
  #failure:
    | { readonly shown: RevisionFailure; readonly error: PlatformError; readonly atMs: number }
    | undefined;
  #crashes: Crashes = noCrashes;
  #copy: Promise<WorkingCopy> | undefined;
  /** Taking calls. */
  #ready: LiveInstance[] = [];
  readonly #draining = new Set<LiveInstance>();
  readonly #starting = new Map<Starting, Promise<void>>();
  #wanted = 0;
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
    this.#demand = new Demand(clock);
    this.#queue = createWaitQueue<Lease>(
      { depth: options.queueDepth, timeoutMs: options.queueTimeoutMs, clock },
      { timeout: (waitedMs) => this.#queueTimeout(waitedMs), change: (delta) => this.#demand.change(delta) },
    );
    this.#live = {
      concurrency: desired.concurrency,
      pingTimeoutMs: options.pingTimeoutMs,
      exitWithin: async (process) =>
        (await Promise.race([process.exited, clock.sleep(options.diagnoseMs)])) ?? undefined,
      explain: (exit, instance) => explainExit(this.#desired, exit, instance),
    };
    context.capacity.join(this);
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
    else if (this.#mayRetry()) void this.#prove();
  }

  status(): RevisionStatus {
    const failure = this.#shownFailure();
    return {
      ref: this.#desired.ref,
      state: this.#state,
      ...(failure === undefined ? {} : { failure }),
      instances: this.#instances(),
      phasesMs: this.#phasesMs,
      warnings: this.#context.warnings(this.#desired),
    };
  }

  // Calls.

  tryAcquire(): Lease | undefined {
    let best: LiveInstance | undefined;
    for (const instance of this.#ready) {
      if (!instance.hasRoom || (best && instance.inFlight >= best.inFlight)) continue;
      best = instance;
      if (instance.inFlight === 0) break;
    }
    if (!best) return undefined;
    if (!this.#awake) this.#wake();
    this.#demand.change(1);
    return best.lease(undefined);
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
      if (this.#ready.length + this.#starting.size === 0) this.#scale(true);
      void this.#pokeWhileWaiting();
    }
    return waiting;
  }

  onRelease(instance: LiveInstance, healthy: boolean): void {
    this.#demand.change(-1);
    if (healthy && this.#crashes.count > 0) this.#crashes = noCrashes;
    if (instance.inFlight === 0) instance.idleSinceMs = this.#context.clock.monotonic();
    if (instance.state === "ready") this.#serve(instance, undefined);
    else if (instance.inFlight === 0 && !instance.suspect) void instance.process.stop(this.#stopGraceMs);
  }

  onRetire(instance: LiveInstance): void {
    this.#ready = this.#ready.filter((other) => other !== instance);
    this.#draining.add(instance);
    this.#log(
      "warn",
      `a call overran its deadline on ${instance.name}: the instance is replaced`,
      instance.name,
    );
    this.#scale(true);
  }

  // Scaling.

  tick(): boolean {
    if (this.#stop.signal.aborted) return false;
    this.#scale(false);
    const live = this.#ready.length + this.#starting.size + this.#draining.size;
    const rest = this.#demand.settled(this.#autoscaler) && (this.#yielded || live === this.#wanted);
    if (rest) this.#awake = false;
    return !rest;
  }

  yieldIdle(): boolean {
    if (this.#state !== "ready" || this.#ready.length <= this.#autoscaler.minInstances) return false;
    const idle = this.#ready.find((instance) => instance.inFlight === 0);
    if (!idle) return false;
    this.#yielded = true;
    this.#drain(idle);
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
    const something = this.#autoscaler.minInstances > 0 || this.#ready.length > 0 || this.#queue.size > 0;
    if (!something) return;
    if (!this.#awake) this.#wake();
    this.#scale(true);
  }

  #scale(poke: boolean): void {
    if (this.#state !== "ready" || this.#stop.signal.aborted) return;
    this.#wanted = this.#demand.decide(this.#autoscaler, this.#ready.length, poke);
    this.#adjust();
  }

  #adjust(): void {
    if (this.#stop.signal.aborted) return;
    if (blockedForMs(this.#crashes, this.#context.clock.monotonic()) > 0) {
      const refusal = this.#refusal();
      if (refusal && this.#starting.size === 0) this.#queue.rejectAll(refusal);
      return;
    }
    const floor =
      this.#yielded && this.#demand.concurrency === 0 ? this.#autoscaler.minInstances : this.#wanted;
    while (this.#ready.length + this.#starting.size < floor && this.#startOne());
    const surplus = this.#ready.length - this.#wanted;
    if (surplus <= 0) return;
    const leastBusy = [...this.#ready].sort((a, b) => a.inFlight - b.inFlight);
    for (const instance of leastBusy.slice(0, surplus)) this.#drain(instance);
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

  #drain(instance: LiveInstance): void {
    instance.state = "draining";
    this.#ready = this.#ready.filter((other) => other !== instance);
    this.#draining.add(instance);
    if (instance.inFlight === 0) void instance.process.stop(this.#stopGraceMs);
  }

  // Starts.

  /** False where the total cap leaves no room; `onRoom` comes back to it. */
  #startOne(): boolean {
    if (!this.#context.capacity.take(this)) return false;
    void this.#start().catch((error: unknown) => this.#onStartFailed(error));
    return true;
  }

  /** A place of the cap is taken already; it is given back by a failure here, or by the exit. */
  async #start(): Promise<void> {
    const starting = this.#newInstance();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#starting.set(starting, done);
    try {
      const copy = await this.#workingCopy();
      const started = await this.#context.starter.start(
        {
          desired: this.#desired,
          copy,
          instance: starting.instance,
          onLine: (line) => this.#append({ ...line, instance: starting.instance }),
        },
        this.#stop.signal,
      );
      this.#adopt(starting, started);
    } catch (error) {
      this.#context.capacity.give();
      throw error;
    } finally {
      this.#starting.delete(starting);
      resolve();
    }
  }

  #adopt(starting: Starting, started: StartedInstance): void {
    this.#starting.delete(starting);
    const { clock } = this.#context;
    const times = { startedAtMs: starting.startedAtMs, monotonicMs: clock.monotonic() };
    const instance = new LiveInstance(starting.instance, started.process, times, this, this.#live);
    void started.process.exited.then((exit) => this.#onExit(instance, exit));
    if (this.#stop.signal.aborted) {
      this.#drain(instance);
      return;
    }
    this.#ready.push(instance);
    this.#serve(instance, started);
  }

  #workingCopy(): Promise<WorkingCopy> {
    this.#copy ??= this.#context.starter.prepare(this.#desired, this.#stop.signal).catch((error: unknown) => {
      this.#copy = undefined;
      throw error;
    });
    return this.#copy;
  }

  async #prove(): Promise<void> {
    const { clock } = this.#context;
    const begin = clock.monotonic();
    this.#failure = undefined;
    this.#phasesMs = {};
    this.#setState("building");
    try {
      await this.#workingCopy();
      const built = clock.monotonic();
      this.#phasesMs = { build: built - begin };
      this.#setState("starting");
      while (!this.#context.capacity.take(this)) await this.#room();
      const from = clock.monotonic();
      await this.#start();
      if (this.#stop.signal.aborted) return;
      this.#phasesMs = { build: built - begin, start: clock.monotonic() - from };
      this.#setState("ready");
      this.#wake();
      this.#scale(true);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#queue.rejectAll(this.#fail(error));
      this.#setState("failed");
    }
  }

  #room(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(this.#stop.signal.reason as Error);
    this.#stop.signal.addEventListener("abort", onAbort, { once: true });
    this.#onRoom = resolve;
    return promise.finally(() => this.#stop.signal.removeEventListener("abort", onAbort));
  }

  #mayRetry(): boolean {
    if (this.#state !== "failed" || !this.#failure) return false;
    const { error, atMs } = this.#failure;
    const outside = errorTable[error.code].fault === "platform" || error.code === "missing_secret";
    return outside && this.#context.clock.monotonic() - atMs >= RETRY_AFTER_MS;
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

  // Ends.

  #onExit(instance: LiveInstance, exit: ExitInfo): void {
    this.#ready = this.#ready.filter((other) => other !== instance);
    this.#draining.delete(instance);
    instance.markGone();
    this.#context.capacity.give();
    if (!exit.byPlatform) {
      const error = explainExit(this.#desired, exit, instance.name);
      this.#log("error", exit.outOfMemory ? error.message : `instance ${describeExit(exit)}`, instance.name);
      this.#crashed(new StartError(error, exit.logTail));
    }
    this.#scale(this.#queue.size > 0);
  }

  #onStartFailed(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#crashed(error);
    const failure = this.#failure;
    if (failure && !CRASH_CODES.has(failure.error.code) && this.#ready.length === 0) {
      this.#queue.rejectAll(failure.error);
    }
    this.#log("error", failure?.error.message ?? "the instance did not start", "");
    this.#scale(this.#queue.size > 0);
  }

  #crashed(error: unknown): void {
    const { clock, options } = this.#context;
    const rule = { threshold: options.crashThreshold, backoff: options.crashBackoff };
    this.#crashes = afterCrash(this.#crashes, rule, clock.monotonic());
    this.#fail(error);
    this.#context.onState(this.status());
    const blocked = blockedForMs(this.#crashes, clock.monotonic());
    if (blocked > 0) void this.#sleep(blocked).then(() => this.#scale(this.#queue.size > 0));
  }

  #fail(cause: unknown): PlatformError {
    const { clock } = this.#context;
    const error = platformError(this.#desired, cause);
    const logTail = cause instanceof StartError ? cause.logTail : [];
    const at = new Date(clock.now()).toISOString();
    this.#failure = {
      shown: { code: error.code, message: error.message, logTail, at },
      error,
      atMs: clock.monotonic(),
    };
    return error;
  }

  /** Why a call may not even wait. */
  #refusal(): PlatformError | undefined {
    if (this.#stop.signal.aborted)
      return errorOf(this.#desired, "draining", "the revision is being taken down");
    if (this.#state === "failed") return this.#failure?.error;
    const blockedMs = blockedForMs(this.#crashes, this.#context.clock.monotonic());
    if (blockedMs <= 0 || this.#ready.length + this.#starting.size > 0) return undefined;
    return this.#crashLoop(blockedMs);
  }

  #crashLoop(blockedMs: number): PlatformError | undefined {
    const last = this.#failure;
    if (!last) return undefined;
    if (!CRASH_CODES.has(last.error.code)) return last.error;
    const seconds = Math.max(1, Math.ceil(blockedMs / 1000));
    const tail = last.error.message.includes("last lines") ? "" : lastLines(last.shown.logTail);
    return errorOf(
      this.#desired,
      "crash_loop",
      `${this.#desired.ref.name} failed ${this.#crashes.count} times in a row; the next start is in ${seconds} s. ` +
        `Last: ${last.error.message}${tail}`,
      { retryAfterSeconds: seconds, next: `hanzo-fn logs ${this.#desired.ref.function}`, cause: last.error },
    );
  }

  #queueTimeout(waitedMs: number): PlatformError {
    const waited = `no instance of ${this.#desired.ref.name} was free within ${Math.round(waitedMs / 1000)} s`;
    return errorOf(this.#desired, "queue_timeout", waited, {
      retryAfterSeconds: 1,
      next: "raise scaling.max_instances or resources.concurrency",
    });
  }

  /** Lets running calls end within `graceMs`, then cuts them. Resolves when no process is left. */
  remove(graceMs: number = this.#desired.timeoutMs + this.#context.options.drainSlackMs): Promise<void> {
    this.#removing ??= this.#remove(graceMs);
    return this.#removing;
  }

  async #remove(graceMs: number): Promise<void> {
    const refused = errorOf(this.#desired, "draining", "the revision is being taken down");
    this.#stop.abort(refused);
    this.#queue.rejectAll(refused);
    for (const instance of this.#ready) this.#drain(instance);
    await Promise.all(this.#starting.values());
    const leaving = [...this.#draining];
    const cut = new AbortController();
    const cutting = this.#context.clock.sleep(graceMs, cut.signal).then(
      () => leaving.forEach((instance) => void instance.process.kill()),
      () => undefined,
    );
    await Promise.all(leaving.map((instance) => instance.process.exited));
    cut.abort();
    await cutting;
    this.#context.capacity.leave(this);
  }

  // Telling.

  #setState(state: RevisionState): void {
    this.#state = state;
    this.#context.onState(this.status());
  }

  #shownFailure(): RevisionFailure | undefined {
    const failure = this.#failure;
    if (!failure || this.#state === "failed") return failure?.shown;
    const { clock, options } = this.#context;
    const now = clock.monotonic();
    if (now - failure.atMs > options.failureShownMs) return undefined;
    const blocked = blockedForMs(this.#crashes, now);
    const loop = blocked > 0 ? this.#crashLoop(blocked) : undefined;
    return loop ? { ...failure.shown, code: loop.code, message: loop.message } : failure.shown;
  }

  #instances(): readonly InstanceInfo[] {
    const iso = (ms: number): string => new Date(ms).toISOString();
    const live = [...this.#ready, ...this.#draining].map((instance) => ({
      instance: instance.name,
      state: instance.state,
      inFlight: instance.inFlight,
      startedAt: iso(instance.startedAtMs),
      memoryBytes: instance.process.memoryBytes(),
    }));
    const starting = [...this.#starting.keys()].map(({ instance, startedAtMs }) => ({
      instance,
      state: "starting" as const,
      inFlight: 0,
      startedAt: iso(startedAtMs),
    }));
    return [...live, ...starting];
  }

  #newInstance(): Starting {
    const { clock, randomId } = this.#context;
    return { instance: `fn-${this.#desired.ref.name}-local-${randomId()}`, startedAtMs: clock.now() };
  }

  get #stopGraceMs(): number {
    return this.#context.options.stopGraceMs;
  }

  #sleep(ms: number): Promise<void> {
    return this.#context.clock.sleep(ms, this.#stop.signal).catch(() => undefined);
  }

  #append(entry: Omit<FunctionLogEntry, "org" | "function" | "revision">): void {
    const { org, function: functionName, name } = this.#desired.ref;
    this.#context.logs.append({ ...entry, org, function: functionName, revision: name });
  }

  #log(level: "warn" | "error", msg: string, instance: string): void {
    this.#append({ tsMs: this.#context.clock.now(), level, msg, instance, stream: "platform" });
  }
}

function platformError(desired: DesiredRevision, cause: unknown): PlatformError {
  if (cause instanceof StartError) return cause.error;
  if (cause instanceof PlatformError) return cause;
  return errorOf(desired, "internal", `the instance did not start: ${String((cause as Error).message)}`, {
    cause,
  });
}

/** The phases of a wait that a new instance ended; what is neither boot nor load is time in the queue. */
function coldStart(totalMs: number, { bootMs, loadMs }: StartedInstance): ColdStart {
  const load = Math.min(loadMs, totalMs);
  const boot = Math.min(bootMs, totalMs - load);
  return { totalMs, phasesMs: { queue: totalMs - load - boot, boot, load } };
}
