import { PlatformError, type ErrorCode } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Lease, Target } from "../../engine.ts";
import { createWaitQueue, type WaitQueue } from "../../wait-queue.ts";
import type { Trouble } from "./diagnosis.ts";
import { activatorsFor, backendKey, type Backend } from "./endpoints.ts";
import { LeastLoaded, type Loaded } from "./least-loaded.ts";
import { DistantLease, type LeaseOwner } from "./lease.ts";
import type { RevisionFacts } from "./revision-facts.ts";

export interface LaneOptions {
  /** Calls that wait per revision, in the activator's queue or in ours; one more is refused with `no_capacity`. */
  readonly queueDepth: number;
  readonly queueTimeoutMs: number;
  /** How long the wait behind the activator may take. */
  readonly waitBudgetMs: number;
  /** How long an instance that took no connection is left alone, while it is said to be ready. */
  readonly suspectMs: number;
}

export interface LaneContext {
  readonly clock: Clock;
  readonly options: LaneOptions;
  readonly diagnose: (
    revision: RevisionFacts,
    pod: string | undefined,
    heldMs: number,
    trouble: Trouble,
  ) => Promise<PlatformError>;
}

/** One pod, or one activator, as a place for calls of one revision. */
class Slot implements Loaded {
  load = 0;
  place = 0;
  /** Until when nobody is sent there, in monotonic milliseconds; 0: it is in the order. */
  suspectUntilMs = 0;
  readonly backend: Backend;
  readonly target: Target;
  readonly gone = new AbortController();

  constructor(backend: Backend, instance: string, lines: string | undefined) {
    const { host, port } = backend;
    this.backend = backend;
    this.target = { instance, address: { kind: "tcp", host, port }, lines, gone: this.gone.signal };
  }

  get isPod(): boolean {
    return this.target.lines === undefined;
  }
}

/**
 * One revision in the cluster: its ready pods, the activators that start and find pods for it, and those who wait.
 *
 * A call goes to the pod with the least to do. Where every pod is at its limit, or there is none, it goes to an activator
 * and waits there, since what waits there is what the autoscaler counts; a queue of ours would hide the need for more
 * pods. Ours is for the time when no activator is known.
 */
export class RevisionLane implements LeaseOwner<Slot> {
  #facts: RevisionFacts;
  readonly #context: LaneContext;
  readonly #lines: string;
  readonly #pods = new LeastLoaded<Slot>();
  readonly #podsByKey = new Map<string, Slot>();
  readonly #ways = new LeastLoaded<Slot>();
  readonly #waysByKey = new Map<string, Slot>();
  readonly #queue: WaitQueue<Lease>;
  /** Calls that are behind activators. */
  #behind = 0;
  #named: readonly Backend[] = [];
  #activators: readonly Backend[] = [];
  #ended = false;

  constructor(facts: RevisionFacts, context: LaneContext) {
    this.#facts = facts;
    this.#context = context;
    this.#lines = `Knative-Serving-Namespace: ${facts.namespace}\r\nKnative-Serving-Revision: ${facts.name}\r\n`;
    const { clock, options } = context;
    this.#queue = createWaitQueue<Lease>(
      { depth: options.queueDepth, timeoutMs: options.queueTimeoutMs, clock },
      { timeout: (waitedMs) => this.#queueTimeout(waitedMs), change: () => {} },
    );
  }

  get waiting(): number {
    return this.#queue.size;
  }

  // What the cluster says.

  update(facts: RevisionFacts): void {
    this.#facts = facts;
    this.#serve(false);
  }

