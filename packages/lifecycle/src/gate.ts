/** At most `limit` runs at once; the others wait in their order. */
export type Gate = <T>(signal: AbortSignal, run: () => Promise<T>) => Promise<T>;

export function createGate(limit: number): Gate {
  let running = 0;
  const waiting = new Set<() => void>();

  const enter = (signal: AbortSignal): Promise<void> => {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (running < limit) {
      running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      // The place of the one that leaves is handed on: `running` stays as it is.
      const go = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        waiting.delete(go);
        reject(signal.reason as Error);
      };
      waiting.add(go);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  };
  const leave = (): void => {
    const next = waiting.values().next().value;
    if (!next) {
      running -= 1;
      return;
    }
    waiting.delete(next);
    next();
  };

  return async (signal, run) => {
    await enter(signal);
    try {
      return await run();
    } finally {
      leave();
    }
  };
}
