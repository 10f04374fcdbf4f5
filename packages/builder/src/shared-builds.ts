import { abortable } from "@hanzo-fn/lifecycle";

/** A build that nobody waits for any more was ended; whoever shares a part of it begins that part again. */
export class BuildCancelledError extends Error {
  override readonly name = "BuildCancelledError";
  constructor() {
    super("nobody waits for this build any more");
  }
}

interface Running<T> {
  readonly work: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

/** One piece of work per key for all who want it at the same time; it ends when the last of them has left. */
export type SharedBuilds<T> = (
  key: string,
  signal: AbortSignal,
  begin: (signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** `closing` ends everything. */
export function createSharedBuilds<T>(closing: AbortSignal): SharedBuilds<T> {
  const running = new Map<string, Running<T>>();

  const start = (key: string, begin: (signal: AbortSignal) => Promise<T>): Running<T> => {
    const stop = new AbortController();
    const work = begin(AbortSignal.any([closing, stop.signal]));
    const entry = { work, stop, waiting: 0 };
    running.set(key, entry);
    const forget = (): void => {
      if (running.get(key) === entry) running.delete(key);
    };
    work.then(forget, forget);
    return entry;
  };

  return async (key, signal, begin) => {
    signal.throwIfAborted();
    const entry = running.get(key) ?? start(key, begin);
    entry.waiting += 1;
    try {
      return await abortable(entry.work, signal);
    } finally {
      entry.waiting -= 1;
      if (entry.waiting === 0) {
        // Whoever comes now begins anew.
        if (running.get(key) === entry) running.delete(key);
        entry.stop.abort(new BuildCancelledError());
      }
    }
  };
}
