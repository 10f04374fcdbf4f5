import { PlatformError } from "@hanzo-fn/contract";
import { backoffDelay, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { StoreLog } from "../log.ts";

export interface FlushLoopOptions {
  readonly name: string;
  /** Writes what is there now, in pieces; resolves when nothing of it is left. */
  readonly flush: () => Promise<void>;
  readonly isEmpty: () => boolean;
  /** The longest that something waits for a flush while the database answers. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: StoreLog;
}

export interface FlushLoop extends Service {
  /** There is something to write; `now` does not wait for more of it. */
  wake(now: boolean): void;
}

const RETRY = { initialMs: 200, factor: 2, maxMs: 5000 };

/** Flushes in the background, one flush at a time, again and again while the database is away. */
export function createFlushLoop(options: FlushLoopOptions): FlushLoop {
  const { clock, log } = options;
  const stopping = new AbortController();
  let hurry = new AbortController();
  let running: Promise<void> | undefined;
  let started = false;
  let failures = 0;

  const pause = async (ms: number): Promise<void> => {
    await clock.sleep(ms, AbortSignal.any([hurry.signal, stopping.signal])).catch(() => undefined);
  };

  const attempt = async (): Promise<boolean> => {
    try {
      await options.flush();
      if (failures > 0) log.info("the database takes data again", { sink: options.name });
      failures = 0;
      return true;
    } catch (error) {
      failures += 1;
      const code = error instanceof PlatformError ? error.code : String(error);
      if (failures === 1)
        log.warn("the database does not take data; it is kept and tried again", { sink: options.name, code });
      return false;
    }
  };

  const run = async (): Promise<void> => {
    await pause(options.intervalMs);
    while (!stopping.signal.aborted && !options.isEmpty()) {
      hurry = new AbortController();
      if (await attempt()) {
        if (!options.isEmpty()) await pause(options.intervalMs);
      } else {
        // A full buffer is no reason to press a database that is away.
        await clock.sleep(backoffDelay(RETRY, failures), stopping.signal).catch(() => undefined);
      }
    }
  };

  const wake = (now: boolean): void => {
    if (now) hurry.abort();
    if (!started || stopping.signal.aborted || running) return;
    running = run().finally(() => {
      running = undefined;
      if (!options.isEmpty()) wake(false);
    });
  };

  return {
    name: options.name,
    start() {
      started = true;
      if (!options.isEmpty()) wake(false);
      return Promise.resolve();
    },
    wake,
    async stop(graceMs) {
      const end = clock.monotonic() + graceMs;
      stopping.abort(new Error(`${options.name} is stopping`));
      await running;
      while (!options.isEmpty()) {
        if (await attempt()) continue;
        const delayMs = backoffDelay(RETRY, failures);
        if (clock.monotonic() + delayMs > end) return;
        await clock.sleep(delayMs);
      }
    },
  };
}
