import type { FunctionLogEntry } from "@hanzo-fn/contract";
import type { ExitInfo } from "@hanzo-fn/instance";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { DesiredRevision, InstanceInfo } from "../engine.ts";
import type { Capacity } from "./capacity.ts";
import { explainExit } from "./explain.ts";
import { LiveInstance, type LiveOptions, type LiveOwner } from "./live-instance.ts";
import type { LocalEngineOptions } from "./options.ts";
import type { StartedInstance, Starter, WorkingCopy } from "./starter.ts";

/** What a line lacks to be an entry; the revision's runner adds it. */
export type OwnLine = Omit<FunctionLogEntry, "org" | "function" | "revision">;

export interface FleetContext {
  readonly starter: Starter;
  readonly capacity: Capacity;
  readonly clock: Clock;
  readonly options: LocalEngineOptions;
  /** A short random part of instance names. */
  readonly randomId: () => string;
}

export interface FleetOwner extends LiveOwner {
  readonly desired: DesiredRevision;
  onUp(instance: LiveInstance, started: StartedInstance): void;
  onDown(instance: LiveInstance, exit: ExitInfo): void;
  append(line: OwnLine): void;
}

interface Starting {
  readonly instance: string;
  readonly startedAtMs: number;
}

/** The instances of one revision from their start to their end; decides nothing. */
export class Fleet {
  readonly #owner: FleetOwner;
  readonly #context: FleetContext;
  readonly #live: LiveOptions;
  /** Aborts when the revision is taken down. */
  readonly #signal: AbortSignal;
  #ready: readonly LiveInstance[] = [];
  readonly #draining = new Set<LiveInstance>();
  readonly #starting = new Map<Starting, Promise<void>>();
  #copy: Promise<WorkingCopy> | undefined;

  constructor(owner: FleetOwner, context: FleetContext, signal: AbortSignal) {
    this.#owner = owner;
    this.#context = context;
    this.#signal = signal;
    const { clock, options } = context;
    this.#live = {
      concurrency: owner.desired.concurrency,
      pingTimeoutMs: options.pingTimeoutMs,
      exitWithin: async (process) =>
        (await Promise.race([process.exited, clock.sleep(options.diagnoseMs)])) ?? undefined,
      explain: (exit, instance) => explainExit(owner.desired, exit, instance),
    };
  }

  /** Taking calls. */
  get ready(): readonly LiveInstance[] {
    return this.#ready;
  }

  /** Ready or on the way there. */
  get size(): number {
    return this.#ready.length + this.#starting.size;
  }

  get starting(): number {
    return this.#starting.size;
  }

  get draining(): number {
    return this.#draining.size;
  }

  /** The ready instance with the fewest calls that has a free slot. */
  pick(): LiveInstance | undefined {
    let best: LiveInstance | undefined;
    for (const instance of this.#ready) {
      if (!instance.hasRoom || (best && instance.inFlight >= best.inFlight)) continue;
      best = instance;
      if (instance.inFlight === 0) break;
    }
    return best;
  }

  /** Made once; anew where it failed. */
  workingCopy(): Promise<WorkingCopy> {
    this.#copy ??= this.#context.starter
      .prepare(this.#owner.desired, this.#signal)
      .catch((error: unknown) => {
        this.#copy = undefined;
        throw error;
      });
    return this.#copy;
  }

  /** Starts one. The caller has taken a place of the cap; a failure gives it back, or later the exit. */
  async start(): Promise<void> {
    const { clock, randomId, starter, capacity } = this.#context;
    const { desired } = this.#owner;
    const starting = { instance: `fn-${desired.ref.name}-local-${randomId()}`, startedAtMs: clock.now() };
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#starting.set(starting, done);
    try {
      const copy = await this.workingCopy();
      const { instance } = starting;
      const onLine = (line: Omit<OwnLine, "instance">): void => this.#owner.append({ ...line, instance });
      this.#adopt(starting, await starter.start({ desired, copy, instance, onLine }, this.#signal));
    } catch (error) {
      capacity.give();
      throw error;
    } finally {
      this.#starting.delete(starting);
      resolve();
    }
  }

  #adopt(starting: Starting, started: StartedInstance): void {
    this.#starting.delete(starting);
    const instance = new LiveInstance(starting.instance, started.process, starting, this.#owner, this.#live);
    void started.process.exited.then((exit) => this.#onExit(instance, exit));
    if (this.#signal.aborted) {
      this.drain(instance);
      return;
    }
    this.#ready = [...this.#ready, instance];
    this.#owner.onUp(instance, started);
  }

  #onExit(instance: LiveInstance, exit: ExitInfo): void {
    this.#ready = this.#ready.filter((other) => other !== instance);
    this.#draining.delete(instance);
    instance.markGone();
    this.#context.capacity.give();
    this.#owner.onDown(instance, exit);
  }

  /** Takes it out of the choice; its calls go on. */
  retire(instance: LiveInstance): void {
    instance.state = "draining";
    this.#ready = this.#ready.filter((other) => other !== instance);
    this.#draining.add(instance);
  }

  /** Ends it when its calls have ended. */
  drain(instance: LiveInstance): void {
    this.retire(instance);
    this.endIfIdle(instance);
  }

  endIfIdle(instance: LiveInstance): void {
    // A suspect one ends itself: its handler may run on although no call is left.
    if (instance.state !== "draining" || instance.inFlight > 0 || instance.suspect) return;
    void instance.process.stop(this.#context.options.stopGraceMs);
  }

  /** Drains the `count` least busy ones. */
  shrink(count: number): void {
    if (count <= 0) return;
    const leastBusy = [...this.#ready].sort((a, b) => a.inFlight - b.inFlight);
    for (const instance of leastBusy.slice(0, count)) this.drain(instance);
  }

  /** The signal has aborted: lets calls end within `graceMs`, then cuts them. Resolves when no process is left. */
  async end(graceMs: number): Promise<void> {
    this.shrink(this.#ready.length);
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
  }

  infos(): readonly InstanceInfo[] {
    const live = [...this.#ready, ...this.#draining].map((instance) => ({
      instance: instance.name,
      state: instance.state,
      inFlight: instance.inFlight,
      startedAt: new Date(instance.startedAtMs).toISOString(),
      memoryBytes: instance.process.memoryBytes(),
    }));
    const starting = [...this.#starting.keys()].map(({ instance, startedAtMs }) => ({
      instance,
      state: "starting" as const,
      inFlight: 0,
      startedAt: new Date(startedAtMs).toISOString(),
    }));
    return [...live, ...starting];
  }
}
