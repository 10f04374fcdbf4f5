import type { Pace } from "./pace.ts";

/** How much goes together at most; one part alone may be more. */
export interface GroupLimits<T> {
  readonly items: number;
  /** Absent where items are small. */
  readonly size?: { readonly bytes: number; readonly of: (item: T) => number } | undefined;
}

/**
 * Joins what several ask for into one statement: whoever comes while one runs is in the next. So a single one waits
 * for nothing, and many share their commits.
 */
export function createGroupCommit<T, R>(
  run: (items: readonly T[]) => Promise<readonly R[]>,
  limits: GroupLimits<T>,
  pace: Pace = () => undefined,
): (items: readonly T[]) => Promise<readonly R[]> {
  interface Part {
    readonly items: readonly T[];
    readonly bytes: number;
    readonly result: PromiseWithResolvers<readonly R[]>;
  }
  const waiting: Part[] = [];
  let running = false;
  const take = (): Part[] => {
    let [count, bytes] = [0, 0];
    const fits = (part: Part): boolean => {
      count += part.items.length;
      bytes += part.bytes;
      return count <= limits.items && bytes <= (limits.size?.bytes ?? Infinity);
    };
    const end = waiting.findIndex((part, i) => !fits(part) && i > 0);
    return waiting.splice(0, end === -1 ? waiting.length : end);
  };
  const runOnce = async (parts: readonly Part[]): Promise<void> => {
    try {
      const results = await run(parts.flatMap(({ items }) => items));
      let at = 0;
      for (const { items, result } of parts) result.resolve(results.slice(at, (at += items.length)));
    } catch (error) {
      for (const { result } of parts) result.reject(error);
    }
  };
  const pump = async (): Promise<void> => {
    if (running) return;
    running = true;
    // What is asked for in the same turn of the event loop goes together.
    await Promise.resolve();
    while (waiting.length > 0) {
      await pace();
      await runOnce(take());
    }
    running = false;
  };
  return (items) => {
    const bytes = items.reduce((sum, item) => sum + (limits.size?.of(item) ?? 0), 0);
    const part: Part = { items, bytes, result: Promise.withResolvers() };
    waiting.push(part);
    void pump();
    return part.result.promise;
  };
}
