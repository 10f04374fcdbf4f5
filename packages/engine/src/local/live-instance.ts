import { PlatformError } from "@hanzo-fn/contract";
import type { ExitInfo, InstanceProcess } from "@hanzo-fn/instance";
import type { ColdStart, Lease, Target } from "../engine.ts";

export interface LiveOptions {
  readonly concurrency: number;
  readonly pingTimeoutMs: number;
  /** Waits for the exit, but not for long. */
  readonly exitWithin: (process: LiveProcess) => Promise<ExitInfo | undefined>;
  readonly explain: (exit: ExitInfo, instance: string) => PlatformError;
}

/** The part of a process that a live instance needs. */
export type LiveProcess = Pick<
  InstanceProcess,
  "address" | "exited" | "ping" | "listens" | "stop" | "kill" | "memoryBytes" | "logTail"
>;

export interface LiveOwner {
  /** A slot came free. `healthy`: the call ended and nothing said that the instance broke. */
  onRelease(instance: LiveInstance, healthy: boolean): void;
  /** It takes no new calls any more, for this reason. */
  onRetire(instance: LiveInstance, why: string): void;
}

/** One instance that has loaded its code, and the count of its calls. */
export class LiveInstance {
  readonly name: string;
  readonly process: LiveProcess;
  readonly target: Target;
  readonly startedAtMs: number;
  state: "ready" | "draining" = "ready";
  inFlight = 0;
  /** Calls among them that overran their deadline. */
  overrun = 0;
  /** A call overran its deadline once: its handler may still run when no call is left. */
  suspect = false;
  readonly #gone = new AbortController();
  readonly #owner: LiveOwner;
  readonly #options: LiveOptions;
  #pinging: Promise<void> | undefined;

  constructor(
    name: string,
    process: LiveProcess,
    times: { readonly startedAtMs: number },
    owner: LiveOwner,
    options: LiveOptions,
  ) {
    this.name = name;
    this.process = process;
    this.startedAtMs = times.startedAtMs;
    this.#owner = owner;
    this.#options = options;
    this.target = { instance: name, address: process.address, gone: this.#gone.signal };
  }

  get hasRoom(): boolean {
    return this.state === "ready" && this.inFlight < this.#options.concurrency;
  }

  /** Takes a slot; the caller has looked at `hasRoom`. */
  lease(coldStart: ColdStart | undefined): Lease {
    this.inFlight += 1;
    return new LocalLease(this, coldStart);
  }

  release(healthy: boolean, overran: boolean): void {
    this.inFlight -= 1;
    if (overran) this.overrun -= 1;
    this.#owner.onRelease(this, healthy);
    this.#endWhenOnlyOverrun();
  }

  /** See `Lease.expire`. */
  expire(): void {
    this.overrun += 1;
    this.suspect = true;
    this.#retire("a call overran its deadline");
    this.#pinging ??= this.process.ping(this.#options.pingTimeoutMs).then((answered) => {
      this.#pinging = undefined;
      if (answered) this.#endWhenOnlyOverrun();
      else void this.process.kill();
    });
  }

  #retire(why: string): void {
    if (this.state !== "ready") return;
    this.state = "draining";
    this.#owner.onRetire(this, why);
  }

  /** What overran may never end and is not waited for, but every other call is. Its clean-up gets a moment. */
  #endWhenOnlyOverrun(): void {
    if (!this.suspect || this.#pinging || this.inFlight > this.overrun) return;
    void this.process.stop(this.#options.pingTimeoutMs);
  }

  async diagnose(): Promise<PlatformError> {
    const exit = await this.#options.exitWithin(this.process);
    if (exit) return this.#options.explain(exit, this.name);
    const component = "engine/local";
    if (await this.process.listens()) {
      return new PlatformError("upstream_unreachable", `the connection to instance ${this.name} broke`, {
        component,
      });
    }
    // It lives and can never be called again, as where user code closed all descriptors.
    this.#retire("it takes no connections any more");
    void this.process.kill();
    const msg = `instance ${this.name} closed the socket that its server listens on, and was ended`;
    return new PlatformError("instance_exited", msg, { component });
  }

  markGone(): void {
    this.state = "draining";
    this.#gone.abort();
  }
}

class LocalLease implements Lease {
  readonly target: Target;
  readonly coldStart: ColdStart | undefined;
  readonly #instance: LiveInstance;
  #state: "held" | "released" = "held";
  #broken = false;
  #overran = false;

  constructor(instance: LiveInstance, coldStart: ColdStart | undefined) {
    this.#instance = instance;
    this.target = instance.target;
    this.coldStart = coldStart;
  }

  release(): void {
    if (this.#state === "released") return;
    this.#state = "released";
    this.#instance.release(!this.#broken && !this.#overran, this.#overran);
  }

  expire(): void {
    if (this.#overran || this.#state === "released") return;
    this.#overran = true;
    this.#instance.expire();
  }

  diagnose(): Promise<PlatformError> {
    this.#broken = true;
    return this.#instance.diagnose();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