  /** The pods that take calls now. */
  pods(backends: readonly Backend[]): void {
    this.#replace(this.#podsByKey, this.#pods, backends, (backend) => {
      const instance = backend.pod === "" ? "" : `fn-${backend.pod}`;
      return new Slot(backend, instance, undefined);
    });
    this.#serve(backends.length > 0);
  }

  /** `named`: what the revision's public Service names, activators or pods. */
  named(backends: readonly Backend[]): void {
    this.#named = backends;
    this.#renewWays();
  }

  activators(all: readonly Backend[]): void {
    this.#activators = all;
    this.#renewWays();
  }

  /** The revision is gone. */
  end(): void {
    this.#ended = true;
    this.pods([]);
    this.activators([]);
    this.#queue.rejectAll(this.#refusal("draining", `${this.#facts.name} is no longer in the cluster`));
  }

  #renewWays(): void {
    const wanted = activatorsFor(this.#activators, this.#named);
    this.#replace(this.#waysByKey, this.#ways, wanted, (backend) => new Slot(backend, "", this.#lines));
    this.#serve(false);
  }

  #replace(
    known: Map<string, Slot>,
    order: LeastLoaded<Slot>,
    backends: readonly Backend[],
    make: (backend: Backend) => Slot,
  ): void {
    // The address may be another pod's by now.
    const wanted = new Map(backends.map((backend) => [`${backend.pod} ${backendKey(backend)}`, backend]));
    for (const [key, slot] of known) {
      if (wanted.has(key)) continue;
      known.delete(key);
      if (slot.suspectUntilMs === 0) order.remove(slot);
      // Calls that it has go on: a pod that is about to end lets them.
      slot.gone.abort();
    }
    for (const [key, backend] of wanted) {
      if (known.has(key)) continue;
      const slot = make(backend);
      known.set(key, slot);
      order.add(slot);
    }
  }

  // Calls.

  tryAcquire(): DistantLease<Slot> | undefined {
    if (!this.#facts.exact || this.#ways.size === 0) {
      const pod = this.#pods.least();
      if (pod !== undefined && pod.load < this.#facts.concurrency) return this.#take(this.#pods, pod);
    }
    return this.#throughActivator();
  }

  acquire(signal: AbortSignal): Promise<Lease> {
    const lease = this.tryAcquire();
    if (lease !== undefined) return Promise.resolve(lease);
    if (this.#ended) {
      return Promise.reject(this.#refusal("draining", `${this.#facts.name} is no longer in the cluster`));
    }
    const waiting = this.#ways.size > 0 ? undefined : this.#queue.wait(signal);
    if (waiting !== undefined) return waiting;
    const message = `${this.#behind + this.#queue.size} calls wait for an instance already`;
    return Promise.reject(this.#refusal("no_capacity", message));
  }

  #throughActivator(): DistantLease<Slot> | undefined {
    const way = this.#ways.least();
    if (way === undefined || this.#behind >= this.#mayBeBehind()) return undefined;
    this.#behind += 1;
    return this.#take(this.#ways, way);
  }

  /** Where all calls go there, those that run are no queue. */
  #mayBeBehind(): number {
    const { queueDepth } = this.#context.options;
    if (!this.#facts.exact || this.#pods.size === 0) return queueDepth;
    return queueDepth + this.#pods.size * this.#facts.concurrency;
  }

  #take(order: LeastLoaded<Slot>, slot: Slot): DistantLease<Slot> {
    order.increment(slot);
    const budget = slot.isPod ? undefined : this.#context.options.waitBudgetMs;
    return new DistantLease(slot, this, budget, this.#pods.size === 0);
  }

  /** Gives what is free to those who wait longest. */
  #serve(started: boolean): void {
    while (this.#queue.size > 0) {
      const lease = this.tryAcquire();
      if (lease === undefined) return;
      const waiter = this.#queue.next();
      if (waiter === undefined) return lease.release();
      if (started) lease.startedAfter(this.nowMs() - waiter.sinceMs);
      waiter.grant(lease);
    }
  }

  // Leases.

  nowMs(): number {
    return this.#context.clock.monotonic();
  }

  release(slot: Slot): void {
    const inOrder = !slot.gone.signal.aborted && slot.suspectUntilMs === 0;
    if (!inOrder) slot.load -= 1;
    else if (slot.isPod) this.#pods.decrement(slot);
    else this.#ways.decrement(slot);
    if (!slot.isPod) this.#behind -= 1;
    this.#serve(false);
  }

  diagnose(slot: Slot, heldMs: number, trouble: Trouble): Promise<PlatformError> {
    if (trouble.how === "refused") void this.#suspect(slot);
    const pod = slot.isPod && slot.backend.pod !== "" ? slot.backend.pod : undefined;
    return this.#context.diagnose(this.#facts, pod, heldMs, trouble);
  }

  /** It is gone, and the cluster has not said so yet; or the network to it is. The next call goes elsewhere. */
  async #suspect(slot: Slot): Promise<void> {
    if (slot.gone.signal.aborted || slot.suspectUntilMs > 0) return;
    const order = slot.isPod ? this.#pods : this.#ways;
    const { clock, options } = this.#context;
    order.remove(slot);
    slot.suspectUntilMs = clock.monotonic() + options.suspectMs;
    try {
      await clock.sleep(options.suspectMs, slot.gone.signal);
    } catch {
      return;
    }
    slot.suspectUntilMs = 0;
    order.add(slot);
    this.#serve(false);
  }

  #queueTimeout(waitedMs: number): PlatformError {
    const message = `no instance of ${this.#facts.name} was free within ${Math.round(waitedMs / 1000)} s`;
    return this.#refusal("queue_timeout", message);
  }

  #refusal(code: ErrorCode, message: string): PlatformError {
    return new PlatformError(code, message, {
      component: "engine/knative",
      function: this.#facts.function,
      revision: this.#facts.name,
      retryAfterSeconds: 1,
      next: code === "draining" ? undefined : "raise scaling.max_instances or resources.concurrency",
    });
  }
}
