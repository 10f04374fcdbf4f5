/** One after the other per key, in the order of asking. */
export type Turns = <T>(key: string, signal: AbortSignal, run: () => Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return async (key, signal, run) => {
    const before = last.get(key) ?? Promise.resolve();
    const { promise: mine, resolve: done } = Promise.withResolvers<void>();
    const turn = before.then(() => mine);
    last.set(key, turn);
    try {
      await before;
      signal.throwIfAborted();
      return await run();
    } finally {
      done();
      if (last.get(key) === turn) last.delete(key);
    }
  };
}

/** At most `limit` at the same time, in the order of asking. */
export function createLanes(limit: number): <T>(signal: AbortSignal, run: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (signal, run) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      signal.throwIfAborted();
      return await run();
    } finally {
      // The lane is handed on: `free` stays as it is.
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
