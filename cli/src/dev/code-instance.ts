import { PlatformError } from "@hanzo-fn/contract";
import type { ColdStart, Lease, Target } from "@hanzo-fn/engine";
import type { ExitInfo, InstanceProcess } from "@hanzo-fn/instance";
import type { Clock } from "@hanzo-fn/lifecycle";

export interface CodeInstanceOptions {
  readonly name: string;
  readonly function: string;
  readonly revision: string;
  readonly memoryBytes: number;
  /** Told once, when it ended by itself. */
  readonly onExit: (error: PlatformError) => void;
  /** Told once, when nothing of it is left. */
  readonly onGone: () => void;
  readonly clock: Clock;
}

const PING_MS = 500;
const STOP_GRACE_MS = 2000;
const EXIT_WAIT_MS = 1000;

function explainExit(exit: ExitInfo, options: CodeInstanceOptions): PlatformError {
  const about = { component: "dev", function: options.function, revision: options.revision };
  if (exit.outOfMemory) {
    const limit = Math.round(options.memoryBytes / 1024 / 1024);
    const message = `the function needed more than its ${limit} MiB of memory`;
    return new PlatformError("out_of_memory", message, {
      ...about,
      next: "raise resources.memory in function.yaml",
    });
  }
  if (exit.byPlatform) {
    const message = "the function was ended: another call of it overran its deadline and did not stop";
    return new PlatformError("instance_killed", message, about);
  }
  const how =
    exit.signal === null ? `exited with code ${exit.code ?? "unknown"}` : `was ended by ${exit.signal}`;
  return new PlatformError("instance_exited", `the function's process ${how}`, about);
}

/** One process with one state of the code, and the calls that run on it. */
export class CodeInstance {
  readonly process: InstanceProcess;
  readonly options: CodeInstanceOptions;
  readonly target: Target;
  #inFlight = 0;
  #overrun = 0;
  #retired = false;
  readonly #gone = new AbortController();

  constructor(process: InstanceProcess, options: CodeInstanceOptions) {
    this.process = process;
    this.options = options;
    this.target = { instance: options.name, address: process.address, gone: this.#gone.signal };
    void process.exited.then((exit) => {
      this.#gone.abort();
      if (!exit.byPlatform) options.onExit(explainExit(exit, options));
      options.onGone();
    });
  }

  /** It takes new calls. */
  get usable(): boolean {
    return !this.#retired && this.process.alive;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  lease(coldStart: ColdStart | undefined): Lease {
    this.#inFlight += 1;
    let held = true;
    let overran = false;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#inFlight -= 1;
      if (overran) this.#overrun -= 1;
      this.#endWhenUnused();
    };
    return {
      target: this.target,
      coldStart,
      release,
      expire: () => {
        if (overran || !held) return;
        overran = true;
        this.#overrun += 1;
        this.retire();
      },
      diagnose: () => this.#diagnose(),
      [Symbol.dispose]: release,
    };
  }

  /** Takes no new calls; ends when those that run have ended. Calls beyond their deadline are not waited for. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    void this.process.ping(PING_MS).then((answers) => {
      if (answers) this.#endWhenUnused();
      else if (this.#overrun > 0) void this.process.kill();
    });
    this.#endWhenUnused();
  }

  /** Takes no new calls; resolves when the running ones have ended and nothing of it is left. */
  async ended(): Promise<void> {
    this.retire();
    await this.process.exited;
  }

  #endWhenUnused(): void {
    if (this.#retired && this.#inFlight <= this.#overrun) void this.process.stop(STOP_GRACE_MS);
  }

  async #diagnose(): Promise<PlatformError> {
    const exit = await Promise.race([this.process.exited, this.options.clock.sleep(EXIT_WAIT_MS)]);
    if (exit) return explainExit(exit, this.options);
    return new PlatformError("upstream_unreachable", "the connection to the function broke", {
      component: "dev",
    });
  }
}
