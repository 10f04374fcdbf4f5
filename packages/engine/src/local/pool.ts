import type { InstanceLine, InstanceProcess } from "@hanzo-fn/instance";
import { backoffDelay, type Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";

/** A generic runtime process. Its lines go to `attach`'s function, once there is one. */
export interface Worker {
  readonly process: InstanceProcess;
  attach(onLine: (line: InstanceLine) => void): void;
}

export interface BootOptions {
  /** Run as a uid of its own, where the runtime can. */
  readonly separate: boolean;
  /** Compiled code: started in place of the runtime's command, with everything that it needs in its environment. */
  readonly program?: Program | undefined;
}

export interface Program {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  readonly timeoutMs: number;
  readonly onLine: (line: InstanceLine) => void;
}

/** Boots generic workers, and keeps some ready per runtime. */
export interface WarmPool {
  /** Fills up every runtime; called once at start. */
  fill(): void;
  /** A ready worker, or undefined. The caller calls `refill` when it is no longer busy with it. */
  take(runtime: string): Worker | undefined;
  refill(runtime: string): void;
  /** Resolves when no worker that waits is left. */
  close(): Promise<void>;
}

const BACKOFF = { initialMs: 1000, factor: 2, maxMs: 60_000 };
/** A spawn holds the event loop up for milliseconds; the call that took the worker is to be on its way before. */
const REFILL_DELAY_MS = 50;

export function createWarmPool(
  deps: {
    readonly boot: (runtime: string, options: BootOptions, signal: AbortSignal) => Promise<Worker>;
    readonly clock: Clock;
    readonly log: Logger;
  },
  sizes: ReadonlyMap<string, number>,
): WarmPool {
  const idle = new Map<string, Worker[]>();
  const filling = new Map<string, Promise<void>>();
  const stop = new AbortController();
  const waiting = (runtime: string): Worker[] => {
    const workers = idle.get(runtime) ?? [];
    idle.set(runtime, workers);
    return workers;
  };

  const bootOne = async (runtime: string): Promise<void> => {
    const worker = await deps.boot(runtime, { separate: true }, stop.signal);
    if (stop.signal.aborted) {
      await worker.process.kill();
      return;
    }
    const workers = waiting(runtime);
    workers.push(worker);
    void worker.process.exited.then(() => {
      const at = workers.indexOf(worker);
      if (at === -1) return;
      workers.splice(at, 1);
      refill(runtime);
    });
  };
  /** One boot at a time per runtime: a machine that is short of anything is not helped by more. */
  const fillUp = async (runtime: string): Promise<void> => {
    let failures = 0;
    while (waiting(runtime).length < (sizes.get(runtime) ?? 0) && !stop.signal.aborted) {
      try {
        await bootOne(runtime);
        failures = 0;
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        deps.log.warn("a warm worker did not start", { runtime, failures, error: String(error) });
        await deps.clock.sleep(backoffDelay(BACKOFF, failures), stop.signal).catch(() => undefined);
      }
    }
  };
  const refill = (runtime: string, delayMs = REFILL_DELAY_MS): void => {
    if (filling.has(runtime) || stop.signal.aborted) return;
    filling.set(
      runtime,
      deps.clock
        .sleep(delayMs, stop.signal)
        .then(() => fillUp(runtime))
        .catch(() => undefined)
        .finally(() => filling.delete(runtime)),
    );
  };

  return {
    fill() {
      for (const runtime of sizes.keys()) refill(runtime, 0);
    },
    take(runtime) {
      const workers = waiting(runtime);
      const at = workers.findIndex((worker) => worker.process.alive);
      return at === -1 ? undefined : workers.splice(at, 1)[0];
    },
    refill: (runtime) => refill(runtime),
    async close() {
      stop.abort(new Error("the warm pool is closed"));
      await Promise.all(filling.values());
      const workers = [...idle.values()].flat();
      idle.clear();
      await Promise.all(workers.map((worker) => worker.process.kill()));
    },
  };
}
