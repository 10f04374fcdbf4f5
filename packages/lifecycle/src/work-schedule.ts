import { type Backoff, backoffDelay, withFullJitter } from "./backoff.ts";

/**
 * Which key is to be looked at next. A key is here once however often it was added, and is handed out to one at a
 * time; what is added while it is out makes it due once more. Pure: time and chance are arguments.
 */
export interface WorkSchedule {
  /** Due at once, whatever it waited for. */
  add(key: string): void;
  /** Due at `at`, in the milliseconds of a monotonic clock; the earlier of two counts. */
  addAt(key: string, at: number): void;
  /** A key that is due, which is out from now on. */
  take(now: number): string | undefined;
  /** It came back, and its failures are forgotten. */
  done(key: string): void;
  /** It came back, and is due again after a while that grows; the milliseconds, 0 where it was added meanwhile. */
  failed(key: string, now: number, random: number): number;
  /** How often it failed in a row. */
  failures(key: string): number;
  /** Out, due, or failed and waiting. What is merely to be looked at later is not under way. */
  underWay(key: string): boolean;
  /** When the next key is due that is not out: now or before where one waits already, undefined where there is none. */
  nextAt(): number | undefined;
}

export function createWorkSchedule(backoff: Backoff): WorkSchedule {
  const due = new Set<string>();
  const later = new Map<string, number>();
  /** What is out, and whether it was added since. */
  const out = new Map<string, boolean>();
  const failures = new Map<string, number>();
  /** No key of `later` is due before. */
  let soonest = Number.POSITIVE_INFINITY;

  const add = (key: string): void => {
    later.delete(key);
    if (out.has(key)) out.set(key, true);
    else due.add(key);
  };
  const promote = (now: number): void => {
    if (now < soonest) return;
    for (const [key, at] of later) if (at <= now) add(key);
    soonest = Math.min(...later.values());
  };
  const addAt = (key: string, at: number): void => {
    if (due.has(key) || (later.get(key) ?? Number.POSITIVE_INFINITY) <= at) return;
    later.set(key, at);
    soonest = Math.min(soonest, at);
  };
  /** True where it was added while it was out. */
  const comeBack = (key: string): boolean => {
    const again = out.get(key) === true;
    out.delete(key);
    if (again) add(key);
    return again;
  };
  return {
    add,
    addAt,
    take(now) {
      promote(now);
      const [key] = due;
      if (key === undefined) return undefined;
      due.delete(key);
      out.set(key, false);
      return key;
    },
    done(key) {
      failures.delete(key);
      comeBack(key);
    },
    failed(key, now, random) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      if (comeBack(key)) return 0;
      const full = backoffDelay(backoff, count);
      // Half of it for sure: a failure that repeats is to be looked at less and less often.
      const delay = full / 2 + withFullJitter(full / 2, random);
      addAt(key, now + delay);
      return delay;
    },
    failures: (key) => failures.get(key) ?? 0,
    underWay: (key) => out.has(key) || due.has(key) || (failures.has(key) && later.has(key)),
    nextAt: () =>
      due.size > 0 ? Number.NEGATIVE_INFINITY : soonest === Number.POSITIVE_INFINITY ? undefined : soonest,
  };
}
