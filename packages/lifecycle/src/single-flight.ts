/** Concurrent calls with one key share one run; a later call runs anew. */
export function createSingleFlight<T>(): (key: string, run: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<T>>();
  return (key, run) => {
    const current = running.get(key);
    if (current) return current;
    const next = run().finally(() => running.delete(key));
    running.set(key, next);
    return next;
  };
}
