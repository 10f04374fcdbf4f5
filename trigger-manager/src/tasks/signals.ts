/** Who waits for a task to end, in this process. */
export interface TaskSignals {
  /** Resolves when the task ends, as far as this process hears of it, or the signal aborts; never rejects. */
  ended(id: string, signal: AbortSignal): Promise<void>;
  tell(id: string): void;
}

export function createTaskSignals(): TaskSignals {
  const waiting = new Map<string, Set<() => void>>();
  return {
    ended(id, signal) {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const listeners = waiting.get(id) ?? new Set();
        waiting.set(id, listeners);
        const done = (): void => {
          listeners.delete(done);
          if (listeners.size === 0 && waiting.get(id) === listeners) waiting.delete(id);
          signal.removeEventListener("abort", done);
          resolve();
        };
        listeners.add(done);
        signal.addEventListener("abort", done, { once: true });
      });
    },
    tell(id) {
      for (const done of [...(waiting.get(id) ?? [])]) done();
    },
  };
}
