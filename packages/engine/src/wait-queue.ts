import type { Clock } from "@hanzo-fn/lifecycle";

interface Waiter<T> {
  /** Monotonic milliseconds. */
  readonly sinceMs: number;
  grant(value: T): void;
}

export interface WaitQueue<T> {
  readonly size: number;
  /** Waits for a value; undefined where the queue is full. Rejects with the signal's reason, or with `onTimeout()`. */
  wait(signal: AbortSignal): Promise<T> | undefined;
  /** Takes the one that has waited longest out of the queue. */
  next(): Waiter<T> | undefined;
  rejectAll(error: Error): void;
}

interface Entry<T> extends Waiter<T> {
  /** False where it has left already. */
  leave(): boolean;
  reject(error: Error): void;
}

/** First in, first out; bounded in length and in time. `onChange` is called after every change of its size. */
export function createWaitQueue<T>(
  options: { readonly depth: number; readonly timeoutMs: number; readonly clock: Clock },
  on: { readonly timeout: (waitedMs: number) => Error; readonly change: (delta: 1 | -1) => void },
): WaitQueue<T> {
  const { clock, depth, timeoutMs } = options;
  // A set keeps the order and takes anyone out at once.
  const entries = new Set<Entry<T>>();
  let watching: AbortController | undefined;

  /** All wait equally long, so that the first one is always the next to run out of time. */
  const watch = async (): Promise<void> => {
    if (watching) return;
    const own = new AbortController();
    watching = own;
    for (let head = first(); head && !own.signal.aborted; head = first()) {
      const left = head.sinceMs + timeoutMs - clock.monotonic();
      if (left <= 0) head.reject(on.timeout(clock.monotonic() - head.sinceMs));
      else await clock.sleep(left, own.signal).catch(() => undefined);
    }
  };
  const unwatch = (): void => {
    watching?.abort();
    watching = undefined;
  };
  const first = (): Entry<T> | undefined => entries.values().next().value;

  return {
    get size() {
      return entries.size;
    },
    wait(signal) {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (entries.size >= depth) return undefined;
      return new Promise<T>((resolve, reject) => {
        const entry: Entry<T> = {
          sinceMs: clock.monotonic(),
          grant: (value) => resolve(value),
          leave() {
            if (!entries.delete(entry)) return false;
            signal.removeEventListener("abort", onAbort);
            if (entries.size === 0) unwatch();
            on.change(-1);
            return true;
          },
          reject(error) {
            if (entry.leave()) reject(error);
          },
        };
        const onAbort = (): void => entry.reject(signal.reason as Error);
        signal.addEventListener("abort", onAbort, { once: true });
        entries.add(entry);
        on.change(1);
        void watch();
      });
    },
    next() {
      const head = first();
      head?.leave();
      return head;
    },
    rejectAll(error) {
      for (const entry of entries) entry.reject(error);
    },
  };
}
